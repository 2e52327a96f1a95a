/* Writing archives, see archive_write.h. */
#include "io/archive_write.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"

#define PACK_FUNCTIONS(X)                                                                          \
    X(entry_free)                                                                                  \
    X(entry_new)                                                                                   \
    X(entry_set_filetype)                                                                          \
    X(entry_set_gid)                                                                               \
    X(entry_set_hardlink)                                                                          \
    X(entry_set_mtime)                                                                             \
    X(entry_set_pathname)                                                                          \
    X(entry_set_perm)                                                                              \
    X(entry_set_size)                                                                              \
    X(entry_set_symlink)                                                                           \
    X(entry_set_uid)                                                                               \
    X(error_string)                                                                                \
    X(write_add_filter_gzip)                                                                       \
    X(write_add_filter_zstd)                                                                       \
    X(write_close)                                                                                 \
    X(write_data)                                                                                  \
    X(write_free)                                                                                  \
    X(write_header)                                                                                \
    X(write_new)                                                                                   \
    X(write_open_fd)                                                                               \
    X(write_set_bytes_in_last_block)                                                               \
    X(write_set_format_pax_restricted)                                                             \
    X(write_set_format_raw)                                                                        \
    X(write_set_options)

DL_API(archive, archive_, PACK_FUNCTIONS)

struct archive_writer {
    char *file;      /* for messages */
    char *temporary; /* what is written, until it is complete */
    int fd;
    struct archive_writer_opts opts;
    struct archive *tar;
};

static int cannot_write(const struct archive_writer *w)
{
    int system = errno; /* libarchive's own text for a failed write(2) is "Write error" */
    const char *why = w->tar ? archive.error_string(w->tar) : "out of memory";
    if (why && strcmp(why, "Write error") == 0 && system)
        why = strerror(system);
    return fail(E_FAILED, "cannot write %s: %s", w->file, why ? why : "libarchive says no more");
}

static int add_filter(const struct archive_writer *w)
{
    if (w->opts.plain)
        return 0;
    /* gzip has a time of its own in its header. */
    if (str_ends(w->file, ".gz"))
        return archive.write_add_filter_gzip(w->tar) == ARCHIVE_OK &&
                       archive.write_set_options(w->tar, "gzip:!timestamp") == ARCHIVE_OK
                   ? 0
                   : cannot_write(w);
    /* Anything but OK: there is only an external program for it. */
    if (archive.write_add_filter_zstd(w->tar) != ARCHIVE_OK)
        return err_hint(fail(E_FAILED, "cannot write %s: this libarchive has no zstd", w->file),
                        "give it a name that ends in .tar.gz");
    autofree char *level = xasprintf("zstd:compression-level=%d", w->opts.level);
    if (w->opts.level > 0 && archive.write_set_options(w->tar, level) != ARCHIVE_OK)
        return cannot_write(w);
    return 0;
}

static int open_writer(struct archive_writer *w)
{
    w->tar = archive.write_new();
    if (!w->tar || (w->opts.raw ? archive.write_set_format_raw(w->tar)
                                : archive.write_set_format_pax_restricted(w->tar)) != ARCHIVE_OK)
        return cannot_write(w);
    int rc = add_filter(w);
    if (rc == 0 && (archive.write_set_bytes_in_last_block(w->tar, 1) != ARCHIVE_OK ||
                    archive.write_open_fd(w->tar, w->fd) != ARCHIVE_OK))
        rc = cannot_write(w);
    return rc;
}

int archive_writer_open(const char *file, const struct archive_writer_opts *opts,
                        struct archive_writer **out)
{
    int rc = DL_LOAD(archive, LIBARCHIVE_SONAME);
    if (rc < 0)
        return rc;
    struct stat st;
    if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
        return fail(E_FAILED, "cannot write %s: it is there and not a regular file", file);
    struct archive_writer *w = xcalloc(1, sizeof *w);
    /* The file that a link leads to, and not the link, is replaced: it may be /dev/stdout. */
    if (lstat(file, &st) == 0 && S_ISLNK(st.st_mode))
        w->file = realpath(file, NULL);
    if (!w->file)
        w->file = xstrdup(file);
    w->opts = *opts;
    w->temporary = xasprintf("%s.XXXXXX.tmp", file);
    w->fd = mkostemps(w->temporary, (int)strlen(".tmp"), O_CLOEXEC);
    if (w->fd < 0) {
        rc = fail_errno(E_FAILED, "cannot write %s", file);
        free(steal(&w->temporary));
    } else {
        rc = open_writer(w);
    }
    if (rc < 0)
        archive_writer_close(w, false);
    else
        *out = w;
    return rc;
}

