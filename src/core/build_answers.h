/* What configure found out, kept for the next build: <cache>/configure/KEY holds the cache of a
 * configure that completed. KEY is the SHA-256 of everything that its answers depend on: the script
 * and its options, the compiler by its programs (toolchain.h), the environment that either reads,
 * and this machine's headers, libraries and programs by names, sizes and times. There is nothing to
 * invalidate: where one of these changed, the key is another. Private to core/build*.c. */
#ifndef UNGIL_CORE_BUILD_ANSWERS_H
#define UNGIL_CORE_BUILD_ANSWERS_H

#include "base/str.h"
#include "core/build_stage.h"

/* Before configure starts, p->build->configure being set. 1: the answers of an equal one are added
 * to `cache`; 0: there are none, or none that can be relied on. E_SIGNAL. */
int answers_take(struct pipeline *p, struct str *cache);
/* After configure completed: keeps its answers, unless what they depend on changed meanwhile.
 * Losing them is no error. E_SIGNAL. */
int answers_put(struct pipeline *p);
/* After configure failed with answers that were taken: they are not for anybody any more. */
void answers_drop(const struct pipeline *p);

/* build_fingerprint.c: adds what configure may look at on this machine, as lines for a digest.
 * 0; E_NOTFOUND, and no error recorded, when it cannot be told: the compiler does not work, or
 * there are too many files; E_SIGNAL. `dir`, `env`: where, and with what, configure
 * runs. */
int fingerprint_machine(const char *dir, const struct strv *env, struct str *text);
/* The variables in `env` that the script (its text) or what it runs reads, sorted, as lines. */
void fingerprint_environment(const struct strv *env, const char *script, struct str *text);

#endif
