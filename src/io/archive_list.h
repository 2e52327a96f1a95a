/* What is in a tar, packed or not, without unpacking it; and single files out of it. */
#ifndef UNGIL_IO_ARCHIVE_LIST_H
#define UNGIL_IO_ARCHIVE_LIST_H

#include <stddef.h>

#include "base/str.h"

struct archive_name {
    const char *path; /* without "/" or "./" in front and "/" behind */
    char type;        /* 'f', 'd', 'l', 'h'; '?' for anything else */
    const char *link; /* NULL unless 'l' or 'h' */
};
typedef int archive_list_each(const struct archive_name *name, void *arg);

/* Calls back for each entry; a result other than 0 stops it and is returned. E_INTEGRITY for what
 * is no tar, or has more than `limit` entries. */
int archive_list(const char *file, size_t limit, archive_list_each *each, void *arg);

/* Writes the regular files `paths` (as archive_list has them) to `to`, one each, the last of each
 * name; those that are not there are not made. E_INTEGRITY as above, and for one of more than
 * `bytes`. */
int archive_take(const char *file, const struct strv *paths, const struct strv *to, size_t bytes);

#endif
