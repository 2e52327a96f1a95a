/* Errors: a code, one stored message, an optional hint.
 *
 * Functions that can fail return 0 or a negative `enum err`. The place that
 * knows what went wrong records it, in the returning expression:
 *
 *     return fail(E_INTEGRITY, "%s has SHA-256 %s, the recipe pins %s", ...);
 *
 * A caller may put its own view in front with err_context(), or say what the
 * user can do with err_hint(). Only main.c prints; nobody else. There is one
 * error at a time for each thread; ungil has one, but for base/crew.h.
 */
#ifndef UNGIL_BASE_ERR_H
#define UNGIL_BASE_ERR_H

enum err {
    E_OK = 0,
    E_FAILED = -1,      /* exit 1: anything without a class of its own */
    E_USAGE = -2,       /* exit 2: the command line, a recipe, a bad SPEC */
    E_UNPROVEN = -3,    /* exit 3: built, but not proven free-threaded */
    E_UNREACHABLE = -4, /* exit 4: no source could be reached */
    E_INTEGRITY = -5,   /* exit 5: something is not what its pin says */
    E_BUILD = -6,       /* exit 6: configure, make or make install failed */
    E_BUSY = -7,        /* exit 7: another ungil holds the lock */
    E_SIGNAL = -8,      /* exit 128+N: stopped by signal N, see err_set_signal */
    /* Expected outcomes, for callers that go on; exit 1 if one gets out. */
    E_NOTFOUND = -9,
    E_EXISTS = -10,
};

/* Records the message (printf style) and returns `code`. Replaces what was
 * recorded before, and forgets its hint. */
int fail(enum err code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, with ": " and strerror(errno) appended. */
int fail_errno(enum err code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of the recorded message; returns `code`. */
int err_context(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says what the user can do; printed on a line of its own. Returns `code`. */
int err_hint(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The recorded texts; "" / NULL when there is none. Borrowed until the next fail(). */
const char *err_message(void);
const char *err_hint_text(void);
void err_clear(void);

/* Remembers that signal `signo` stops the program; returns E_SIGNAL. */
int err_set_signal(int signo);

/* The exit status for a negative code (0 for 0); see the table above. */
int err_exit_status(int code);

#endif
