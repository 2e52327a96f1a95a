/* The names of entries in archives: bytes from anywhere. */
#ifndef UNGIL_IO_ARCHIVE_NAME_H
#define UNGIL_IO_ARCHIVE_NAME_H

#include <stdbool.h>

/* Whether the character at `c` steers a terminal: of ASCII, or one of U+0080 to U+009F in UTF-8. */
bool archive_is_control(const char *c);
/* A name as a message shows it: without what would steer a terminal. Owned. */
char *archive_printable(const char *name);
/* Components of a path that are names; -1 when one of them is "..". */
int archive_depth(const char *path);
/* `path` without its first `strip` names, "." and doubled slashes; "" when nothing is left. Owned.
 */
char *archive_stripped(const char *path, int strip);

#endif
