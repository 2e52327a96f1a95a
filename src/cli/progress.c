#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "core/progress.h"

enum { TASKS_MAX = 8, BAR_WIDTH = 20, WIDTH_MAX = 400 };
static const double redraw_seconds = 0.1, heartbeat_seconds = 60;

struct task {
    char *who, *what, *text;
    double expected, began, fraction;
    bool busy; /* in a stage: drawn */
};

static struct display {
    struct progress progress;
    bool begun, hidden;
    struct task tasks[TASKS_MAX];
    size_t n;
    size_t drawn, lengths[TASKS_MAX]; /* lines on the terminal now, and their lengths */
    double last;                      /* when it was drawn, or when something was said last */
} display;

/* ---- One line ---- */

static size_t terminal_width(void)
{
    struct winsize w;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
        return w.ws_col < WIDTH_MAX ? w.ws_col : WIDTH_MAX;
    return 80;
}

static size_t terminal_height(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 1 ? w.ws_row : 24;
}

/* "1:07", "1:02:03": as short as a clock, for a line that is read at a glance. */
static void add_clock(struct str *b, double seconds)
{
    long s = seconds < 0 ? 0 : (long)seconds;
    if (s >= 3600)
        str_addf(b, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        str_addf(b, "%ld:%02ld", s / 60, s % 60);
}

/* How much of the stage is done, 0 to 1; < 0: not known. What is counted (bytes of a log, objects)
 * is uneven and the clock knows no load, so both are asked. */
static double done_part(const struct task *t, double elapsed)
{
    double by_clock = t->expected > 0 ? elapsed / t->expected : -1;
    double part = t->fraction;
    if (part >= 0 && by_clock >= 0)
        part = (part + (by_clock > 1 ? 1 : by_clock)) / 2;
    else if (part < 0)
        part = by_clock;
    return part > 0.99 ? 0.99 : part;
}

/* Seconds that are left; < 0: not known. */
static double time_left(const struct task *t, double elapsed)
{
    double by_part = t->fraction > 0.02 && elapsed > 2 ? elapsed / t->fraction - elapsed : -1;
    double by_clock = t->expected > 0 ? t->expected - elapsed : -1;
    if (t->expected <= 0 || by_clock < 0)
        return by_part;
    if (by_part < 0)
        return by_clock;
    /* The last time is the better guess at first, what is seen now towards the end. */
    double trust = t->fraction > 1 ? 1 : t->fraction;
    return by_clock * (1 - trust) + by_part * trust;
}

static void add_bar(struct str *b, double part)
{
    int full = (int)(part * BAR_WIDTH + 0.5);
    str_add(b, " [");
    for (int i = 0; i < BAR_WIDTH; i++)
        str_addn(b, i < full ? "#" : "-", 1);
    str_addf(b, "] %3d %%", (int)(part * 100));
}

/* What fits is shown, in this order of worth: name and stage, elapsed, ETA, bar, text. `width`
 * columns; only ASCII of our own, and texts are cut, so that a line never wraps. */
static char *task_line(const struct task *t, size_t width, double now)
{
    double elapsed = now - t->began;
    double part = done_part(t, elapsed), left = time_left(t, elapsed);
    autostr clock = {0}, eta = {0}, bar = {0}, line = {0};
    str_add(&clock, "  ");
    add_clock(&clock, elapsed);
    if (left >= 0) {
        str_add(&eta, ", ");
        add_clock(&eta, left);
        str_add(&eta, " left");
    }
    if (part >= 0)
        add_bar(&bar, part);
    str_addf(&line, "%-8s %-9s", t->who, t->what);
    size_t used = line.len + clock.len;
    bool show_eta = used + eta.len <= width && eta.len;
    used += show_eta ? eta.len : 0;
    bool show_bar = used + bar.len <= width && bar.len;
    used += show_bar ? bar.len : 0;
    if (show_bar)
        str_add(&line, bar.s);
    str_add(&line, clock.s);
    if (show_eta)
        str_add(&line, eta.s);
    if (t->text && *t->text && used + 2 < width)
        str_addf(&line, "  %.*s", (int)(width - used - 2), t->text);
    if (line.len > width)
        line.s[line.len = width] = '\0';
    return str_take(&line);
}

/* ---- Drawing in place ---- */

/* Back to where the first line begins. A terminal that was made narrower has broken lines in two.
 */
static void add_rewind(struct str *out)
{
    size_t width = terminal_width(), rows = 0;
    for (size_t i = 0; i < display.drawn; i++)
        rows += display.lengths[i] > width ? (display.lengths[i] + width - 1) / width : 1;
    if (rows)
        str_addf(out, "\r\033[%zuA", rows);
}

static void erase(void)
{
    autostr out = {0};
    add_rewind(&out);
    if (out.len)
        fprintf(stderr, "%s\033[J", out.s);
    display.drawn = 0;
}

static void draw(void)
{
    size_t width = terminal_width() - 1, height = terminal_height();
    double now = clock_now();
    autostr out = {0};
    add_rewind(&out);
    size_t lines = 0;
    for (size_t i = 0; i < display.n && lines + 1 < height; i++) {
        if (!display.tasks[i].busy)
            continue;
        autofree char *line = task_line(&display.tasks[i], width, now);
        str_addf(&out, "%s\033[K\n", line);
        display.lengths[lines++] = strlen(line);
    }
    str_add(&out, "\033[J");
    fwrite(out.s, 1, out.len, stderr);
    fflush(stderr);
    display.drawn = lines;
    display.last = now;
}

/* A line of the log comes: out of its way, and back after it. */
static void interlude(bool before, void *arg)
{
    (void)arg;
    if (before)
        erase();
    else
        draw();
}

/* ---- Without a terminal ---- */

static void heartbeat(void)
{
    double now = clock_now();
    if (log_level() == LOG_QUIET || now - display.last < heartbeat_seconds)
        return;
    for (size_t i = 0; i < display.n; i++) {
        const struct task *t = &display.tasks[i];
        if (!t->busy)
            continue;
        char elapsed[32], left[32];
        double rest = time_left(t, now - t->began);
        str_duration(elapsed, now - t->began);
        if (rest >= 0)
            note("%s: %s, %s so far, about %s left", t->who, t->what, elapsed,
                 str_duration(left, rest));
        else
            note("%s: %s, %s so far", t->who, t->what, elapsed);
    }
    display.last = now;
}

/* ---- What core/progress.h calls ---- */

static struct task *find(const char *who)
{
    for (size_t i = 0; i < display.n; i++)
        if (strcmp(display.tasks[i].who, who) == 0)
            return &display.tasks[i];
    if (display.n == TASKS_MAX)
        return NULL;
    struct task *t = &display.tasks[display.n++];
    *t = (struct task){.who = xstrdup(who), .fraction = -1};
    return t;
}

static void on_stage(void *arg, const char *who, const char *what, double expected)
{
    (void)arg;
    struct task *t = find(who);
    if (!t)
        return;
    str_set(&t->what, xstrdup(what));
    str_set(&t->text, NULL);
    t->expected = expected;
    t->began = clock_now();
    t->fraction = -1;
    t->busy = true;
    if (log_is_terminal()) {
        draw();
        return;
    }
    char about[32];
    if (expected >= 1)
        note("%s: %s, about %s", who, what, str_duration(about, expected));
    else
        note("%s: %s", who, what);
    display.last = clock_now();
}

static void on_update(void *arg, const char *who, double fraction, const char *text)
{
    (void)arg;
    struct task *t = find(who);
    if (!t)
        return;
    t->fraction = fraction > 1 ? 1 : fraction;
    if (!str_eq(t->text, text))
        str_set(&t->text, xstrdup(text));
}

static void on_done(void *arg, const char *who, const char *what, double seconds)
{
    (void)arg;
    struct task *t = find(who);
    if (!t)
        return;
    t->busy = false;
    char took[32];
    if (what && log_is_terminal() && seconds >= 1)
        note("%s: %s done in %s", who, what, str_duration(took, seconds));
    else if (log_is_terminal())
        draw();
    else if (what)
        detail("%s: %s done in %s", who, what, str_duration(took, seconds));
}

static void on_tick(void *arg)
{
    (void)arg;
    if (!log_is_terminal())
        heartbeat();
    else if (clock_now() - display.last >= redraw_seconds)
        draw();
}

const struct progress *progress_display_begin(void)
{
    if (log_level() == LOG_QUIET)
        return NULL; /* every progress_* call takes that */
    progress_display_end();
    display.progress =
        (struct progress){.stage = on_stage, .update = on_update, .done = on_done, .tick = on_tick};
    display.begun = true;
    display.last = clock_now();
    if (log_is_terminal())
        log_set_interlude(interlude, NULL);
    return &display.progress;
}

void progress_display_end(void)
{
    if (!display.begun)
        return;
    erase();
    fflush(stderr);
    log_set_interlude(NULL, NULL);
    for (size_t i = 0; i < display.n; i++) {
        free(display.tasks[i].who);
        free(display.tasks[i].what);
        free(display.tasks[i].text);
    }
    display = (struct display){0};
}
