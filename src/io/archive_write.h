/* Archives written by libarchive: pax tars with owner 0, so that equal files make an equal archive.
 */
#ifndef UNGIL_IO_ARCHIVE_WRITE_H
#define UNGIL_IO_ARCHIVE_WRITE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/str.h"

/* Writes the regular files `names` below `dir`, in this order, with mode 0644 and time 0. A `file`
 * that ends in .gz is packed with gzip, any other with zstd. Appears complete, in place of what was
 * there, or not at all. */
int archive_pack(const char *file, const char *dir, const struct strv *names);

/* The same step by step. What is not closed with `keep` never appears. */
struct archive_writer;
struct archive_writer_opts {
    long mtime;   /* of every entry, seconds since 1970 */
    int level;    /* of zstd, 1 to 19; 0: its own */
    bool scratch; /* it will not outlive this process: not worth waiting for the disk */
    bool plain;   /* not packed, whatever the name is */
    bool raw;     /* no tar: just the bytes of the one file that is added */
};
int archive_writer_open(const char *file, const struct archive_writer_opts *opts,
                        struct archive_writer **out);
/* The regular file, directory or symbolic link `path` as `name`; of `st` type and permissions are
 * taken. `same`: the name of an earlier entry that it is another name of; NULL: none. */
int archive_writer_add(struct archive_writer *w, const char *name, const char *path,
                       const struct stat *st, const char *same);
/* Frees w in any case. */
int archive_writer_close(struct archive_writer *w, bool keep);

/* Packs a file, which no name and no time goes into: equal files make equal ones. `file` ends in
 * .gz. */
int archive_gzip(const char *from, const char *file);

#endif
