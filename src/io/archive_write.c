/* Writing archives, see archive_write.h. */
#include "io/archive_write.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    X(entry_set_mtime)                                                                             \
    X(entry_set_pathname)                                                                          \
    X(entry_set_perm)                                                                              \
    X(entry_set_size)                                                                              \
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
    X(write_set_options)

DL_API(archive, archive_, PACK_FUNCTIONS)

struct packing {
    const char *file; /* for messages */
    struct archive *writer;
};

static int cannot_write(const struct packing *p)
{
    const char *why = p->writer ? archive.error_string(p->writer) : "out of memory";
    return fail(E_FAILED, "cannot write %s: %s", p->file, why ? why : "libarchive says no more");
}

static int open_writer(struct packing *p, int fd)
{
    bool gzip = str_ends(p->file, ".gz");
    p->writer = archive.write_new();
    if (!p->writer || archive.write_set_format_pax_restricted(p->writer) != ARCHIVE_OK)
        return cannot_write(p);
    int rc =
        gzip ? archive.write_add_filter_gzip(p->writer) : archive.write_add_filter_zstd(p->writer);
    /* Anything but OK: there is only an external program for it. */
    if (rc != ARCHIVE_OK && !gzip)
        return err_hint(fail(E_FAILED, "cannot write %s: this libarchive has no zstd", p->file),
                        "give it a name that ends in .tar.gz");
    /* gzip has a time of its own in its header. */
    if (rc != ARCHIVE_OK ||
        (gzip && archive.write_set_options(p->writer, "gzip:!timestamp") != ARCHIVE_OK) ||
        archive.write_set_bytes_in_last_block(p->writer, 1) != ARCHIVE_OK ||
        archive.write_open_fd(p->writer, fd) != ARCHIVE_OK)
        return cannot_write(p);
    return 0;
}

static int add_data(const struct packing *p, const char *path, int fd, off_t size)
{
    char buf[65536];
    ssize_t n;
    while ((n = fs_read_fd(fd, buf, sizeof buf)) != 0) {
        if (n < 0)
            return fail_errno(E_FAILED, "cannot read %s", path);
        if (archive.write_data(p->writer, buf, (size_t)n) != (la_ssize_t)n)
            return cannot_write(p);
        size -= n;
    }
    return size == 0 ? 0 : fail(E_FAILED, "%s changed while it was read", path);
}

static int add_file(const struct packing *p, const char *dir, const char *name)
{
    autofree char *path = path_join(dir, name);
    autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    struct archive_entry *e = archive.entry_new();
    archive.entry_set_pathname(e, name);
    archive.entry_set_filetype(e, AE_IFREG);
    archive.entry_set_perm(e, 0644);
    archive.entry_set_size(e, st.st_size);
    archive.entry_set_mtime(e, 0, 0);
    archive.entry_set_uid(e, 0);
    archive.entry_set_gid(e, 0);
    int status = archive.write_header(p->writer, e);
    archive.entry_free(e);
    return status == ARCHIVE_OK ? add_data(p, path, fd, st.st_size) : cannot_write(p);
}

static int write_all(struct packing *p, int fd, const char *dir, const struct strv *names)
{
    int rc = open_writer(p, fd);
    for (size_t i = 0; rc == 0 && i < names->n; i++) {
        rc = add_file(p, dir, names->v[i]);
        if (rc == 0)
            rc = proc_check();
    }
    if (rc == 0 && archive.write_close(p->writer) != ARCHIVE_OK)
        rc = cannot_write(p);
    if (rc == 0 && fsync(fd) < 0)
        rc = fail_errno(E_FAILED, "cannot write %s", p->file);
    if (p->writer)
        archive.write_free(p->writer);
    return rc;
}

int archive_pack(const char *file, const char *dir, const struct strv *names)
{
    int rc = DL_LOAD(archive, LIBARCHIVE_SONAME);
    if (rc < 0)
        return rc;
    struct stat st;
    if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
        return fail(E_FAILED, "cannot write %s: it is there and not a regular file", file);
    autofree char *temporary = xasprintf("%s.XXXXXX.tmp", file);
    autofd fd = mkostemps(temporary, (int)strlen(".tmp"), O_CLOEXEC);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot write %s", file);
    struct packing p = {.file = file};
    rc = write_all(&p, fd, dir, names);
    mode_t mask = umask(0);
    umask(mask);
    if (rc == 0 && fchmod(fd, 0666 & ~mask) < 0)
        rc = fail_errno(E_FAILED, "cannot write %s", file);
    if (rc == 0 && rename(temporary, file) < 0)
        rc = fail_errno(E_FAILED, "cannot write %s", file);
    if (rc < 0)
        unlink(temporary);
    return rc;
}
