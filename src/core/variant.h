/* The compiler, the environment and the programs of one variant: what its recipe says, what the
 * caller says, what this machine has. */
#ifndef UNGIL_CORE_VARIANT_H
#define UNGIL_CORE_VARIANT_H

#include <stdbool.h>

struct plan;
struct preset;
struct strv;
struct tools;
struct variant;

/* CC as the build will have it: the caller's, else the compiler that the variant names, or else the
 * preset, as far as it is in PATH; owned. NULL: whatever configure finds. Runs no program. */
char *variant_cc(const struct variant *v, const struct preset *preset);

/* True when PATH has the compiler under a name with its version, the one that variant_cc takes, and
 * all other programs with that version; where no compiler is named, all with that of the first.
 * Runs no program: a plain "clang" is of any version. */
bool tools_are_here(const struct tools *tools);

/* Are the compiler and the programs here that the plan's variants and preset name, in the version
 * that they must have? E_BUILD, with the variant, the program and the command that installs it: to
 * be asked before anything is fetched. E_USAGE of options that exclude each other (the JIT and no
 * GIL). E_SIGNAL. */
int variant_check(const struct plan *plan);

/* Adds to a child's environment CC and the settings of variant and preset; `dir` is the build
 * directory, {build} in a setting of the variant; {PROGRAM} is the path of one that it needs. What
 * the caller set himself is heard: instead of the preset's; behind the variant's, which would not
 * be that variant without. */
void variant_environment(struct strv *env, const struct variant *v, const struct preset *preset,
                         const char *dir);
/* The same for a reader, before a command: "CC=clang-19 CFLAGS_NODIST=-g0 "; owned. */
char *variant_settings(const struct strv *env, const struct variant *v,
                       const struct preset *preset);

#endif
