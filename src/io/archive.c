/* Unpacking archives, see archive.h.
 *
 * libarchive only parses: its own writer sets the umask of the whole process, and what may be
 * written is decided here. Nothing gets out of the directory, because
 *   - every path is checked, and opened by fs_beneath without following any symbolic link;
 *   - a symbolic link goes up first, at most to the top, and then only down. Its own directory is a
 *     real one, so wherever the names on its way down lead (to other such links), they stay inside.
 */
#include "io/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crew.h"
#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "io/archive_name.h"
#include "io/archive_stream.h"
#include "io/digest.h"

#define ARCHIVE_FUNCTIONS(X)                                                                       \
    X(entry_filetype)                                                                              \
    X(entry_hardlink)                                                                              \
    X(entry_hardlink_utf8)                                                                         \
    X(entry_mtime)                                                                                 \
    X(entry_mtime_is_set)                                                                          \
    X(entry_mtime_nsec)                                                                            \
    X(entry_pathname)                                                                              \
    X(entry_pathname_utf8)                                                                         \
    X(entry_perm)                                                                                  \
    X(entry_size)                                                                                  \
    X(entry_symlink)                                                                               \
    X(entry_symlink_utf8)                                                                          \
    X(error_string)                                                                                \
    X(read_data_block)                                                                             \
    X(read_free)                                                                                   \
    X(read_new)                                                                                    \
    X(read_next_header)                                                                            \
    X(read_open_fd)                                                                                \
    X(read_support_format_tar)                                                                     \
    X(read_support_format_zip_seekable)

DL_API(archive, archive_, ARCHIVE_FUNCTIONS)

enum {
    BLOCK_SIZE = 64 * 1024,
    PATH_LIMIT = 1024, /* bytes; the longest path in CPython has 90 */
    DEPTH_LIMIT = 64,
    SMALL_FILE = 1 << 20, /* bytes; larger ones are written by who reads them */
    CREW_LIMIT = 4,       /* threads: more wait for each other in the kernel */
    CREW_BYTES = 4 << 20, /* of files that were read, and not yet written */
};

/* What gets its time at the end: writing into a directory changes the directory's. */
struct late {
    char *path;
    struct timespec mtime;
};

struct unpacking {
    const char *file; /* for messages */
    const char *dir;
    int strip;
    bool zip;
    const char *kind;
    archive_each *each;
    void *arg;
    pthread_mutex_t telling; /* one call of `each` at a time */
    struct crew *crew;       /* who writes small files; NULL: nobody but the reader */
    unsigned long alone;
    unsigned long long alone_bytes;
    unsigned long long bytes_left;
    unsigned long entries_left;
    struct archive *reader;
    struct archive_stream *stream; /* what it reads from; NULL: a zip */
    struct fs_beneath *beneath;
    struct late *late;
    size_t n_late, late_cap;
};

/* ---- What is refused ---- */

static int refuse(const struct unpacking *u, const char *entry, const char *why)
{
    autofree char *name = archive_printable(entry);
    int rc = fail(E_INTEGRITY, "%s is refused: its entry \"%s\" %s", path_base(u->file), name, why);
    if (u->zip)
        return err_hint(rc, "no wheel needs such an entry: do not install this one, and get it "
                            "from another place");
    return err_hint(rc, "%s has no such entry: get it from another place",
                    u->kind ? u->kind : "a source archive of CPython");
}

static int check_path(const struct unpacking *u, const char *path)
{
    if (*path == '/')
        return refuse(u, path, "has an absolute path");
    int depth = archive_depth(path);
    if (depth < 0)
        return refuse(u, path, "has \"..\" in its path");
    if (depth > DEPTH_LIMIT || strlen(path) > PATH_LIMIT)
        return refuse(u, path, "has a path that is too long");
    return 0;
}

/* ---- One entry ---- */

