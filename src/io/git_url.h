/* Which URLs git understands. */
#ifndef UNGIL_IO_GIT_URL_H
#define UNGIL_IO_GIT_URL_H

/* The path of a file:// URL or of a plain path, owned; NULL for what lies across a network. */
char *git_local_path(const char *url);

#endif
