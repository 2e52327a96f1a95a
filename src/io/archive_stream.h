/* A tar's bytes on their way from the file to libarchive's tar reader, counted.
 *
 * libarchive reads the map of a GNU sparse file into memory while it reads the header, however long
 * that is: 75 KB of zstd are a map that takes gigabytes. It has no limit of its own, so the bytes
 * are unpacked by a reader of their own, which hands over only so many for one header. */
#ifndef UNGIL_IO_ARCHIVE_STREAM_H
#define UNGIL_IO_ARCHIVE_STREAM_H

#include <archive.h>

struct archive_stream;

/* Makes `tar` read from the file; packed in any way that libarchive knows of xz, gzip, bzip2 and
 * zstd, or plain. An archive status; `fd` stays the caller's. *out is freed after `tar`. */
int archive_stream_open(struct archive *tar, int fd, struct archive_stream **out);
/* The next header is read now; from archive_stream_data on, data. */
void archive_stream_header(struct archive_stream *s);
void archive_stream_data(struct archive_stream *s);
void archive_stream_free(struct archive_stream *s);

#endif
