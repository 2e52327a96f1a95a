/* What a timeline holds. Private to core/timeline*.c and their test. */
#ifndef UNGIL_CORE_TIMELINE_SPANS_H
#define UNGIL_CORE_TIMELINE_SPANS_H

#include "core/timeline.h"

enum outcome { OUTCOME_OPEN, OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_INTERRUPTED };

/* Indices of spans; owned. */
struct ids {
    size_t *v, n;
};

/* Times are seconds since the timeline began. */
struct span {
    char *lane, *stage, *detail; /* owned; detail may be NULL */
    double start, end;
    enum outcome outcome;
    bool resumed;
    struct ids after;
    char *waited_for; /* before it began; owned, or NULL */
    double paused;    /* in the middle of it, while it waited for another lane */
    double cpu;
};

struct lane {
    char *name;
    ptrdiff_t open, last; /* spans; -1: none */
    unsigned phase;       /* of the last one */
    char *waits_for;      /* owned; NULL: it does not wait */
    double waits_since;
    struct ids waits_spans; /* the open stages that it waits for */
};

/* The share of the CPUs that was busy from the sample before to this one. */
struct sample {
    double at, busy;
};

struct timeline {
    struct span *spans;
    size_t n;
    struct lane *lanes;
    size_t n_lanes;
    unsigned phase;
    struct ids frontier; /* what the first span of a lane in this phase comes after */
    char *owner;         /* the lane that is looked after; NULL: none yet */
    struct progress progress;
    const struct progress *inner;

    double (*clock)(void); /* clock_now, but for a test */
    const char *stat;      /* /proc/stat, but for a test */
    double began, ended;   /* by the clock */
    char started[32];
    int result;
    double children, self; /* processor seconds at the beginning */
    double charged;        /* of both, up to now */
    double children_end, self_end;

    int cpus[1024]; /* that this process may use */
    size_t n_cpus;
    struct sample *samples;
    size_t n_samples;
    double every;   /* seconds; doubled when there are very many */
    double seen_at; /* the last reading; < 0: none */
    double seen_busy, seen_idle;
};

double timeline_now(const struct timeline *t);
/* Reads the CPUs' counters when it is time, or at once. */
void timeline_sample(struct timeline *t, bool at_once);
void ids_add(struct ids *ids, size_t id);

#endif
