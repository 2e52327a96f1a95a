/* Inputs that a Python script makes in the scratch directory: tests/unit/archives.py, wheels.py. */
#ifndef UNGIL_TESTS_UNIT_GENERATOR_H
#define UNGIL_TESTS_UNIT_GENERATOR_H

#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/str.h"

/* Runs it, with one argument or NULL, and adds the lines of its output; none without Python. */
static inline void generate(const char *script, const char *argument, struct strv *lines)
{
    autofree char *out = NULL;
    autostrv argv = {0};
    int status = -1;
    struct proc_opts o = PROC_OPTS_INIT;
    o.err = STDERR_FILENO;
    strv_add(&argv, "python3");
    strv_add(&argv, script);
    if (argument)
        strv_add(&argv, argument);
    if (proc_capture(&argv, &o, 60, 1 << 20, &out, &status) == 0 && proc_ok(status))
        for (char *save = NULL, *l = strtok_r(out, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
            strv_add(lines, l);
}

#endif
