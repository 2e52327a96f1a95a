#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/str.h"
#include "core/timeline_spans.h"

enum { SAMPLES_MOST = 2048 };
static const double sample_seconds = 0.25;

double timeline_now(const struct timeline *t)
{
    return t->clock() - t->began;
}

void ids_add(struct ids *ids, size_t id)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->v[i] == id)
            return;
    ids->v = xrealloc(ids->v, (ids->n + 1) * sizeof *ids->v);
    ids->v[ids->n++] = id;
}

static void ids_clear(struct ids *ids)
{
    free(ids->v);
    *ids = (struct ids){0};
}

/* ---- Processor time ---- */

static double cpu_seconds(int who)
{
    struct rusage u;
    if (getrusage(who, &u) < 0)
        return 0;
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct lane *find_lane(struct timeline *t, const char *name)
{
    for (size_t i = 0; i < t->n_lanes; i++)
        if (strcmp(t->lanes[i].name, name) == 0)
            return &t->lanes[i];
    t->lanes = xrealloc(t->lanes, (t->n_lanes + 1) * sizeof *t->lanes);
    t->lanes[t->n_lanes] = (struct lane){.name = xstrdup(name), .open = -1, .last = -1};
    return &t->lanes[t->n_lanes++];
}

/* What was used since the last time goes to the lane that was looked after; from now on it is
 * `lane`. */
static void charge(struct timeline *t, const char *lane)
{
    double now = cpu_seconds(RUSAGE_CHILDREN) + cpu_seconds(RUSAGE_SELF);
    if (t->owner) {
        struct lane *l = find_lane(t, t->owner);
        ptrdiff_t id = l->open >= 0 ? l->open : l->last;
        if (id >= 0)
            t->spans[id].cpu += now - t->charged;
    }
    t->charged = now;
    if (lane && !str_eq(t->owner, lane))
        str_set(&t->owner, xstrdup(lane));
}

/* ---- How busy the CPUs are ---- */

/* Two neighbours become one: a day of samples is no more than an hour of them. */
static void thin_out(struct timeline *t)
{
    double from = 0;
    size_t n = 0;
    for (size_t i = 0; i + 1 < t->n_samples; i += 2) {
        struct sample a = t->samples[i], b = t->samples[i + 1];
        double first = a.at - from, second = b.at - a.at;
        double busy =
            first + second > 0 ? (a.busy * first + b.busy * second) / (first + second) : b.busy;
        from = b.at;
        t->samples[n++] = (struct sample){b.at, busy};
    }
    if (t->n_samples % 2)
        t->samples[n++] = t->samples[t->n_samples - 1];
    t->n_samples = n;
    t->every *= 2;
}

void timeline_sample(struct timeline *t, bool at_once)
{
    double now = timeline_now(t), busy, idle;
    double least = at_once ? 0.05 : t->every; /* the counters go up by hundredths */
    if (t->n_cpus == 0 || (t->seen_at >= 0 && now - t->seen_at < least) ||
        !cpu_use(t->stat, t->cpus, t->n_cpus, &busy, &idle))
        return;
    double all = busy - t->seen_busy + idle - t->seen_idle;
    if (t->seen_at >= 0 && all > 0) {
        double share = (busy - t->seen_busy) / all;
        if (t->n_samples % 256 == 0)
            t->samples = xrealloc(t->samples, (t->n_samples + 256) * sizeof *t->samples);
        t->samples[t->n_samples++] = (struct sample){now, share < 0 ? 0 : share > 1 ? 1 : share};
    }
    if (t->seen_at < 0 || all > 0) {
        t->seen_at = now;
        t->seen_busy = busy;
        t->seen_idle = idle;
    }
    if (t->n_samples >= SAMPLES_MOST)
        thin_out(t);
}

/* ---- Spans ---- */

static void close_span(struct timeline *t, struct lane *l, enum outcome outcome)
{
    if (l->open < 0)
        return;
    struct span *s = &t->spans[l->open];
    s->end = timeline_now(t);
    s->outcome = outcome;
    if (l->waits_for)
        s->paused += s->end - l->waits_since;
    str_set(&l->waits_for, NULL);
    ids_clear(&l->waits_spans);
    l->open = -1;
}

/* Another lane has ended last, and so gave back what this one waited for. */
static void come_after_the_last_to_end(const struct timeline *t, const struct lane *l,
                                       struct span *s)
{
    ptrdiff_t last = -1;
    for (size_t i = 0; i < t->n; i++) {
        const struct span *other = &t->spans[i];
        if (other->outcome != OUTCOME_OPEN && other->end >= l->waits_since &&
            strcmp(other->lane, l->name) != 0 && (last < 0 || other->end >= t->spans[last].end))
            last = (ptrdiff_t)i;
    }
    if (last >= 0)
        ids_add(&s->after, (size_t)last);
}

static void come_after(struct timeline *t, struct lane *l, struct span *s)
{
    if (l->last >= 0 && l->phase == t->phase)
        ids_add(&s->after, (size_t)l->last);
    else
        for (size_t i = 0; i < t->frontier.n; i++)
            ids_add(&s->after, t->frontier.v[i]);
    for (size_t i = 0; i < l->waits_spans.n; i++)
        if (t->spans[l->waits_spans.v[i]].outcome != OUTCOME_OPEN)
            ids_add(&s->after, l->waits_spans.v[i]);
    if (str_eq(l->waits_for, "token"))
        come_after_the_last_to_end(t, l, s);
    s->waited_for = steal(&l->waits_for);
    ids_clear(&l->waits_spans);
}

static void begin(struct timeline *t, const char *lane, const char *stage, enum outcome before)
{
    struct lane *l = find_lane(t, lane);
    charge(t, lane);
    timeline_sample(t, true);
    close_span(t, l, before);
    size_t word = strcspn(stage, " ");
    struct span s = {
        .lane = xstrdup(lane), .stage = xstrndup(stage, word), .start = timeline_now(t)};
    if (stage[word])
        s.detail = xstrdup(stage + word + 1);
    come_after(t, l, &s);
    l->phase = t->phase;
    l->open = l->last = (ptrdiff_t)t->n;
    t->spans = xrealloc(t->spans, (t->n + 1) * sizeof *t->spans);
    t->spans[t->n++] = s;
}

static void end(struct timeline *t, const char *lane)
{
    charge(t, lane);
    timeline_sample(t, true);
    close_span(t, find_lane(t, lane), OUTCOME_DONE);
}

void timeline_begin(struct timeline *t, const char *lane, const char *stage)
{
    if (t)
        begin(t, lane, stage, OUTCOME_DONE);
}

void timeline_end(struct timeline *t, const char *lane)
{
    if (t)
        end(t, lane);
}

void timeline_fail(struct timeline *t, const char *lane)
{
    if (!t)
        return;
    struct lane *l = find_lane(t, lane);
    charge(t, lane);
    if (l->open >= 0)
        close_span(t, l, OUTCOME_FAILED);
    else if (l->last >= 0)
        t->spans[l->last].outcome = OUTCOME_FAILED;
}

void timeline_resumed(struct timeline *t, const char *lane)
{
    struct lane *l = t ? find_lane(t, lane) : NULL;
    if (l && l->open >= 0)
        t->spans[l->open].resumed = true;
}

void timeline_waits(struct timeline *t, const char *lane, const char *what)
{
    struct lane *l = t ? find_lane(t, lane) : NULL;
    if (!l || (what && l->waits_for))
        return;
    if (what) {
        l->waits_for = xstrdup(what);
        l->waits_since = timeline_now(t);
        for (size_t i = 0; i < t->n; i++)
            if (t->spans[i].outcome == OUTCOME_OPEN && strcmp(t->spans[i].stage, what) == 0 &&
                strcmp(t->spans[i].lane, lane) != 0)
                ids_add(&l->waits_spans, i);
    } else if (l->waits_for && l->open >= 0) { /* else the next stage has waited: come_after */
        t->spans[l->open].paused += timeline_now(t) - l->waits_since;
        str_set(&l->waits_for, NULL);
        ids_clear(&l->waits_spans);
    }
}

void timeline_barrier(struct timeline *t)
{
    if (!t || t->n == 0)
        return;
    ids_clear(&t->frontier);
    for (size_t i = 0; i < t->n; i++) {
        bool leaf = t->spans[i].outcome != OUTCOME_OPEN;
        for (size_t k = i + 1; leaf && k < t->n; k++)
            for (size_t a = 0; a < t->spans[k].after.n; a++)
                leaf &= t->spans[k].after.v[a] != i;
        if (leaf)
            ids_add(&t->frontier, i);
    }
    t->phase++;
}

/* ---- What progress tells ---- */

static void on_stage(void *arg, const char *who, const char *what, double expected)
{
    struct timeline *t = arg;
    /* A source that is tried while another one is: that one did not deliver. */
    begin(t, who, what, str_starts(what, "fetch ") ? OUTCOME_FAILED : OUTCOME_DONE);
    progress_stage(t->inner, who, what, expected);
}

static void on_update(void *arg, const char *who, double fraction, const char *text)
{
    struct timeline *t = arg;
    charge(t, who);
    progress_update(t->inner, who, fraction, text);
}

static void on_done(void *arg, const char *who, const char *what, double seconds)
{
    struct timeline *t = arg;
    end(t, who);
    progress_done(t->inner, who, what, seconds);
}

static void on_tick(void *arg)
{
    struct timeline *t = arg;
    timeline_sample(t, false);
    progress_tick(t->inner);
}

const struct progress *timeline_progress(struct timeline *t, const struct progress *inner)
{
    return t ? &t->progress : inner;
}

/* ---- The whole ---- */

struct timeline *timeline_new(const struct progress *inner)
{
    struct timeline *t = xcalloc(1, sizeof *t);
    t->inner = inner;
    t->progress = (struct progress){on_stage, on_update, on_done, on_tick, t};
    t->clock = clock_now;
    t->stat = "/proc/stat";
    t->began = t->clock();
    clock_rfc3339(t->started);
    t->children = cpu_seconds(RUSAGE_CHILDREN);
    t->self = cpu_seconds(RUSAGE_SELF);
    t->charged = t->children + t->self;
    t->n_cpus = cpu_list(t->cpus, lengthof(t->cpus));
    t->every = sample_seconds;
    t->seen_at = -1;
    timeline_sample(t, true);
    return t;
}

void timeline_close(struct timeline *t, int rc)
{
    if (!t)
        return;
    charge(t, NULL);
    timeline_sample(t, true);
    for (size_t i = 0; i < t->n_lanes; i++) {
        bool at_work = t->owner && strcmp(t->lanes[i].name, t->owner) == 0;
        close_span(t, &t->lanes[i],
                   rc == 0                     ? OUTCOME_DONE
                   : rc != E_SIGNAL && at_work ? OUTCOME_FAILED
                                               : OUTCOME_INTERRUPTED);
    }
    t->ended = timeline_now(t);
    t->result = rc;
    t->children_end = cpu_seconds(RUSAGE_CHILDREN);
    t->self_end = cpu_seconds(RUSAGE_SELF);
}

void timeline_free(struct timeline *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++) {
        struct span *s = &t->spans[i];
        free(s->lane);
        free(s->stage);
        free(s->detail);
        free(s->waited_for);
        ids_clear(&s->after);
    }
    for (size_t i = 0; i < t->n_lanes; i++) {
        free(t->lanes[i].name);
        free(t->lanes[i].waits_for);
        ids_clear(&t->lanes[i].waits_spans);
    }
    ids_clear(&t->frontier);
    free(t->spans);
    free(t->lanes);
    free(t->samples);
    free(t->owner);
    free(t);
}
