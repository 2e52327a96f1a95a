#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static enum log_level current = LOG_NORMAL;
static bool terminal, colour;
static void (*interlude)(bool before, void *arg);
static void *interlude_arg;

void log_init(enum log_level level)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    current = level;
    terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    colour = terminal && !(no_color && *no_color);
}

enum log_level log_level(void)
{
    return current;
}

bool log_is_terminal(void)
{
    return terminal;
}

bool log_colour(void)
{
    return colour;
}

void log_set_interlude(void (*hook)(bool before, void *arg), void *arg)
{
    interlude = hook;
    interlude_arg = arg;
}

static void line(const char *prefix, const char *fmt, va_list ap)
{
    if (interlude)
        interlude(true, interlude_arg);
    fputs(prefix, stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    if (interlude)
        interlude(false, interlude_arg);
}

void note(const char *fmt, ...)
{
    if (current == LOG_QUIET)
        return;
    va_list ap;
    va_start(ap, fmt);
    line("", fmt, ap);
    va_end(ap);
}

void warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    line(colour ? "ungil: \033[33mwarning:\033[0m " : "ungil: warning: ", fmt, ap);
    va_end(ap);
}

void warn_of_error(const char *then)
{
    const char *hint = err_hint_text();
    warn("%s%s%s%s", err_message(), then, hint ? "\n       " : "", hint ? hint : "");
    err_clear();
}

void detail(const char *fmt, ...)
{
    if (current != LOG_VERBOSE)
        return;
    va_list ap;
    va_start(ap, fmt);
    line("", fmt, ap);
    va_end(ap);
}
