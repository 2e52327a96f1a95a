/* The prefix that is compiled into the interpreter and into libpython. A program that embeds Python
 * looks there, because from its own place it finds no library. It is compiled in with so many '/'
 * at its end that any prefix fits, and is then replaced in the files. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "core/relocate.h"

enum { BUSY_SECONDS = 10 };
enum { ROOM = 400 }; /* bytes; what is longer stays as it was configured, and must be told */

char *relocate_padded_prefix(const char *prefix)
{
    autostr padded = {0};
    str_add(&padded, prefix);
    while (padded.len < ROOM)
        str_add(&padded, "/");
    return str_take(&padded);
}

/* ROOM bytes: the prefix, and `fill` to the end. */
static void make_field(char field[ROOM], const char *prefix, char fill)
{
    memset(field, fill, ROOM);
    memcpy(field, prefix, strlen(prefix));
}

/* The interpreter has just compiled bytecode, and its helpers (multiprocessing's resource tracker)
 * end a moment after it: until then the file is busy. */
static int open_when_idle(const char *path)
{
    const double deadline = clock_now() + BUSY_SECONDS;
    int fd;
    while ((fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)) < 0 && errno == ETXTBSY &&
           clock_now() < deadline)
        clock_sleep(0.05);
    return fd;
}

/* In place, since libpython has two names and must stay one file; nobody can see it yet. The mode
 * and the times stay. */
static int write_fields(const char *path, const struct stat *st, const char field[ROOM],
                        const off_t *offsets, size_t n)
{
    if (chmod(path, (st->st_mode & 07777) | S_IWUSR) < 0)
        return fail_errno(E_FAILED, "cannot change the mode of %s", path);
    autofd fd = open_when_idle(path);
    bool good = fd >= 0;
    for (size_t i = 0; good && i < n; i++)
        good = pwrite(fd, field, ROOM, offsets[i]) == ROOM;
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    good = good && fchmod(fd, st->st_mode & 07777) == 0 && futimens(fd, times) == 0;
    return good ? 0 : fail_errno(E_FAILED, "cannot write %s", path);
}

static bool holds(const char *path, off_t offset, const char field[ROOM])
{
    char there[ROOM];
    autofd fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && pread(fd, there, ROOM, offset) == ROOM && memcmp(there, field, ROOM) == 0;
}

static int patch_file(const char *path, const char *configured, const char *final, bool *written)
{
    enum { MOST = 16 }; /* the linker keeps one or two of them */
    struct stat st;
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    char fresh[ROOM], moved[ROOM], now[ROOM];
    make_field(fresh, configured, '/');
    make_field(moved, configured, '\0');
    make_field(now, final, '\0');
    off_t offsets[MOST], at = 0;
    size_t n = 0;
    int rc = 0;
    for (; n < MOST && (rc = fs_find(path, configured, strlen(configured), &at)) == 1; at++)
        if (holds(path, at, fresh) || holds(path, at, moved))
            offsets[n++] = at;
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n; i++)
        *written |= !holds(path, offsets[i], now);
    return *written ? write_fields(path, &st, now, offsets, n) : 0;
}

/* Another name of a file that was written already. */
static bool is_changed(const char *prefix, const char *path, const struct strv *changed)
{
    struct stat st, other;
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink < 2)
        return false;
    for (size_t i = 0; i < changed->n; i++) {
        autofree char *one = path_join(prefix, changed->v[i]);
        if (lstat(one, &other) == 0 && other.st_dev == st.st_dev && other.st_ino == st.st_ino)
            return true;
    }
    return false;
}

static int patch_dir(const char *prefix, const char *dir, const char *beginning,
                     const char *configured, const char *final, struct strv *changed)
{
    autofree char *in = path_join(prefix, dir);
    autostrv names = {0};
    int rc = fs_list(in, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        if (!str_starts(names.v[i], beginning))
            continue;
        autofree char *path = path_join(in, names.v[i]);
        bool written = is_changed(prefix, path, changed);
        if (!written)
            rc = patch_file(path, configured, final, &written);
        if (written)
            strv_addf(changed, "%s/%s", dir, names.v[i]);
    }
    return rc;
}

/* Upstream has the static library twice: in lib, and in lib/python3.14/config-3.14-PLATFORM, where
 * python-config and distutils look. */
static int patch_config_dirs(const char *prefix, const char *configured, const char *final,
                             struct strv *changed)
{
    autofree char *lib = path_join(prefix, "lib");
    autostrv names = {0};
    int rc = fs_list(lib, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *in = path_join(lib, names.v[i]);
        autostrv below = {0};
        if (!str_starts(names.v[i], "python") || !fs_is_dir(in))
            continue;
        rc = fs_list(in, &below);
        for (size_t n = 0; rc == 0 && n < below.n; n++) {
            autofree char *dir = xasprintf("lib/%s/%s", names.v[i], below.v[n]);
            if (str_starts(below.v[n], "config-"))
                rc = patch_dir(prefix, dir, "libpython", configured, final, changed);
        }
    }
    return rc;
}

int relocate_binaries(const char *prefix, const char *configured, const char *final,
                      struct strv *changed)
{
    if (strlen(configured) >= ROOM || strlen(final) >= ROOM) {
        detail("%s: too long to be compiled in; a program that embeds this Python must name it",
               final);
        return 0;
    }
    autostrv all = {0};
    int rc = patch_dir(prefix, "bin", "python", configured, final, &all);
    if (rc == 0)
        rc = patch_dir(prefix, "lib", "libpython", configured, final, &all);
    if (rc == 0)
        rc = patch_config_dirs(prefix, configured, final, &all);
    if (changed)
        strv_addv(changed, &all);
    return rc;
}
