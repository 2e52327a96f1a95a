/* Manifests in mtree(5) by libarchive, see archive.h. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "io/archive.h"
#include "io/archive_name.h"

#define MTREE_FUNCTIONS(X)                                                                         \
    X(entry_digest)                                                                                \
    X(entry_filetype)                                                                              \
    X(entry_free)                                                                                  \
    X(entry_new)                                                                                   \
    X(entry_pathname)                                                                              \
    X(entry_perm)                                                                                  \
    X(entry_set_filetype)                                                                          \
    X(entry_set_pathname)                                                                          \
    X(entry_set_perm)                                                                              \
    X(entry_set_size)                                                                              \
    X(entry_set_symlink)                                                                           \
    X(entry_size)                                                                                  \
    X(entry_symlink)                                                                               \
    X(error_string)                                                                                \
    X(read_free)                                                                                   \
    X(read_new)                                                                                    \
    X(read_next_header)                                                                            \
    X(read_open_memory)                                                                            \
    X(read_support_format_mtree)                                                                   \
    X(write_close)                                                                                 \
    X(write_data)                                                                                  \
    X(write_free)                                                                                  \
    X(write_header)                                                                                \
    X(write_new)                                                                                   \
    X(write_open)                                                                                  \
    X(write_set_bytes_in_last_block)                                                               \
    X(write_set_format_mtree)                                                                      \
    X(write_set_options)

DL_API(archive, archive_, MTREE_FUNCTIONS)

struct archive_mtree {
    struct archive *writer;
    char *file;
    struct str text; /* written at the end, in one step */
    char *buffer;    /* for reading files */
};

enum { BUFFER_SIZE = 256 * 1024 };

static la_ssize_t collect(struct archive *a, void *arg, const void *data, size_t size)
{
    (void)a;
    str_addn(arg, data, size);
    return (la_ssize_t)size;
}

static void mtree_free(struct archive_mtree *m)
{
    archive.write_free(m->writer);
    str_free(&m->text);
    free(m->buffer);
    free(m->file);
    free(m);
}

int archive_mtree_open(const char *file, struct archive_mtree **out)
{
    int rc = DL_LOAD(archive, LIBARCHIVE_SONAME);
    if (rc < 0)
        return rc;
    struct archive_mtree *m = xcalloc(1, sizeof *m);
    m->writer = archive.write_new();
    m->file = xstrdup(file);
    m->buffer = xmalloc(BUFFER_SIZE);
    if (m->writer && archive.write_set_format_mtree(m->writer) == ARCHIVE_OK &&
        archive.write_set_options(m->writer, "!all,type,mode,size,sha256,link") == ARCHIVE_OK &&
        archive.write_set_bytes_in_last_block(m->writer, 1) == ARCHIVE_OK &&
        archive.write_open(m->writer, &m->text, NULL, collect, NULL) == ARCHIVE_OK) {
        *out = m;
        return 0;
    }
    rc = fail(E_FAILED, "cannot write %s: %s", file,
              m->writer ? archive.error_string(m->writer) : "out of memory");
    mtree_free(m);
    return rc;
}

/* Hands the file's bytes to the writer, which digests them: they are read once. */
static int add_data(struct archive_mtree *m, const char *path, off_t size)
{
    autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    off_t left = size;
    for (;;) {
        ssize_t n = fs_read_fd(fd, m->buffer, BUFFER_SIZE);
        if (n < 0)
            return fail_errno(E_FAILED, "cannot read %s", path);
        if (n == 0)
            break;
        left -= n;
        if (archive.write_data(m->writer, m->buffer, (size_t)n) < 0)
            return fail(E_FAILED, "cannot digest %s: %s", path, archive.error_string(m->writer));
    }
    return left == 0 ? 0 : fail(E_FAILED, "%s changed while its digest was made", path);
}

int archive_mtree_add(struct archive_mtree *m, const char *relative, const char *path,
                      const struct stat *st)
{
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode))
        return fail(E_FAILED, "%s is neither a file, a directory nor a symbolic link", path);
    autofree char *link = NULL;
    int rc = S_ISLNK(st->st_mode) ? fs_read_link(path, &link) : 0;
    if (rc < 0)
        return rc;
    struct archive_entry *e = archive.entry_new();
    archive.entry_set_pathname(e, relative);
    archive.entry_set_filetype(e, st->st_mode & S_IFMT);
    archive.entry_set_perm(e, st->st_mode & 07777);
    if (link)
        archive.entry_set_symlink(e, link);
    if (S_ISREG(st->st_mode))
        archive.entry_set_size(e, st->st_size);
    if (archive.write_header(m->writer, e) != ARCHIVE_OK)
        rc = fail(E_FAILED, "cannot add %s to %s: %s", relative, m->file,
                  archive.error_string(m->writer));
    else if (S_ISREG(st->st_mode))
        rc = add_data(m, path, st->st_size);
    archive.entry_free(e);
    return rc;
}

