/* Whether a prefix that was built elsewhere can run here: what its programs and libraries ask of
 * the machine, written down where they are made, compared where they land. */
#ifndef UNGIL_CORE_RUNTIME_H
#define UNGIL_CORE_RUNTIME_H

#include <jansson.h>

struct strv;

/* Reads every program and library below `prefix`. *out (owned): {"machine": "x86_64", "loader":
 * "/lib64/ld-linux-x86-64.so.2", "glibc": "2.34" or null, "libraries": [{"soname", "versions": [of
 * its symbols], "modules": [that need it]}]}, sorted; what the prefix itself holds is not among
 * them. Equal prefixes give equal texts. */
int runtime_collect(const char *prefix, json_t **out);

/* {"machine", "loader"} of the programs that are made for this machine. A new reference. */
json_t *runtime_here(void);

/* "x86_64-linux-gnu", "aarch64-linux-musl": for the name of a file; owned. */
char *runtime_platform(json_t *runtime);
char *runtime_platform_here(void); /* this machine's; owned */

/* Can this machine run it? E_FAILED names what is missing, for which modules, and how this
 * distribution installs it. What only modules in `optional` (names of recipes: "tkinter") need may
 * be missing: these modules are added to `absent`. E_INTEGRITY when a library has no name, but a
 * path or worse. */
int runtime_check(json_t *runtime, const char *name, const struct strv *optional,
                  struct strv *absent);

/* What one of "libraries" lacks where it is the file `path` of `who` ("this machine"), in words
 * ("glibc 2.34 or later (this machine has 2.31)"); `path` is "" where there is none. NULL when it
 * lacks nothing; owned. */
char *runtime_lacking(json_t *library, const char *path, const char *who);

#endif