static int damaged(const struct unpacking *u, const char *entry)
{
    const char *why = archive.error_string(u->reader);
    autofree char *name = entry ? archive_printable(entry) : NULL;
    int rc = fail(E_INTEGRITY, "%s is damaged or cut short%s%s: %s", u->file, name ? ", at " : "",
                  name ? name : "", why ? why : "unexpected end");
    return err_hint(rc, "remove it and get it again");
}

/* Says what fs_beneath found in the way as a fault of the entry; other results stay as they are. */
static int placed(const struct unpacking *u, const char *path, int rc)
{
    if (rc == E_EXISTS)
        return refuse(u, path, "stands where a directory is");
    if (rc == E_INTEGRITY)
        return refuse(u, path, "leads through something that is not a directory");
    return rc;
}

static void set_late(struct unpacking *u, const char *path, struct timespec mtime)
{
    if (u->n_late == u->late_cap) {
        u->late_cap = u->late_cap ? u->late_cap * 2 : 64;
        u->late = xrealloc(u->late, u->late_cap * sizeof *u->late);
    }
    u->late[u->n_late++] = (struct late){.path = xstrdup(path), .mtime = mtime};
}

static struct timespec mtime_of(struct archive_entry *e)
{
    if (!archive.entry_mtime_is_set(e))
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    return (struct timespec){.tv_sec = archive.entry_mtime(e),
                             .tv_nsec = archive.entry_mtime_nsec(e)};
}

static int write_at(int fd, const char *data, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, size, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        offset += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Reads the data of an entry piece by piece, each where the last one ended. */
static int each_block(struct unpacking *u, struct archive_entry *e, const char *path,
                      int (*block)(void *arg, const void *data, size_t n, off_t at), void *arg)
{
    unsigned long long size = (unsigned long long)archive.entry_size(e), seen = 0;
    for (;;) {
        const void *data;
        size_t n;
        la_int64_t offset;
        int rc = proc_check();
        if (rc < 0)
            return rc;
        int status = archive.read_data_block(u->reader, &data, &n, &offset);
        if (status == ARCHIVE_EOF)
            break;
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return damaged(u, path);
        if ((unsigned long long)offset + n > size)
            return refuse(u, path, "is larger than it says");
        if (u->each && (unsigned long long)offset != seen)
            return refuse(u, path, "has holes");
        seen = (unsigned long long)offset + n;
        rc = block(arg, data, n, (off_t)offset);
        if (rc < 0)
            return rc;
    }
    return u->each && seen != size ? refuse(u, path, "is shorter than it says") : 0;
}

static int tell(struct unpacking *u, const struct archive_mtree_entry *e)
{
    if (!u->each)
        return 0;
    pthread_mutex_lock(&u->telling);
    int rc = u->each(e, u->arg);
    pthread_mutex_unlock(&u->telling);
    return rc;
}

/* A regular file that is being made, by whoever does it. */
struct file {
    struct unpacking *u;
    char *path;
    mode_t mode;
    unsigned long long size;
    struct timespec mtime;
    int fd;
    struct digest *digest; /* NULL: nobody asks */
    char *data;            /* all of it, for the crew */
};

static int cannot_write(const struct file *f)
{
    return fail_errno(E_FAILED, "cannot write %s in %s", f->path, f->u->dir);
}

static int open_file(struct file *f, struct fs_beneath *beneath)
{
    f->fd = fs_beneath_create(beneath, f->path, 0600);
    if (f->fd < 0)
        return placed(f->u, f->path, f->fd);
    f->digest = f->u->each ? digest_new() : NULL;
    return 0;
}

static int write_block(void *arg, const void *data, size_t n, off_t at)
{
    struct file *f = arg;
    if (write_at(f->fd, data, n, at) < 0)
        return cannot_write(f);
    if (f->digest)
        digest_add(f->digest, data, n);
    return 0;
}

static int close_file(struct file *f, int rc)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, f->mtime};
    /* The size for holes at the end; the mode here and not at creation, where the umask would have
     * its say. */
    if (rc == 0 && (ftruncate(f->fd, (off_t)f->size) < 0 || fchmod(f->fd, f->mode) < 0))
        rc = cannot_write(f);
    /* Times that this file system cannot hold are no reason to stop. */
    if (rc == 0)
        (void)!futimens(f->fd, times);
    if (f->fd >= 0 && close(f->fd) < 0 && rc == 0)
        rc = cannot_write(f);
    struct archive_mtree_entry entry = {
        .path = f->path, .type = 'f', .mode = f->mode, .size = f->size};
    if (rc == 0 && f->digest) {
        digest_hex(f->digest, entry.sha256);
        rc = tell(f->u, &entry);
    }
    digest_free(f->digest);
    f->digest = NULL;
    return rc;
}

