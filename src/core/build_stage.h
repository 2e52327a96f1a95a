/* The stages of one variant's build: what each runs, what it leaves, what is remembered of it.
 * Private to core/build*.c. */
#ifndef UNGIL_CORE_BUILD_STAGE_H
#define UNGIL_CORE_BUILD_STAGE_H

#include "base/proc.h"
#include "base/str.h"
#include "core/build.h"
#include "core/build_log.h"
#include "core/timings.h"
#include "core/training.h"
#include "io/make.h"

/* In this order; which of them a build has depends on its preset (stage_applies). */
enum stage {
    STAGE_COPY,
    STAGE_CONFIGURE,
    STAGE_FREEZE,     /* LTO without training: the frozen modules, by a compiler in a hurry */
    STAGE_INSTRUMENT, /* PGO: the interpreter that counts */
    STAGE_TRAIN,      /* PGO: what it counts */
    STAGE_MAKE,
    STAGE_INSTALL,
    STAGES
};
extern const char *const stage_names[STAGES];

/* Of STAGE_TRAIN; build_train.c. */
enum training_step {
    TRAIN_LIST,   /* asks which tests there are */
    TRAIN_GROUPS, /* runs them */
    TRAIN_ALONE,  /* those of a group that failed, each in a process of its own */
    TRAIN_MERGE,
    TRAIN_DONE
};

/* What configure made of the preset, and where the training data is from. build_pgo.c. */
struct optimisation {
    bool pgo, lto;
    bool gcc;       /* not clang, whose flags and profiles are others */
    bool bolt;      /* the program that was linked is laid out anew: as upstream does it */
    bool stored;    /* the data is from the store: nothing to train */
    char *key_text; /* what the data depends on (core/training.h) */
    struct training_facts facts;
    enum training_step training;
    struct strv tests, groups, alone; /* groups: names with a space between */
};

/* One variant on its way through the stages. */
struct pipeline {
    struct build *build;
    const struct build_opts *opts;
    struct jobserver *jobserver; /* shared */
    struct pipeline *all;        /* every pipeline of this build, this one among them */
    size_t n_all;

    char *dir;       /* <cache>/build/NAME-INPUTS */
    int lock;        /* flocked, so that two ungils with two roots do not build in one directory */
    char *key;       /* inputs and source: what must be equal for a stage to count as done */
    struct strv env; /* of every child */
    long mtime;      /* what the files of the prefix get, seconds since 1970 */

    enum { WAITING, RUNNING, FINISHED } state;
    enum stage stage; /* the one that runs, or the one to begin with */
    bool begun;       /* stage_begin was called for it */
    int step;         /* commands of this stage begun so far */
    struct proc proc;
    int tokens;  /* of the jobserver that this pipeline holds */
    bool paused; /* stopped, without a token, because another ungil has its share */

    int log;        /* where the children write */
    off_t log_from; /* where what this run writes begins */
    char *log_path;
    struct build_log_follow follow;
    double began;           /* the stage, clock_now() */
    bool resumed;           /* this stage was interrupted in an earlier run: objects are there */
    struct timing expected; /* the last time */
    double left;            /* stage_left, before it began */
    struct optimisation o;
    char *answers_key; /* build_answers.c: NULL: none */
    bool answers_taken;
    bool configured_now; /* in this run: its configure cache is about this machine as it is */
    bool makes_shared;   /* its prelude compiles the objects that are for all */
    bool objects_ready;  /* shared_objects holds what the other trees can take */
    struct strv shared_objects; /* paths below dir */
};

/* Directory, lock, environment, which stage to begin with. E_SIGNAL while waiting for the lock. */
int stage_prepare(struct pipeline *p);
/* True when what p is to do next can take from another variant what that one is making now:
 * sooner done than done again. */
bool stage_waits(const struct pipeline *p);
/* About how many seconds the stages from p->stage on take: the pipeline with most to do comes first
 * where only one can. */
double stage_left(const struct pipeline *p);
/* Begins p->stage: log, progress, the first command (stage_continue). */
int stage_begin(struct pipeline *p);
/* Begins the stage's next command (p->proc runs); or, when there is none, completes the stage,
 * remembers it and moves p->stage on, with p->begun false. */
int stage_continue(struct pipeline *p);
/* Moves p->stage on to the next that applies. */
void stage_next(struct pipeline *p);
/* The command of the current step ended with `status`, which is not 0: E_BUILD with the lines that
 * matter, or 0 when this command may fail. */
int stage_failed(struct pipeline *p, int status);
void stage_progress(struct pipeline *p);
/* Facts that only configure's stage gathers, for a build that goes on after it. */
int stage_recover_facts(struct pipeline *p);

/* build_command.c: what a stage runs. */

/* The next command of p->stage (p->step of it were begun so far); an empty argv when there is none.
 */
int stage_command(struct pipeline *p, struct strv *argv);
/* make with what every one of its calls gets. */
void command_make(const struct pipeline *p, struct strv *argv);
void command_configure_words(struct pipeline *p, struct strv *argv);

/* build_pgo.c: profile-guided and link-time optimisation. */

bool stage_applies(const struct pipeline *p, enum stage stage);
/* Reads from the tree's Makefile what was configured; where there is training data in the store, it
 * puts that into the tree, and nothing is to be trained. After configure, and when a build goes on
 * after it. */
int pgo_decide(struct pipeline *p);
int pgo_freeze_command(struct pipeline *p, struct strv *argv);
int pgo_instrument_command(struct pipeline *p, struct strv *argv);
/* Before the first command of STAGE_MAKE: cleans the tree where that was not done yet, and writes
 * the rules. */
