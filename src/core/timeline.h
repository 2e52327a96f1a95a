/* Timeline: when each stage of an install began and ended, what it came after and waited for, what
 * processor time it took, and how busy the machine was meanwhile.
 *
 * It listens: what long work tells about itself (core/progress.h) is what is recorded, through the
 * struct progress that timeline_progress() wraps around the one that draws. A few calls add what
 * progress does not say: stages too short to be shown, waits, what was resumed.
 *
 * Lanes are what progress calls `who`: "3.14.7t", "source", "bench"; "pair" for what is done to all
 * at once. One stage at a time is open in a lane. A stage comes after the one before it in its
 * lane; the first one of a lane after a timeline_barrier() comes after everything that had ended by
 * then; and one that waited for another lane comes after what it waited for, too.
 *
 * Processor time is what ungil and its children that ended took (getrusage) since the lane last
 * told of itself: ungil looks after one lane at a time, so it is that lane's.
 *
 * Every call takes a NULL timeline, and does nothing. Nothing here fails but timeline_write. */
#ifndef UNGIL_CORE_TIMELINE_H
#define UNGIL_CORE_TIMELINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/progress.h"

struct timeline;

/* Begins now. `inner`: who else is told of progress; borrowed, may be NULL. */
struct timeline *timeline_new(const struct progress *inner);
void timeline_free(struct timeline *t);
/* What to hand to the work; `inner` itself where t is NULL. Borrowed from t. */
const struct progress *timeline_progress(struct timeline *t, const struct progress *inner);

/* A stage that progress does not tell of. `stage`: "relocate", or with a detail behind a space. An
 * open stage of the lane ends well. */
void timeline_begin(struct timeline *t, const char *lane, const char *stage);
void timeline_end(struct timeline *t, const char *lane);
/* The lane's stage failed: the open one, else the last one. */
void timeline_fail(struct timeline *t, const char *lane);
/* The open stage goes on with what an earlier run left. */
void timeline_resumed(struct timeline *t, const char *lane);
/* The lane could go on but for `what`: "token", or the name of a stage that another lane is in;
 * NULL: it need not wait (any more). May be called on every tick. */
void timeline_waits(struct timeline *t, const char *lane, const char *what);
/* What begins from now on comes after everything so far. */
void timeline_barrier(struct timeline *t);

/* The end, with the result of it all: stages still open failed (that of the lane at work) or were
 * interrupted. To be called once, before timeline_json. */
void timeline_close(struct timeline *t, int rc);
/* Format 1, see "ungil help install"; a new reference. */
json_t *timeline_json(const struct timeline *t);

/* Whether it can be written to `file`: E_USAGE when its name ends neither in .json nor in .html,
 * else as report_check. */
int timeline_check(const char *file);
/* Writes the JSON, or the page of it, by the end of the name; whole or not at all. */
int timeline_write(const struct timeline *t, const char *file);

#endif