static void drop_file(void *job)
{
    struct file *f = job;
    free(f->path);
    free(f->data);
    free(f);
}

/* What one of the crew does. */
static int write_file(void *own, void *job)
{
    struct file *f = job;
    int rc = open_file(f, own);
    if (rc == 0)
        rc = write_block(f, f->data, (size_t)f->size, 0);
    return close_file(f, rc);
}

static int collect_block(void *arg, const void *data, size_t n, off_t at)
{
    struct file *f = arg;
    memcpy(f->data + at, data, n);
    return 0;
}

static int give_to_crew(struct unpacking *u, struct archive_entry *e, const struct file *file)
{
    struct file *f = xmalloc(sizeof *f);
    *f = *file;
    f->path = xstrdup(file->path);
    f->data = xmalloc((size_t)f->size + 1);
    int rc = each_block(u, e, f->path, collect_block, f);
    if (rc < 0)
        drop_file(f);
    return rc < 0 ? rc : crew_add(u->crew, f, (size_t)f->size);
}

static int unpack_file(struct unpacking *u, struct archive_entry *e, char *path)
{
    la_int64_t size = archive.entry_size(e);
    if (size < 0 || (unsigned long long)size > u->bytes_left)
        return refuse(u, path,
                      u->zip    ? "would make more than a file of this size grows to: a zip bomb"
                      : u->kind ? "is more than may be unpacked of it"
                                : "is larger than any source of CPython");
    if (u->alone > 0 && u->alone_bytes > 0 && (unsigned long long)size > u->alone_bytes)
        return refuse(u, path, "is larger than it may be");
    u->bytes_left -= (unsigned long long)size;
    struct file f = {.u = u,
                     .path = path,
                     .mode = archive.entry_perm(e) & 0111 ? 0755 : 0644,
                     .size = (unsigned long long)size,
                     .mtime = mtime_of(e),
                     .fd = -1};
    if (u->crew && u->alone == 0 && size <= SMALL_FILE)
        return give_to_crew(u, e, &f);
    int rc = open_file(&f, u->beneath);
    if (rc == 0)
        rc = each_block(u, e, path, write_block, &f);
    return close_file(&f, rc);
}

/* What is no regular file of its own. */
static int tell_other(struct unpacking *u, const char *path, char type, const char *link)
{
    struct archive_mtree_entry entry = {.path = path, .type = type, .mode = 0755, .link = link};
    return tell(u, &entry);
}

static int unpack_symlink(struct unpacking *u, struct archive_entry *e, const char *path)
{
    const char *target = archive.entry_symlink(e);
    if (!target)
        target = archive.entry_symlink_utf8(e);
    if (!target || !fs_link_stays_inside(path, target)) {
        autofree char *shown = archive_printable(target ? target : "");
        autofree char *why =
            xasprintf("is a symbolic link that leads out of the archive, to \"%s\"", shown);
        return refuse(u, path, why);
    }
    int rc = fs_beneath_symlink(u->beneath, target, path);
    if (rc < 0)
        return placed(u, path, rc);
    set_late(u, path, mtime_of(e));
    return tell_other(u, path, 'l', target);
}

