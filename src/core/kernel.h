/* Kernels: Python programs carried in the binary (share/kernels/), run on one interpreter. */
#ifndef UNGIL_CORE_KERNEL_H
#define UNGIL_CORE_KERNEL_H

#include <jansson.h>
#include <stddef.h>

#include "base/str.h"

struct kernel_run {
    const char *python;         /* path of the interpreter */
    const char *kernel;         /* "identity": share/kernels/identity.py */
    json_t *params;             /* borrowed; passed as argv[1] */
    const struct strv *options; /* interpreter options after -I, e.g. "-X" "gil=1"; NULL: none */
    const struct strv *set;     /* extra NAME=value for its environment; NULL: none */
    const char *cpus;           /* affinity list "0,1"; NULL: inherited */
    double seconds;             /* time limit */
};
/* The objects the kernel wrote to fd 3 (without the final {"done":true}), as an array the caller
 * owns. E_FAILED, naming the kernel and the reason (exit status, signal, time limit, garbage,
 * truncated) and quoting the end of its stderr. */
int kernel_run(const struct kernel_run *run, json_t **results);

#endif
