/* Looking into tars, see archive_list.h. */
#include "io/archive_list.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "io/archive_stream.h"

#define LIST_FUNCTIONS(X)                                                                          \
    X(entry_filetype)                                                                              \
    X(entry_hardlink)                                                                              \
    X(entry_pathname)                                                                              \
    X(entry_symlink)                                                                               \
    X(error_string)                                                                                \
    X(read_data_block)                                                                             \
    X(read_data_skip)                                                                              \
    X(read_free)                                                                                   \
    X(read_new)                                                                                    \
    X(read_next_header)                                                                            \
    X(read_support_format_empty)                                                                   \
    X(read_support_format_tar)

DL_API(archive, archive_, LIST_FUNCTIONS)

typedef int each_entry(struct archive *reader, struct archive_entry *e, void *arg);

static int damaged(const char *file, struct archive *reader)
{
    const char *why = reader ? archive.error_string(reader) : "out of memory";
    return fail(E_INTEGRITY, "%s is no tar, damaged or cut short: %s", file,
                why ? why : "unexpected end");
}

static int each_of(const char *file, struct archive *reader, struct archive_stream *stream,
                   size_t limit, each_entry *each, void *arg)
{
    for (;;) {
        struct archive_entry *e;
        archive_stream_header(stream);
        int status = archive.read_next_header(reader, &e);
        archive_stream_data(stream);
        if (status == ARCHIVE_EOF)
            return 0;
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return damaged(file, reader);
        if (limit-- == 0)
            return fail(E_INTEGRITY, "%s has more entries than it may have", file);
        int rc = proc_check();
        if (rc == 0)
            rc = each(reader, e, arg);
        if (rc != 0)
            return rc;
        if (archive.read_data_skip(reader) < ARCHIVE_WARN) /* or it counted as the next header */
            return damaged(file, reader);
    }
}

static int read_archive(const char *file, size_t limit, each_entry *each, void *arg)
{
    int rc = DL_LOAD(archive, LIBARCHIVE_SONAME);
    if (rc < 0)
        return rc;
    autofd fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot read %s", file);
    struct archive *reader = archive.read_new();
    if (!reader)
        return damaged(file, NULL);
    struct archive_stream *stream;
    archive.read_support_format_empty(reader);
    archive.read_support_format_tar(reader);
    rc = archive_stream_open(reader, fd, &stream) == ARCHIVE_OK
             ? each_of(file, reader, stream, limit, each, arg)
             : damaged(file, reader);
    archive.read_free(reader);
    archive_stream_free(stream);
    return rc;
}

/* ---- Names ---- */

/* As archive_list has it; owned, "" for the top and for what has no name. */
static char *plain_path(const char *path)
{
    if (!path)
        return xstrdup("");
    for (;;) {
        if (*path == '/')
            path++;
        else if (path[0] == '.' && (path[1] == '/' || !path[1]))
            path++;
        else
            break;
    }
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    return xstrndup(path, n);
}

struct naming {
    archive_list_each *each;
    void *arg;
};

static int tell_name(struct archive *reader, struct archive_entry *e, void *arg)
{
    (void)reader;
    const struct naming *n = arg;
    const char *hard = archive.entry_hardlink(e);
    autofree char *path = plain_path(archive.entry_pathname(e));
    autofree char *target = hard ? plain_path(hard) : xstrdup(archive.entry_symlink(e));
    mode_t type = archive.entry_filetype(e);
    struct archive_name name = {.path = path, .link = target};
    name.type = hard               ? 'h'
                : type == AE_IFREG ? 'f'
                : type == AE_IFDIR ? 'd'
                : type == AE_IFLNK ? 'l'
                                   : '?';
    if (name.type != 'h' && name.type != 'l')
        name.link = NULL;
    else if (!target)
        name.type = '?';
    return n->each(&name, n->arg);
}

int archive_list(const char *file, size_t limit, archive_list_each *each, void *arg)
{
    struct naming n = {.each = each, .arg = arg};
    return read_archive(file, limit, tell_name, &n);
}

/* ---- Files ---- */

struct taking {
    const char *file;
    const struct strv *paths, *to;
    size_t bytes;
};

static int write_file(const struct taking *t, struct archive *reader, const char *to)
{
    const void *data;
    size_t n;
    la_int64_t offset;
    int status;
    autofd fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot write %s", to);
    while ((status = archive.read_data_block(reader, &data, &n, &offset)) == ARCHIVE_OK) {
        if (offset < 0 || (unsigned long long)offset + n > t->bytes)
            return fail(E_INTEGRITY, "%s has a file that is larger than it may be", t->file);
        if (lseek(fd, (off_t)offset, SEEK_SET) < 0 || fs_write_all(fd, data, n) < 0)
            return fail_errno(E_FAILED, "cannot write %s", to);
    }
    return status == ARCHIVE_EOF ? 0 : damaged(t->file, reader);
}

static int take_one(struct archive *reader, struct archive_entry *e, void *arg)
{
    const struct taking *t = arg;
    if (archive.entry_filetype(e) != AE_IFREG || archive.entry_hardlink(e))
        return 0;
    autofree char *path = plain_path(archive.entry_pathname(e));
    for (size_t i = 0; i < t->paths->n; i++)
        if (strcmp(t->paths->v[i], path) == 0)
            return write_file(t, reader, t->to->v[i]);
    return 0;
}

int archive_take(const char *file, const struct strv *paths, const struct strv *to, size_t bytes)
{
    struct taking t = {.file = file, .paths = paths, .to = to, .bytes = bytes};
    return read_archive(file, (size_t)-1, take_one, &t);
}
