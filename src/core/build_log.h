/* The log of a build stage: followed while it grows, and read for what matters when it failed. */
#ifndef UNGIL_CORE_BUILD_LOG_H
#define UNGIL_CORE_BUILD_LOG_H

#include <stddef.h>
#include <sys/types.h>

#include "base/str.h"

/* Of a log's text: the lines that say what went wrong (the compiler's first errors, configure's
 * error, a full disk, the last of a traceback, make's "***"), at most `limit` of them; the last
 * non-empty lines when there are none. Each ends with a newline and is cut at 240 bytes; owned. */
char *build_log_excerpt(const char *text, size_t limit);

/* The same of the file from offset `from` on, of at most its last MiB; "" when it cannot be read.
 */
char *build_log_read_excerpt(const char *path, off_t from, size_t limit);

/* A log that is being written, shown as it grows (-v). Zero-initialise; .fd = -1. */
struct build_log_follow {
    int fd;
    struct str partial; /* a line whose end is not written yet */
};
void build_log_follow_open(struct build_log_follow *f, const char *path, long long from);
/* Prints with detail() what was added, each line with "who | " in front; all: the unfinished too.
 */
void build_log_follow_step(struct build_log_follow *f, const char *who, int all);
void build_log_follow_close(struct build_log_follow *f);

#endif
