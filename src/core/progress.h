/* What long work tells about itself while it runs; the cli draws it (cli/progress.h).
 * Every member may be NULL-free assumed: use the progress_* calls, which accept a NULL struct. */
#ifndef UNGIL_CORE_PROGRESS_H
#define UNGIL_CORE_PROGRESS_H

struct progress {
    /* Task `who` ("3.14.7t", or "source") enters stage `what` ("configure", "make", "fetch"); it
     * took `expected` seconds the last time on this machine (<= 0: not known). */
    void (*stage)(void *arg, const char *who, const char *what, double expected);
    /* Within a stage: `fraction` 0…1 (< 0: not known), `text` ("12 MiB of 23 MiB", may be ""). */
    void (*update)(void *arg, const char *who, double fraction, const char *text);
    /* The stage ended well after `seconds`; or the whole task when what is NULL. */
    void (*done)(void *arg, const char *who, const char *what, double seconds);
    /* Called several times a second from waiting loops: redraw, heartbeat. */
    void (*tick)(void *arg);
    void *arg;
};

void progress_stage(const struct progress *p, const char *who, const char *what, double expected);
void progress_update(const struct progress *p, const char *who, double fraction, const char *text);
void progress_done(const struct progress *p, const char *who, const char *what, double seconds);
void progress_tick(const struct progress *p);

#endif