int pgo_before_make(struct pipeline *p);
/* After STAGE_MAKE, `made` or failed: does the profile fit what was compiled? Stored data that does
 * not is dropped, p goes back to train, and *fits is false. Data of this build's own is kept in the
 * store; E_BUILD when it does not fit. */
int pgo_judge(struct pipeline *p, bool made, bool *fits);
void pgo_free(struct pipeline *p);
/* For build_train.c. Removes what instrumented programs counted; reads the stage's log (owned). */
int pgo_forget_counts(const struct pipeline *p);
int pgo_read_log(const struct pipeline *p, char **text);

/* build_train.c: runs the tests that are to be optimised for. */

int train_command(struct pipeline *p, struct strv *argv);
void train_rules(const struct pipeline *p, struct str *out); /* of its current step */
int train_done(struct pipeline *p);                          /* after STAGE_TRAIN */
/* A command of STAGE_TRAIN failed. 0: the stage goes on, to find out which test it was or, with
 * --pgo-keep-going, without those that failed. E_BUILD: recorded when it names the tests. */
int train_failed(struct pipeline *p);
/* Puts into o.facts how many tests worked, for a run that goes on after the training. */
int train_recall(struct pipeline *p);
/* For the test: deals `tests` out to at most four groups a job, of about the same length; the
 * longest test comes first in each. */
void train_groups(const struct strv *tests, int jobs, struct strv *groups);

/* build_rules.c: ungil.mk, which every make of an optimised build reads after the Makefile. */

extern const char rules_name[];
bool rules_wanted(const struct pipeline *p);
int rules_write(const struct pipeline *p); /* those of p->stage */
/* What they say of instrumenting, training and optimising, for the key of training data; owned. */
char *rules_text(const struct pipeline *p);
/* The jobserver's pipe in a child. make closes its own in what is no make; gcc's last link is one,
 * and gets it under numbers that make does not know. */
enum { CHILD_RFD = 3, CHILD_WFD = 4, LINK_RFD = 5, LINK_WFD = 6 };

/* build_prepare.c: the record of finished stages. */

/* Of STAGE_INSTALL: what is left after make install. */
enum { PIP_STEP = 1, BYTECODE_STEP };

/* Adds p->stage to build->stages, and to the record on disk. */
int stage_remember(struct pipeline *p, double seconds);
/* Writes the record; `begun`: p->stage has begun, and may have left objects. */
int stage_write(const struct pipeline *p, bool begun);
void pipeline_free(struct pipeline *p);

/* build_probe.c, build_probe_headers.c: what configure would find out slowly. */

/* Adds to a configure cache which functions of configure's list the C library has; which headers
 * there are, and how large C's types are. Answers come only from the compiler and the options that
 * configure gets; nothing is added when the compiler cannot say (a failure of its own is left to
 * configure). E_SIGNAL, or an error of the disk. */
int probe_functions(const struct pipeline *p, struct str *cache);
int probe_headers(const struct pipeline *p, struct str *cache);
/* For both. The compiler as configure will call it, with the caller's CFLAGS and CPPFLAGS. False
 * when configure's answers may depend on what a probe does not imitate: settings among its options
 * (CC=clang, LDFLAGS=…), another system, warnings that are errors. */
void probe_compiler(const struct pipeline *p, struct strv *argv);
bool probe_knows_the_options(const struct pipeline *p);
/* For probe_functions and its test. The functions a configure script asks for with AC_CHECK_FUNC;
 * whether a compiler's output names `name`, as a whole word. */
void probe_names(const char *configure, struct strv *names);
bool probe_mentions(const char *text, const char *name);
/* For probe_headers and its test: the headers, and the types, that a configure script asks for with
 * nothing but the default includes; and, at the same index, the variables for the answers. */
void probe_header_names(const char *configure, struct strv *headers, struct strv *variables);
void probe_size_names(const char *configure, struct strv *types, struct strv *variables);

/* build_prelude.c: what is compiled before make proper, as the preset says: the objects that all
 * variants can use, in one tree while the others compile what is theirs alone; and Python.h, which
 * gcc otherwise reads again for each of 300 files. */

bool prelude_wanted(const struct pipeline *p);
/* Writes the rules and adds options and targets to a make command. */
int prelude_command(struct pipeline *p, struct strv *argv);
int prelude_clean(struct pipeline *p); /* takes away what must not be installed */
/* Of gcc's first line of --version, "gcc (Debian 12.2.0-14) 12.2.0"; 0: not gcc. */
int prelude_gcc_version(const char *line);

/* build_pause.c: fewer pipelines at work while another ungil has its share of the machine. */

struct jobs;
/* Stops a pipeline, whose token goes to another ungil, where jobs_over says so and no make will
 * give one back; the last one that works goes on. Lets another go on instead of one that waits. */
void pause_step(struct pipeline *all, size_t n, struct jobs *jobs);
void pause_end(struct pipeline *p); /* p has its token again, or is to be stopped for good */

/* build_share.c: what one variant takes from another. */

/* A configure cache for p: from an equal configure (build_answers.h), from a variant that this run
 * has configured, else from a probe. */
int share_configure_cache(struct pipeline *p);
/* A line of a configure cache that CPython's configure gets wrong when it takes it from there. */
bool share_is_trap(const char *line);
/* The objects in p's tree are offered to the others: after the prelude that made the shared ones.
 */
int share_note_objects(struct pipeline *p);
/* Copies offered objects between trees: from p to those that are configured, and to p. */
int share_objects(struct pipeline *p);
/* Gives every file below the prefix one modification time, removes bytecode made so far, and
 * takes the bytecode of another variant whose sources are equal. */
int share_bytecode(struct pipeline *p);
/* <prefix>/lib/python3.14t, owned. */
char *share_library(const struct pipeline *p);

#endif
