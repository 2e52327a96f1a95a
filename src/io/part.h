/* A file that is being received: PATH.part with the digest of what is in it so far, and a lock, so
 * that two processes do not write it at once. At its final name it is whole. */
#ifndef UNGIL_IO_PART_H
#define UNGIL_IO_PART_H

#include <stdbool.h>

#include "io/digest.h"

struct part {
    char *path;              /* owned: "PATH.part" */
    int fd;                  /* -1: not open */
    struct digest *digest;   /* of the first `have` bytes */
    unsigned long long have; /* bytes in it */
    bool from_before;        /* it begins with what an earlier run left */
};
#define PART_INIT                                                                                  \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Opens and locks `path`.part: 1 when another process has the lock (nothing is recorded, and
 * nothing open), 0, or an error. */
int part_open(struct part *p, const char *path);
/* Digests what an earlier run left in it. */
int part_read(struct part *p);
int part_restart(struct part *p); /* empties it; -1 and errno */
/* Appends; -1 and errno. */
int part_add(struct part *p, const void *data, size_t size);
int part_rename(struct part *p, const char *path); /* to its final name */
int part_cannot_write(const struct part *p);       /* the error, from errno */
/* Closes; the file stays. */
void part_close(struct part *p);

#endif
