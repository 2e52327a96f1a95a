/* plan: from a SPEC to what has to be built, and whether there is anything to do at all.
 *
 * Nothing here opens a network connection, starts a program or takes a lock: a second `ungil
 * install` of the same thing ends in plan_satisfied() after reading one recipe and a few receipts.
 */
#ifndef UNGIL_CORE_PLAN_H
#define UNGIL_CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/recipe.h"

struct receipt;

struct plan_opts {
    const char *preset; /* "quick"; NULL: the recipe's default */
    const char
        *variant; /* --variant: "gil", "ft", …; NULL: the pair, or what the SPEC's suffix says */
    const char *source; /* --source, part of the inputs only when `unpinned` */
    bool unpinned;
    bool exact_preset; /* no better one instead */
};

struct plan {
    char *spec; /* as typed, or the series chosen by default */
    struct recipe *recipe;
    const struct preset *asked;      /* by the caller, or the recipe's default; in recipe */
    const struct preset *preset;     /* the same, or a better one that this machine can build */
    const struct variant **variants; /* n_variants of them, in recipe */
    size_t n_variants;
    bool exact;                    /* one release was asked for */
    const struct pin **candidates; /* n_candidates, newest first, in recipe or in `own` */
    size_t n_candidates;
    struct pin own; /* an unpinned release of the user's */
    bool unpinned;
    char *origin; /* --source of an unpinned plan, else NULL */
};

/* `spec`: a SPEC, a recipe's file name, or NULL for the newest stable series. E_USAGE for what does
 * not exist. */
int plan_make(const char *spec, const struct plan_opts *opts, struct plan *out);
void plan_free(struct plan *p);

/* The caller's variables that a build hears: part of its inputs and its receipt. NULL-terminated.
 */
extern const char *const plan_environment[];
/* One of them: NULL when it is not set, and for a CC without a word in it, which says nothing. */
const char *plan_getenv(const char *name);

/* The name ("3.14.7t"), and everything the user and the recipe decide for one variant of one
 * release: pin, variant, preset, modules, plan_environment, and which program CC is; as lines
 * "key=value", and as their SHA-256. Owned. */
char *plan_name(const char *release, const struct variant *v);
char *plan_inputs_text(const struct plan *p, const struct pin *pin, const struct variant *v);
char *plan_inputs(const struct plan *p, const struct pin *pin, const struct variant *v);
/* True when what the receipt is of was built with inputs equal to these. */
bool plan_equals(const struct plan *p, const struct pin *pin, const struct variant *v,
                 const struct receipt *r);

/* True when `installed` (n receipts) already hold every variant of one release with equal inputs;
 * *pin is that release. A series is satisfied by an older release only when the newest pin was
 * tried when that one was installed, and is still the newest: `upgrade` asks again. */
bool plan_satisfied(const struct plan *p, struct receipt *const *installed, size_t n, bool upgrade,
                    const struct pin **pin);

/* The release a plan would like best: its newest candidate. */
const char *plan_wish(const struct plan *p);

#endif
