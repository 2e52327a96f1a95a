/* Kernels: Python programs carried in the binary (share/kernels/), run on one interpreter.
 *
 * `PYTHON -I -B OPTIONS DIR/NAME.py PARAMS`, in a private temporary directory and a scrubbed
 * environment. The kernel answers with one JSON object a line on descriptor 3 and ends with
 * {"done": true}. Everything else is a failure, never an answer: a crash, a signal, the time limit,
 * a line that is not JSON, an answer without its end.
 */
#ifndef UNGIL_CORE_KERNEL_H
#define UNGIL_CORE_KERNEL_H

#include <jansson.h>
#include <stddef.h>

#include "base/proc.h"
#include "base/str.h"

struct progress;

struct kernel_run {
    const char *python;         /* path of the interpreter */
    const char *kernel;         /* "identity": share/kernels/identity.py */
    json_t *params;             /* borrowed; passed as argv[1]; NULL: {} */
    const struct strv *options; /* interpreter options after -I, e.g. "-X" "gil=1"; NULL: none */
    const struct strv *set;     /* extra NAME=value for its environment; NULL: none */
    double seconds;             /* time limit */
    const struct progress *progress; /* ticked while waiting; NULL: none */
};

/* The objects the kernel wrote, without the final {"done":true}, as an array the caller owns.
 * E_FAILED, naming the kernel and the reason and quoting the end of what it printed: *results is
 * then what came whole before, also owned (NULL when it could not be started). E_SIGNAL when ungil
 * was interrupted. */
int kernel_run(const struct kernel_run *run, json_t **results);

/* The same in two halves, so that one can run beside others: start, then finish or abandon.
 * `run` and what it points to must live until then. */
struct kernel {
    const struct kernel_run *run;
    struct proc proc;
    char *dir;       /* the private directory, owned; NULL: not started */
    int lock;        /* on dir: whoever finds it unlocked may delete it */
    int answers;     /* descriptor 3's other end */
    int output;      /* what it printed on 1 and 2 */
    double deadline; /* clock_now() */
};
#define KERNEL_INIT                                                                                \
    {                                                                                              \
        .proc = PROC_INIT, .lock = -1, .answers = -1, .output = -1                                 \
    }
int kernel_start(struct kernel *k, const struct kernel_run *run);
int kernel_finish(struct kernel *k, json_t **results);
void kernel_abandon(struct kernel *k); /* stops it; nothing to do when it is not running */

/* Parses what came from descriptor 3: appends the objects to `results`. E_FAILED when a line is no
 * JSON object, or the end is missing or not last. */
int kernel_parse(const char *text, json_t *results);

#endif
