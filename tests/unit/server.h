/* The misbehaving server (tests/upstream/faulty.py) for a unit test, on loopback. */
#ifndef UNGIL_TESTS_UNIT_SERVER_H
#define UNGIL_TESTS_UNIT_SERVER_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"

struct server {
    struct proc proc;
    char *url;  /* "http://127.0.0.1:PORT" */
    char *port; /* file that holds it */
    char *log;
};

/* Serves `root`; NAME.log and NAME.port are made. With a certificate, over TLS. False: no Python.
 */
static inline int server_start(struct server *s, const char *program, const char *name,
                               const char *root, const char *certificate, const char *key)
{
    *s = (struct server){.proc = PROC_INIT};
    s->port = xasprintf("%s.port", name);
    s->log = xasprintf("%s.log", name);
    autostrv argv = {0};
    strv_add(&argv, "python3");
    strv_add(&argv, program);
    strv_add(&argv, root);
    strv_add(&argv, s->port);
    strv_add(&argv, s->log);
    if (certificate) {
        strv_add(&argv, certificate);
        strv_add(&argv, key);
    }
    struct proc_opts o = PROC_OPTS_INIT;
    o.err = 2;
    int status;
    if (proc_spawn(&s->proc, &argv, &o) < 0)
        return 0;
    for (double end = clock_now() + 20; clock_now() < end && !proc_ended(&s->proc, &status);) {
        autofree char *port = NULL;
        if (fs_read_text(s->port, &port) == 0 && *port) {
            s->url = xasprintf("%s://127.0.0.1:%d", certificate ? "https" : "http", atoi(port));
            return 1;
        }
        clock_sleep(0.05);
    }
    return 0;
}

static inline void server_stop(struct server *s)
{
    struct proc *p = &s->proc;
    proc_stop_all(&p, 1, SIGKILL);
    free(s->url);
    free(s->port);
    free(s->log);
    *s = (struct server){.proc = PROC_INIT};
}

/* The requests since the last call: the log's text (owned), and how many. */
static inline char *server_requests(struct server *s, int *count)
{
    char *text = NULL;
    if (fs_read_text(s->log, &text) < 0)
        text = xstrdup("");
    *count = 0;
    for (const char *p = text; *p; p++)
        *count += *p == '\n';
    if (truncate(s->log, 0) != 0)
        perror(s->log);
    return text;
}

#endif
