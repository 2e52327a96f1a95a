#include "core/samefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

/* Fills the buffer as far as the file goes; the number of bytes, -1 on an error. */
static ssize_t read_full(int fd, char *buf, size_t size)
{
    size_t have = 0;
    while (have < size) {
        ssize_t n = fs_read_fd(fd, buf + have, size - have);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

bool same_content(const char *a, const char *b)
{
    static char buf_a[65536], buf_b[65536];
    autofd fa = open(a, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    autofd fb = open(b, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fa < 0 || fb < 0)
        return false;
    for (;;) {
        ssize_t na = read_full(fa, buf_a, sizeof buf_a), nb = read_full(fb, buf_b, sizeof buf_b);
        if (na < 0 || na != nb || memcmp(buf_a, buf_b, (size_t)na) != 0)
            return false;
        if (na == 0)
            return true;
    }
}

int same_link(const char *original, const char *path)
{
    autofree char *temporary = xasprintf("%s.tmp", path);
    unlink(temporary);
    if (link(original, temporary) < 0) {
        if (errno == EXDEV || errno == EMLINK || errno == EPERM || errno == ENOTSUP)
            return E_EXISTS;
        return fail_errno(E_FAILED, "cannot link %s to %s", path, original);
    }
    if (rename(temporary, path) < 0) {
        int rc = fail_errno(E_FAILED, "cannot replace %s", path);
        unlink(temporary);
        return rc;
    }
    return 0;
}

char *bytecode_source(const char *pyc)
{
    static const char cache[] = "__pycache__/";
    const char *dir = strstr(pyc, cache);
    if (!dir)
        return NULL;
    const char *name = dir + sizeof cache - 1, *dot = strchr(name, '.');
    if (!dot || strchr(name, '/'))
        return NULL;
    return xasprintf("%.*s%.*s.py", (int)(dir - pyc), pyc, (int)(dot - name), name);
}