static int add_data(const struct archive_writer *w, const char *path, off_t size)
{
    autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    char buf[65536];
    ssize_t n;
    while ((n = fs_read_fd(fd, buf, sizeof buf)) != 0) {
        if (n < 0)
            return fail_errno(E_FAILED, "cannot read %s", path);
        if (proc_check() < 0)
            return E_SIGNAL;
        if (archive.write_data(w->tar, buf, (size_t)n) != (la_ssize_t)n)
            return cannot_write(w);
        size -= n;
    }
    return size == 0 ? 0 : fail(E_FAILED, "%s changed while it was read", path);
}

int archive_writer_add(struct archive_writer *w, const char *name, const char *path,
                       const struct stat *st, const char *same)
{
    autofree char *target = NULL;
    int rc = proc_check();
    if (rc == 0 && S_ISLNK(st->st_mode))
        rc = fs_read_link(path, &target);
    if (rc < 0)
        return rc;
    bool data = S_ISREG(st->st_mode) && !same;
    struct archive_entry *e = archive.entry_new();
    archive.entry_set_pathname(e, name);
    archive.entry_set_filetype(e, st->st_mode & S_IFMT);
    archive.entry_set_perm(e, st->st_mode & 07777);
    archive.entry_set_size(e, data ? st->st_size : 0);
    archive.entry_set_mtime(e, w->opts.mtime, 0);
    archive.entry_set_uid(e, 0);
    archive.entry_set_gid(e, 0);
    if (target)
        archive.entry_set_symlink(e, target);
    if (same)
        archive.entry_set_hardlink(e, same);
    int status = archive.write_header(w->tar, e);
    archive.entry_free(e);
    if (status != ARCHIVE_OK)
        return cannot_write(w);
    return data ? add_data(w, path, st->st_size) : 0;
}

static int complete(const struct archive_writer *w)
{
    mode_t mask = umask(0);
    umask(mask);
    if (archive.write_close(w->tar) != ARCHIVE_OK)
        return cannot_write(w);
    if ((!w->opts.scratch && fsync(w->fd) < 0) || fchmod(w->fd, 0666 & ~mask) < 0 ||
        rename(w->temporary, w->file) < 0)
        return fail_errno(E_FAILED, "cannot write %s", w->file);
    return 0;
}

int archive_writer_close(struct archive_writer *w, bool keep)
{
    int rc = keep ? complete(w) : 0;
    if ((rc < 0 || !keep) && w->temporary)
        unlink(w->temporary);
    if (w->tar)
        archive.write_free(w->tar);
    if (w->fd >= 0)
        close(w->fd);
    free(w->file);
    free(w->temporary);
    free(w);
    return rc;
}

static int add_named(struct archive_writer *w, const char *dir, const char *name)
{
    autofree char *path = path_join(dir, name);
    struct stat st;
    if (lstat(path, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return fail(E_FAILED, "%s is not a regular file", path);
    st.st_mode = S_IFREG | 0644;
    return archive_writer_add(w, name, path, &st, NULL);
}

int archive_pack(const char *file, const char *dir, const struct strv *names)
{
    struct archive_writer *w;
    int rc = archive_writer_open(file, &(struct archive_writer_opts){0}, &w);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < names->n; i++)
        rc = add_named(w, dir, names->v[i]);
    int closed = archive_writer_close(w, rc == 0);
    return rc < 0 ? rc : closed;
}

int archive_gzip(const char *from, const char *file)
{
    struct archive_writer *w;
    struct stat st;
    if (stat(from, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", from);
    int rc = archive_writer_open(file, &(struct archive_writer_opts){.raw = true}, &w);
    if (rc < 0)
        return rc;
    rc = archive_writer_add(w, "data", from, &st, NULL);
    int closed = archive_writer_close(w, rc == 0);
    return rc < 0 ? rc : closed;
}
