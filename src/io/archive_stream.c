#include "io/archive_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/str.h"

#define STREAM_FUNCTIONS(X)                                                                        \
    X(error_string)                                                                                \
    X(read_data_block)                                                                             \
    X(read_free)                                                                                   \
    X(read_new)                                                                                    \
    X(read_next_header)                                                                            \
    X(read_open)                                                                                   \
    X(read_open_fd)                                                                                \
    X(read_support_filter_bzip2)                                                                   \
    X(read_support_filter_gzip)                                                                    \
    X(read_support_filter_xz)                                                                      \
    X(read_support_filter_zstd)                                                                    \
    X(read_support_format_empty)                                                                   \
    X(read_support_format_raw)                                                                     \
    X(set_error)
DL_API(archive, archive_, STREAM_FUNCTIONS)

enum {
    BLOCK_SIZE = 64 * 1024,
    HEADER_LIMIT = 1 << 20, /* bytes; with long names and their pax records it has some 10 KB */
};

struct archive_stream {
    struct archive *raw;
    bool ended, in_header;
    size_t taken; /* bytes since this header began */
};

static la_ssize_t pass_on(struct archive *tar, void *arg, const void **buffer)
{
    struct archive_stream *s = arg;
    size_t n = 0;
    la_int64_t offset;
    if (s->ended)
        return 0;
    if (s->in_header && s->taken > HEADER_LIMIT) {
        archive.set_error(tar, EINVAL, "a header is longer than any may be");
        return ARCHIVE_FATAL;
    }
    int status = archive.read_data_block(s->raw, buffer, &n, &offset);
    if (status == ARCHIVE_EOF) {
        s->ended = true;
        return 0;
    }
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
        archive.set_error(tar, EINVAL, "%s", archive.error_string(s->raw));
        return ARCHIVE_FATAL;
    }
    s->taken += n;
    return (la_ssize_t)n;
}

int archive_stream_open(struct archive *tar, int fd, struct archive_stream **out)
{
    *out = NULL;
    if (DL_LOAD(archive, LIBARCHIVE_SONAME) < 0)
        return ARCHIVE_FATAL;
    struct archive *raw = archive.read_new();
    if (!raw)
        return ARCHIVE_FATAL;
    struct archive_stream *s = xcalloc(1, sizeof *s);
    struct archive_entry *e;
    s->raw = raw;
    *out = s;
    archive.read_support_filter_xz(raw);
    archive.read_support_filter_gzip(raw);
    archive.read_support_filter_bzip2(raw);
    archive.read_support_filter_zstd(raw);
    archive.read_support_format_raw(raw);
    archive.read_support_format_empty(raw);
    int status = archive.read_open_fd(raw, fd, BLOCK_SIZE);
    if (status == ARCHIVE_OK)
        status = archive.read_next_header(raw, &e);
    s->ended = status == ARCHIVE_EOF;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN && !s->ended) {
        archive.set_error(tar, EINVAL, "%s", archive.error_string(raw));
        return status;
    }
    s->in_header = true;
    return archive.read_open(tar, s, NULL, pass_on, NULL);
}

void archive_stream_header(struct archive_stream *s)
{
    if (s) {
        s->in_header = true;
        s->taken = 0;
    }
}

void archive_stream_data(struct archive_stream *s)
{
    if (s)
        s->in_header = false;
}

void archive_stream_free(struct archive_stream *s)
{
    if (s)
        archive.read_free(s->raw);
    free(s);
}
