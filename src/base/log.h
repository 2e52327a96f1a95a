/* What ungil says on stderr besides the final error: notes, warnings, details.
 * Results go to stdout and are none of this file's business. */
#ifndef UNGIL_BASE_LOG_H
#define UNGIL_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };

/* Level and whether stderr takes colour (a terminal, no NO_COLOR, TERM not "dumb"). */
void log_init(enum log_level level);
enum log_level log_level(void);
bool log_is_terminal(void);
bool log_colour(void);

void note(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* unless -q */
void warn(const char *fmt, ...)
    __attribute__((format(printf, 1, 2))); /* always, "ungil: warning: " */
/* The recorded error (err.h) as a warning, with what is done about it, "; building" (""), and its
 * hint on a line of its own; the error is forgotten. */
void warn_of_error(const char *then);
void detail(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* with -v */

/* A hook that hides a progress display before a line is printed and shows it again after;
 * NULL for none. */
void log_set_interlude(void (*hook)(bool before, void *arg), void *arg);

#endif