static int unpack_hardlink(struct unpacking *u, const char *target, const char *path)
{
    autofree char *to = NULL;
    if (*target != '/' && archive_depth(target) > 0)
        to = archive_stripped(target, u->strip);
    if (!to || !*to)
        return refuse(u, path, "is a hard link that leads out of the archive");
    int rc = u->crew ? crew_wait(u->crew) : 0;
    if (rc < 0)
        return rc;
    rc = fs_beneath_link(u->beneath, to, path);
    if (rc == E_NOTFOUND)
        return refuse(u, path, "is a hard link to no file of the archive");
    return rc < 0 ? placed(u, path, rc) : tell_other(u, path, 'h', to);
}

static int unpack_typed(struct unpacking *u, struct archive_entry *e, char *path)
{
    const char *hardlink = archive.entry_hardlink(e);
    if (!hardlink)
        hardlink = archive.entry_hardlink_utf8(e);
    if (hardlink)
        return unpack_hardlink(u, hardlink, path);
    if (archive.entry_perm(e) & (S_ISUID | S_ISGID))
        return refuse(u, path, "has a setuid or setgid bit");
    int rc;
    switch (archive.entry_filetype(e)) {
    case AE_IFREG:
        return unpack_file(u, e, path);
    case AE_IFDIR:
        rc = fs_beneath_mkdirs(u->beneath, path, 0755);
        if (rc < 0)
            return placed(u, path, rc);
        set_late(u, path, mtime_of(e));
        return tell_other(u, path, 'd', NULL);
    case AE_IFLNK:
        return unpack_symlink(u, e, path);
    case AE_IFIFO:
    case AE_IFSOCK:
        return refuse(u, path, "is a fifo or a socket");
    case AE_IFCHR:
    case AE_IFBLK:
        return refuse(u, path, "is a device");
    default:
        return refuse(u, path, "is of a kind that ungil does not know");
    }
}

static int unpack_entry(struct unpacking *u, struct archive_entry *e)
{
    const char *name = archive.entry_pathname(e);
    if (!name)
        name = archive.entry_pathname_utf8(e);
    if (!name || !*name)
        return fail(E_INTEGRITY, "%s has an entry without a name", u->file);
    if (u->entries_left-- == 0)
        return refuse(u, name,
                      u->zip    ? "comes after more entries than any wheel has"
                      : u->kind ? "comes after more entries than may be unpacked of it"
                                : "comes after more entries than any source of CPython has");
    int rc = check_path(u, name);
    if (rc < 0)
        return rc;
    autofree char *path = archive_stripped(name, u->strip);
    if (*path)
        return unpack_typed(u, e, path);
    /* The directory that is stripped itself, and what lies beside it. */
    return archive.entry_filetype(e) == AE_IFDIR
               ? 0
               : refuse(u, name,
                        u->kind ? "lies outside of the directory that it all is in"
                                : "lies outside of the directory that a source archive has");
}

/* ---- The whole archive ---- */

static int unpack_all(struct unpacking *u)
{
    size_t count = 0;
    for (;; count++) {
        struct archive_entry *e;
        int rc = proc_check();
        if (rc < 0)
            return rc;
        archive_stream_header(u->stream);
        int status = archive.read_next_header(u->reader, &e);
        archive_stream_data(u->stream);
        if (status == ARCHIVE_EOF)
            break;
        if (status == ARCHIVE_WARN) /* the entry is whole; most often an attribute nobody needs */
            detail("%s: %s", u->file, archive.error_string(u->reader));
        else if (status != ARCHIVE_OK)
            return damaged(u, NULL);
        rc = unpack_entry(u, e);
        if (rc < 0)
            return rc;
        u->alone -= u->alone > 0;
    }
    int rc = u->crew ? crew_wait(u->crew) : 0;
    if (rc < 0)
        return rc;
    return count ? 0 : fail(E_INTEGRITY, "%s is an empty archive", u->file);
}

