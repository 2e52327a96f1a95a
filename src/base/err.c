#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static _Thread_local char *message;
static _Thread_local char *hint;
static int signal_number;

static void set_message(char *text)
{
    free(message);
    message = text;
}

int fail(enum err code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_message(xvasprintf(fmt, ap));
    va_end(ap);
    free(hint);
    hint = NULL;
    return code;
}

int fail_errno(enum err code, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    char *text = xvasprintf(fmt, ap);
    va_end(ap);
    set_message(xasprintf("%s: %s", text, strerror(saved)));
    free(text);
    free(hint);
    hint = NULL;
    errno = saved;
    return code;
}

int err_context(int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = xvasprintf(fmt, ap);
    va_end(ap);
    set_message(xasprintf("%s: %s", text, err_message()));
    free(text);
    return code;
}

int err_hint(int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = xvasprintf(fmt, ap);
    va_end(ap);
    free(hint);
    hint = text;
    return code;
}

const char *err_message(void)
{
    return message ? message : "";
}

const char *err_hint_text(void)
{
    return hint;
}

void err_clear(void)
{
    set_message(NULL);
    free(hint);
    hint = NULL;
}

int err_set_signal(int signo)
{
    signal_number = signo;
    return fail(E_SIGNAL, "stopped by signal %d (%s)", signo, strsignal(signo));
}

int err_exit_status(int code)
{
    if (code >= 0)
        return 0;
    if (code == E_SIGNAL)
        return 128 + signal_number;
    return code >= E_BUSY ? -code : 1;
}
