/* Archives written by libarchive. */
#ifndef UNGIL_IO_ARCHIVE_WRITE_H
#define UNGIL_IO_ARCHIVE_WRITE_H

#include "base/str.h"

/* Writes the regular files `names` below `dir`, in this order, into a pax tar: owner 0, mode 0644,
 * time 0, so that equal files make an equal archive. A `file` that ends in .gz is packed with gzip,
 * any other with zstd. Appears complete, in place of what was there, or not at all. */
int archive_pack(const char *file, const char *dir, const struct strv *names);

#endif