int archive_mtree_close(struct archive_mtree *m, char **text)
{
    int rc = 0;
    if (text && archive.write_close(m->writer) != ARCHIVE_OK)
        rc = fail(E_FAILED, "cannot write %s: %s", m->file, archive.error_string(m->writer));
    if (text && rc == 0)
        rc = fs_write_atomic(m->file, m->text.s, m->text.len, 0644);
    if (text && rc == 0)
        *text = str_take(&m->text);
    mtree_free(m);
    return rc;
}

/* "./" stands in front of every path that libarchive writes. */
static const char *without_dot(const char *path)
{
    while (path && path[0] == '.' && path[1] == '/')
        path += 2;
    return path;
}

static int hand_on(struct archive_entry *e, const char *file, archive_each *each, void *arg)
{
    const char *path = without_dot(archive.entry_pathname(e));
    if (!path || !*path)
        return fail(E_INTEGRITY, "%s has an entry without a name", file);
    if (*path == '/' || archive_depth(path) < 0) {
        autofree char *shown = archive_printable(path);
        return fail(E_INTEGRITY, "%s has an entry outside of its directory: %s", file, shown);
    }
    mode_t type = archive.entry_filetype(e);
    struct archive_mtree_entry entry = {
        .path = path,
        .type = type == S_IFREG   ? 'f'
                : type == S_IFDIR ? 'd'
                : type == S_IFLNK ? 'l'
                                  : '?',
        .mode = archive.entry_perm(e),
        .size = (unsigned long long)archive.entry_size(e),
        .link = archive.entry_symlink(e),
    };
    const unsigned char *digest = archive.entry_digest(e, ARCHIVE_ENTRY_DIGEST_SHA256);
    bool has_digest = false;
    for (size_t i = 0; digest && i < 32; i++)
        has_digest |= digest[i] != 0; /* libarchive's way of saying that the keyword lacks */
    for (size_t i = 0; has_digest && i < 32; i++)
        snprintf(entry.sha256 + 2 * i, 3, "%02x", digest[i]);
    return each(&entry, arg);
}

/* libarchive keeps all of a manifest in memory, and what "/set" says once for each entry: a few
 * kilobytes, well packed, would fill any machine's. What archive_mtree_close writes has neither
 * "/set" nor more than five words a line, and ends with a line's end. */
static bool is_plain(const char *text, size_t size)
{
    enum { LINES = 500000, WORDS = 8 };
    size_t lines = 0, words = 0;
    if (memchr(text, '\0', size) || text[size - 1] != '\n')
        return false;
    for (const char *c = text; *c; c++) {
        bool begins = c == text || strchr(" \t\r\n", c[-1]);
        if (*c == '\n') {
            words = 0;
            if (++lines > LINES)
                return false;
        } else if (begins && !strchr(" \t\r", *c) && ++words > WORDS) {
            return false;
        } else if (words == 1 && begins && *c == '/') {
            return false;
        }
    }
    return true;
}

int archive_mtree_read(const char *file, archive_each *each, void *arg)
{
    int rc = DL_LOAD(archive, LIBARCHIVE_SONAME);
    autofree char *text = NULL;
    size_t size = 0;
    if (rc == 0)
        rc = fs_read(file, &text, &size);
    if (rc < 0)
        return rc;
    /* Without this line libarchive might take the text for another format. */
    if (!str_starts(text, "#mtree"))
        return fail(E_INTEGRITY, "%s is no manifest: it does not begin with #mtree", file);
    if (!is_plain(text, size))
        return fail(E_INTEGRITY, "%s is no manifest that ungil wrote", file);
    struct archive *a = archive.read_new();
    archive.read_support_format_mtree(a);
    int status = archive.read_open_memory(a, text, size);
    while (status == ARCHIVE_OK && rc == 0) {
        struct archive_entry *e;
        status = archive.read_next_header(a, &e);
        if (status == ARCHIVE_OK || status == ARCHIVE_WARN) {
            status = ARCHIVE_OK;
            rc = hand_on(e, file, each, arg);
        }
    }
    if (rc == 0 && status != ARCHIVE_EOF)
        rc = fail(E_INTEGRITY, "cannot read the manifest %s: %s", file, archive.error_string(a));
    archive.read_free(a);
    return rc;
}