/* In reverse, so that what a directory holds comes before it. */
static void set_times(struct unpacking *u)
{
    while (u->n_late > 0) {
        struct late *l = &u->late[--u->n_late];
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, l->mtime};
        autofree char *path = path_join(u->dir, l->path);
        (void)!utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
        free(l->path);
    }
    free(u->late);
}

static int not_a_zip(const struct unpacking *u)
{
    int rc = fail(E_INTEGRITY, "%s is not a zip archive, as wheels are, or was cut short", u->file);
    return err_hint(rc, "get it again");
}

static int open_reader(struct unpacking *u, int fd)
{
    u->reader = archive.read_new();
    if (!u->reader)
        return fail(E_FAILED, "cannot read %s: out of memory", u->file);
    if (u->zip) {
        archive.read_support_format_zip_seekable(u->reader);
        return archive.read_open_fd(u->reader, fd, BLOCK_SIZE) == ARCHIVE_OK ? 0 : not_a_zip(u);
    }
    archive.read_support_format_tar(u->reader);
    return archive_stream_open(u->reader, fd, &u->stream) == ARCHIVE_OK ? 0 : damaged(u, NULL);
}

/* libarchive turns the UTF-8 of pax headers into the locale's characters; in the C locale it would
 * lose them. The old locale is *before; NULL when nothing was changed. */
static locale_t enter_utf8(locale_t *before)
{
    static const char *const names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8"};
    *before = NULL;
    if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
        return NULL;
    for (size_t i = 0; i < lengthof(names); i++) {
        locale_t utf8 = newlocale(LC_CTYPE_MASK, names[i], NULL);
        if (utf8) {
            *before = uselocale(utf8);
            return utf8;
        }
    }
    return NULL;
}

/* Everyone has a directory of his own: what it opened last is remembered there. */
static int hire(struct unpacking *u, struct fs_beneath *own[CREW_LIMIT], int threads)
{
    if (threads < 2)
        return 0;
    if (threads > CREW_LIMIT)
        threads = CREW_LIMIT;
    digest_free(digest_new()); /* opens the library, which only one may do */
    int rc = 0;
    void *theirs[CREW_LIMIT];
    for (int i = 0; rc == 0 && i < threads; i++) {
        rc = fs_beneath_open(u->dir, &own[i]);
        theirs[i] = own[i];
    }
    const struct crew_opts opts = {.threads = threads,
                                   .most = CREW_BYTES,
                                   .work = write_file,
                                   .own = theirs,
                                   .drop = drop_file};
    return rc < 0 ? rc : crew_new(&opts, &u->crew);
}

int archive_unpack(const char *file, const char *dir, int strip,
                   const struct archive_limits *limits)
{
    int rc = DL_LOAD(archive, LIBARCHIVE_SONAME);
    if (rc < 0)
        return rc;
    autofd fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot read %s", file);
    struct unpacking u = {.file = file,
                          .dir = dir,
                          .strip = strip,
                          .zip = limits->zip,
                          .kind = limits->kind,
                          .each = limits->each,
                          .arg = limits->arg,
                          .alone = limits->alone,
                          .alone_bytes = limits->alone_bytes,
                          .telling = PTHREAD_MUTEX_INITIALIZER,
                          .bytes_left = limits->bytes,
                          .entries_left = limits->entries};
    rc = fs_beneath_open(dir, &u.beneath);
    if (rc < 0)
        return rc;
    locale_t before, utf8 = enter_utf8(&before);
    struct fs_beneath *own[CREW_LIMIT] = {NULL};
    rc = open_reader(&u, fd);
    if (rc == 0)
        rc = hire(&u, own, limits->threads);
    if (rc == 0)
        rc = unpack_all(&u);
    crew_free(u.crew);
    for (size_t i = 0; i < lengthof(own); i++)
        fs_beneath_free(own[i]);
    set_times(&u);
    archive.read_free(u.reader);
    archive_stream_free(u.stream);
    fs_beneath_free(u.beneath);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    return rc;
}
