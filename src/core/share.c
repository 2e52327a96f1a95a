/* The pair's standard libraries are 95 % the same files.
 *
 * Both builds have one cache tag and one magic number, and share/kernels/bytecode.py writes the
 * same bytes with either: most .pyc are equal files, too. One that was made otherwise is good for
 * both if it is of the source that both now share: what is shared is the other prefix's file, with
 * its time, which such a .pyc may hold.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "core/relocate.h"
#include "core/samefile.h"

struct share {
    const char *prefix, *other;
    char *library, *other_library; /* "python3.14t", "python3.14": below lib/ and include/ */
    bool compiled;                 /* the second walk: .pyc */
    unsigned long long *saved;
};

/* The one directory lib/python3.* of a prefix; NULL when there is none. */
static char *find_library(const char *prefix)
{
    autofree char *lib = path_join(prefix, "lib");
    autostrv names = {0};
    if (fs_list(lib, &names) < 0)
        err_clear();
    for (size_t i = 0; i < names.n; i++) {
        autofree char *path = path_join(lib, names.v[i]);
        if (str_starts(names.v[i], "python3.") && fs_is_dir(path))
            return xstrdup(names.v[i]);
    }
    return NULL;
}

/* Where the other prefix has what this one has at `relative`; owned. */
static char *counterpart(const struct share *s, const char *relative)
{
    static const char *const parents[] = {"lib/", "include/"};
    size_t n = strlen(s->library);
    for (size_t i = 0; i < lengthof(parents); i++) {
        size_t at = strlen(parents[i]);
        if (str_starts(relative, parents[i]) && strncmp(relative + at, s->library, n) == 0 &&
            relative[at + n] == '/')
            return xasprintf("%s/%s%s%s", s->other, parents[i], s->other_library,
                             relative + at + n);
    }
    return path_join(s->other, relative);
}

static bool pyc_header(const char *path, unsigned char header[16])
{
    autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && read(fd, header, 16) == 16;
}

static unsigned long little_endian(const unsigned char *p)
{
    return p[0] | (unsigned long)p[1] << 8 | (unsigned long)p[2] << 16 | (unsigned long)p[3] << 24;
}

/* True when the other prefix's .pyc is as good for this prefix as its own: same magic number and
 * flags, made of the source that both now share. */
static bool same_compiled(const struct share *s, const char *relative, const char *path,
                          const char *candidate)
{
    unsigned char a[16], b[16];
    struct stat source, shared;
    autofree char *py = bytecode_source(relative);
    if (!py || !pyc_header(path, a) || !pyc_header(candidate, b) || memcmp(a, b, 8) != 0)
        return false;
    autofree char *here = path_join(s->prefix, py), *there = counterpart(s, py);
    if (lstat(here, &source) < 0 || lstat(there, &shared) < 0 || source.st_ino != shared.st_ino ||
        source.st_dev != shared.st_dev)
        return false;
    if (little_endian(b + 4) != 0) /* by a hash of the source, see share/kernels/bytecode.py */
        return same_content(path, candidate);
    return little_endian(b + 8) == ((unsigned long)source.st_mtime & 0xffffffff) &&
           little_endian(b + 12) == ((unsigned long)source.st_size & 0xffffffff);
}

static int share_one(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct share *s = arg;
    struct stat other;
    if (!S_ISREG(st->st_mode) || st->st_size == 0 || s->compiled != str_ends(relative, ".pyc") ||
        !(str_starts(relative, "lib/") || str_starts(relative, "include/")))
        return 0; /* programs are what people edit, and small */
    autofree char *candidate = counterpart(s, relative);
    if (lstat(candidate, &other) < 0 || !S_ISREG(other.st_mode) || st->st_dev != other.st_dev ||
        st->st_ino == other.st_ino || st->st_mode != other.st_mode || st->st_uid != other.st_uid ||
        st->st_gid != other.st_gid)
        return 0;
    bool same = s->compiled ? same_compiled(s, relative, path, candidate)
                            : st->st_size == other.st_size && same_content(path, candidate);
    if (!same)
        return 0;
    int rc = same_link(candidate, path);
    if (rc == 0 && st->st_nlink == 1)
        *s->saved += (unsigned long long)st->st_blocks * 512;
    return rc == E_EXISTS ? 0 : rc;
}

int relocate_share(const char *prefix, const char *other, unsigned long long *saved)
{
    struct share s = {.prefix = prefix, .other = other, .saved = saved};
    s.library = find_library(prefix);
    s.other_library = find_library(other);
    int rc = 0;
    if (s.library && s.other_library) {
        rc = fs_walk(prefix, share_one, &s);
        s.compiled = true;
        if (rc == 0)
            rc = fs_walk(prefix, share_one, &s);
    }
    free(s.library);
    free(s.other_library);
    return rc;
}
