/* Bytes looked for in a file of any size. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

enum { PIECE = 256 << 10 };

int fs_find(const char *path, const void *needle, size_t n, off_t *offset)
{
    autofd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    autofree char *piece = xmalloc(PIECE + n);
    off_t at = *offset; /* of piece[0] */
    size_t held = 0;
    for (;;) {
        ssize_t got = pread(fd, piece + held, PIECE, at + (off_t)held);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(E_FAILED, "cannot read %s", path);
        if (got == 0)
            return 0;
        held += (size_t)got;
        const char *found = memmem(piece, held, needle, n);
        if (found) {
            *offset = at + (found - piece);
            return 1;
        }
        size_t keep = held < n ? held : n - 1; /* it may begin here and end in the next piece */
        at += (off_t)(held - keep);
        memmove(piece, piece + held - keep, keep);
        held = keep;
    }
}
