/* Build: from one source tree to one staged prefix a variant.
 *
 * All variants run at the same time, each in its own in-tree copy of the source below the cache
 * (<cache>/build/NAME-INPUTS/, the first 12 digits of inputs), under one GNU make jobserver that
 * ungil owns. Stages: copy, configure, [freeze | instrument, train,] make, install. A finished
 * stage is recorded in that directory (ungil-stages), so an interrupted build goes on from its last
 * finished stage when inputs and source are equal; make goes on incrementally, install begins
 * again. One log a stage: <cache>/log/NAME-STAGE.log.
 *
 * What variants have in common is made once: the second configure starts from the first one's
 * cache where it runs after it, the objects that a preset names as shared are compiled in one
 * tree, and bytecode is compiled for one of them.
 */
#ifndef UNGIL_CORE_BUILD_H
#define UNGIL_CORE_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct recipe;
struct variant;
struct preset;
struct source;
struct progress;
struct timeline;

struct build {                     /* one variant */
    const struct variant *variant; /* borrowed */
    const char *name;              /* "3.14.7t"; borrowed */
    const char *inputs; /* digest of everything the user and the recipe decide; borrowed */
    char *destdir; /* in: owned by the caller, an existing empty directory on the root's file system
                    */
    /* out, owned; build_result_free */
    char *prefix;    /* the staged prefix: destdir/opt/ungil/versions/NAME */
    char *directory; /* the build tree, of which no trace may stay in the prefix */
    char *configure; /* the command line that configured it, with the preset's environment */
    char *compiler;  /* "gcc (Debian 12.2.0-14+deb12u1) 12.2.0": first line of CC --version */
    char *cc;        /* CC as used */
    char *training_key, *training_origin, *training_tests; /* NULL without PGO (core/training.h) */
    long training_missing;                                 /* files without a profile */
    struct strv missing; /* optional modules that were not built */
    struct strv stages;  /* "configure 24.8" … wall seconds, for the receipt */
};

struct build_opts {
    const struct recipe *recipe;
    const struct preset *preset;
    const struct source *source;
    const char *cache;
    int jobs;     /* --jobs, at least 1 */
    bool verbose; /* -v: stream the logs to stderr, each line with its variant in front */
    bool again;   /* begin anew where everything is compiled already; what was interrupted before
                     that is gone on with */
    bool pgo_keep_going; /* tests of the training suite that fail are left out */
    bool keep;           /* build_clean keeps the build directories */
    bool ccache;         /* --ccache: build_ccache.h */
    const struct progress *progress;
    struct timeline *timeline; /* NULL: nobody asked */
};

/* E_BUILD: the message names variant, stage and log, and carries the log's last lines that matter.
 * E_SIGNAL: both stopped; err_hint says how to go on. On error nothing is left running; build
 * directories stay for a resume. Every file of a prefix carries the source's date as its
 * modification time, so that bytecode stays valid when a pair's files are shared. */
int build_run(struct build *builds, size_t n, const struct build_opts *opts);
/* Removes the build directories of these builds (after a successful install), less those that
 * another ungil is at work in. Reads only cache and keep of opts. */
int build_clean(const struct build *builds, size_t n, const struct build_opts *opts);
void build_result_free(struct build *b); /* the out members and destdir */

#endif
