#include "core/verify_checks.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* In the order of the report. */
const struct verify_check verify_checks[] = {
    {"gil-off", "identity", NEEDED_FT, "the only truth at run time: is the GIL off right now?"},
    {"gil-on", "identity", NEEDED_GIL, "the default build is the one that every extension expects"},
    {"gil-flag", "identity", 0, "a GIL state forced from outside would hide who switches it on"},
    {"gil-option", "identity", 0,
     "a free-threaded build can switch its GIL on, a default build "
     "cannot switch it off"},
    {"build-flag", "identity", NEEDED_FT | NEEDED_GIL, "Py_GIL_DISABLED: how it was configured"},
    {"abiflags", "identity", NEEDED_FT, "decides which extension modules it can load"},
    {"soabi", "identity", NEEDED_FT, "the tag in the file names of its extension modules"},
    {"abi-info", "identity", 0, "where programs look for the ABI from 3.15 on"},
    {"version-text", "identity", NEEDED_FT, "python -VV is what people quote in bug reports"},
    {"build-details", "identity", 0, "what other tools read instead of running it"},
    {"release", "identity", 0, "the release that was asked for, and no other"},
    {"prefix", "identity", 0, "it must find its own library, not another one's"},
    {"sysconfig", "identity", 0, "pip and build tools compile with these paths"},
    {"module:", "modules", 0, "what pip and most programs need from a complete Python"},
    {"certificates", "features", 0, "without a trusted CA every HTTPS download fails"},
    {"template-strings", "features", 0, "t\"...\" is new syntax of 3.14 (PEP 750)"},
    {"annotationlib", "features", 0,
     "annotations are evaluated when asked for since 3.14 (PEP "
     "649)"},
    {"interpreters", "features", 0,
     "the other way to use all CPUs: isolated interpreters (PEP "
     "734)"},
    {"jit", "features", 0, "timings with and without the JIT are different things"},
    {"debug", "variant", 0, "asserts and counted references are what a debug build is for"},
    {"jit-switch", "variant", 0, "a JIT that PYTHON_JIT does not switch is not there"},
    {"tail-call", "variant", 0, "another interpreter, of another speed"},
    {"shared-library", "variant", 0,
     "it must find its libpython wherever the prefix is, and no other "
     "one"},
    {"stdlib-alone", "stdlib", NEEDED_FT | NEEDED_GIL,
     "each in a process of its own, so that no "
     "culprit hides behind another"},
    {"stdlib-together", "stdlib", NEEDED_FT, "a large program loads many of them in one process"},
    {"import:", "stdlib", 0, "asked for with --import"},
    {"extension", "compile", 0,
     "C extensions can be built, and one that declares itself leaves "
     "the GIL alone"},
    {"trap", "compile", 0,
     "an extension that does not declare itself must be seen, or none of "
     "these proofs means anything"},
    {"thread-sanitizer", "compile", 0, "a race that is not reported here would not be elsewhere"},
    {"embed-config", "compile", 0, "programs that embed Python are built with python-config"},
    {"embed-pkgconfig", "compile", 0, "meson, CMake and autotools find Python through pkg-config"},
    {"stale-paths", "files", 0, "a path of the build machine leads nowhere, or to something else"},
    {"venv", "venv_pip", 0, "an environment must be of the same kind as its base"},
    {"pip", "venv_pip", 0, "the kind of wheel that it looks for first"},
    {"own-pip", "venv_pip", 0, "packages are installed with it where no environment is wanted"},
    {"parallel", "parallel", NEEDED_FT, "what all of this is for: threads that run at once"},
    {"same-interpreter", NULL, 0, "answers of two interpreters prove nothing about either"},
};
const unsigned verify_checks_count = lengthof(verify_checks);

/* "module:ssl" and "module" are in the family "module:". */
static bool names_line(const struct verify_check *line, const char *name)
{
    size_t n = strlen(line->name);
    if (line->name[n - 1] != ':')
        return strcmp(line->name, name) == 0;
    return strncmp(line->name, name, n) == 0 ||
           (strlen(name) == n - 1 && strncmp(line->name, name, n - 1) == 0);
}

const struct verify_check *verify_check_of(const char *name)
{
    for (unsigned i = 0; name && i < verify_checks_count; i++)
        if (names_line(&verify_checks[i], name))
            return &verify_checks[i];
    return NULL;
}

bool verify_wanted(const struct strv *only, const char *name)
{
    if (!only || only->n == 0 || strv_has(only, name))
        return true;
    autofree char *family = xstrndup(name, strcspn(name, ":"));
    return strchr(name, ':') && strv_has(only, family);
}

bool verify_wants_kernel(const struct strv *only, const char *kernel)
{
    /* No kernel answers that one: it takes two to compare. */
    if (only && strv_has(only, "same-interpreter") &&
        (strcmp(kernel, "identity") == 0 || strcmp(kernel, "features") == 0))
        return true;
    for (size_t i = 0; only && i < only->n; i++) {
        const struct verify_check *line = verify_check_of(only->v[i]);
        if (line && line->kernel && strcmp(line->kernel, kernel) == 0)
            return true;
    }
    return !only || only->n == 0;
}

int verify_check_names(const struct strv *only)
{
    for (size_t i = 0; i < only->n; i++) {
        if (verify_check_of(only->v[i]))
            continue;
        const char *names[lengthof(verify_checks)];
        for (unsigned k = 0; k < verify_checks_count; k++)
            names[k] = verify_checks[k].name;
        const char *nearest = str_nearest(only->v[i], names, verify_checks_count);
        int rc = fail(E_USAGE, "there is no check \"%s\"", only->v[i]);
        if (nearest)
            return err_hint(rc, "did you mean \"%s\"? \"ungil help verify\" lists all of them",
                            nearest);
        return err_hint(rc, "\"ungil help verify\" lists all of them");
    }
    return 0;
}
