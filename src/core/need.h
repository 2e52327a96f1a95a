/* What a recipe says of a program that a build needs: "clang>=19", "llvm-readobj=19",
 * "python3>=3.11", or a name alone. */
#ifndef UNGIL_CORE_NEED_H
#define UNGIL_CORE_NEED_H

#include <stdbool.h>

#include "base/str.h"

struct need {
    char *program;
    bool exact;       /* this version, whatever follows it; otherwise this one or a later one */
    int major, minor; /* -1: not asked for */
};

/* False when the word is of another form; need_free in either case. */
bool need_parse(const char *word, struct need *need);
void need_free(struct need *need);
/* "clang 19 or later"; owned. */
char *need_text(const struct need *need);

/* The paths of such programs in PATH, appended: the names that distributions give to one version
 * (clang-19, clang19) come before the plain one. Versions are not looked at, no program is run. */
void need_find(const struct need *need, struct strv *paths);

/* The version in the name of such a program (19: clang-19, clang19), -1: it is called PROGRAM
 * alone. */
int need_named_version(const struct need *need, const char *path);

/* What "PROGRAM --version" printed: whether it is such a program, of such a version. `seen` (owned)
 * is the version that was found, NULL when there is none in the text. */
bool need_is_met(const struct need *need, const char *printed, char **seen);

#endif
