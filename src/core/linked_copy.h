/* A second tree of the same files. */
#ifndef UNGIL_CORE_LINKED_COPY_H
#define UNGIL_CORE_LINKED_COPY_H

/* Adds everything below `from` to the directory `to`, which is made where it lacks: directories,
 * symbolic links, and one more name for each file (a copy where the file system refuses). What is
 * there under such a name is replaced. */
int linked_copy(const char *from, const char *to);

#endif
