/* finish: from built trees in the stage to prefixes that are ready to be seen: tidied, relocated,
 * shared, verified, with manifest and receipt. Nothing here touches versions/. */
#ifndef UNGIL_CORE_FINISH_H
#define UNGIL_CORE_FINISH_H

#include <stddef.h>

#include "core/build.h"
#include "core/verify.h"

struct install_opts;
struct plan;
struct source;
struct store;

struct finish {
    struct build build;                /* its result */
    char *name, *inputs, *inputs_text; /* owned */
    enum verdict verdict;
    json_t *verification; /* owned */
    char *sibling; /* staged or installed prefix of the other one of the pair, owned; NULL: none */
};

/* All of one install at once. E_UNPROVEN / E_FAILED when a verification says no: the message names
 * the checks. */
int finish_all(struct finish *all, size_t n, const struct plan *plan, const struct source *source,
               const struct store *store, const struct install_opts *opts);
/* What a verification said of what was just "built" or "unpacked": 0, or the error for the user. */
int finish_judge(const char *name, const char *made, enum verdict verdict, json_t *verification);
void finish_free(struct finish *f);

/* The interpreter inside a prefix: <prefix>/bin/python3.14t; owned. See python_program. */
char *finish_python(const char *prefix, const char *series, const char *suffix);

#endif
