/* A look at how an archive begins, before any of it is unpacked; see archive.h. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "io/archive.h"
#include "io/archive_stream.h"

#define FIRST_FUNCTIONS(X)                                                                         \
    X(entry_filetype)                                                                              \
    X(entry_pathname)                                                                              \
    X(error_string)                                                                                \
    X(read_data_block)                                                                             \
    X(read_free)                                                                                   \
    X(read_new)                                                                                    \
    X(read_next_header)                                                                            \
    X(read_support_format_tar)

DL_API(archive, archive_, FIRST_FUNCTIONS)

struct first {
    const char *file, *name, *kind;
    size_t limit;
    struct archive *reader;
    struct archive_stream *stream;
};

static int damaged(const struct first *f)
{
    const char *why = f->reader ? archive.error_string(f->reader) : "out of memory";
    int rc = fail(E_INTEGRITY, "%s is not %s, damaged or cut short: %s", f->file, f->kind,
                  why ? why : "unexpected end");
    return err_hint(rc, "remove it and get it again");
}

static int read_text(const struct first *f, char **text)
{
    autostr all = {0};
    const void *data;
    size_t n;
    la_int64_t offset;
    int status;
    while ((status = archive.read_data_block(f->reader, &data, &n, &offset)) == ARCHIVE_OK) {
        if (offset < 0 || (unsigned long long)offset != all.len || n > f->limit - all.len)
            return fail(E_INTEGRITY, "%s is refused: its %s is larger than it may be", f->file,
                        f->name);
        str_addn(&all, data, n);
    }
    if (status != ARCHIVE_EOF)
        return damaged(f);
    *text = str_take(&all);
    return 0;
}

static int find(const struct first *f, char **text)
{
    enum { DIRECTORIES = 16 }; /* a file of a megabyte may begin with millions */
    struct archive_entry *e;
    int status, directories = 0;
    for (;; archive_stream_header(f->stream)) {
        status = archive.read_next_header(f->reader, &e);
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            break;
        const char *path = archive.entry_pathname(e);
        if (archive.entry_filetype(e) == AE_IFDIR && directories++ < DIRECTORIES)
            continue;
        if (!path || strcmp(path_base(path), f->name) != 0 || archive.entry_filetype(e) != AE_IFREG)
            break;
        archive_stream_data(f->stream);
        return read_text(f, text);
    }
    if (status < ARCHIVE_WARN)
        return damaged(f);
    return fail(E_INTEGRITY, "%s is not %s: it does not begin with %s", f->file, f->kind, f->name);
}

int archive_first(const char *file, const char *name, size_t limit, const char *kind, char **text)
{
    struct first f = {.file = file, .name = name, .kind = kind, .limit = limit};
    *text = NULL;
    int rc = DL_LOAD(archive, LIBARCHIVE_SONAME);
    if (rc < 0)
        return rc;
    autofd fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot read %s", file);
    f.reader = archive.read_new();
    if (f.reader)
        archive.read_support_format_tar(f.reader);
    rc = f.reader && archive_stream_open(f.reader, fd, &f.stream) == ARCHIVE_OK ? find(&f, text)
                                                                                : damaged(&f);
    if (f.reader)
        archive.read_free(f.reader);
    archive_stream_free(f.stream);
    return rc;
}
