/* The training store: what profile-guided builds counted, kept for the next build that everything
 * is equal for.
 *
 * <cache>/training/KEY/ has key.txt (what the data depends on: lines "name=value"), training.json
 * (the facts, and digest and size of every file) and data/ (the files at their relative paths). KEY
 * is the SHA-256 of key.txt. An entry appears and goes in one step; who changes something holds a
 * flock(2) on <cache>/training. When key.txt was written last is when the entry was used last.
 */
#ifndef UNGIL_CORE_TRAINING_H
#define UNGIL_CORE_TRAINING_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/str.h"

/* About one entry; texts owned, NULL: unknown. */
struct training_facts {
    char *origin; /* "trained here" or "imported" */
    long missing; /* how often the compiler warned of a missing profile in the build that used it
                     first */
    long files;
    unsigned long long bytes;
    char *date;  /* when it was trained; RFC 3339, UTC */
    char *tests; /* "43 of 43" */
};
void training_facts_free(struct training_facts *f); /* what it holds, not itself */

/* `key_text`: lines "name=value\n" of everything that the data depends on: name, release, variant,
 * preset, compiler ... Of a name that comes again the first counts for messages. Owned, hex. */
char *training_key(const char *key_text);

/* Puts the data of this key into the build tree: *found, and *facts (owned by the caller). Data
 * that is damaged is said in a warning, removed, and not found. When there is none, but some of the
 * same release and variant, a note says why that does not fit. After an error nothing of it is in
 * the tree. E_USAGE when UNGIL_TRAINING_MAX is no size: here, before anything is trained. */
int training_restore(const char *cache, const char *key_text, const char *tree, bool *found,
                     struct training_facts *facts);

/* Keeps every *.gcda and *.profclangd below `tree` under this key, in place of what was there, and
 * removes what was used longest ago until all of it fits into the limit. origin NULL: trained here;
 * date NULL: now; files and bytes are counted here. After an error the store is what it was. */
int training_save(const char *cache, const char *key_text, const char *tree,
                  const struct training_facts *facts);

int training_forget(const char *cache, const char *key_text); /* it turned out not to fit */

/* The limit of the store in bytes: UNGIL_TRAINING_MAX, else 1 GiB. 0: nothing is kept. E_USAGE. */
int training_limit(unsigned long long *bytes);

/* ---- for the verb ---- */

struct training_entry {
    char *key, *key_text;
    struct training_facts facts;
    struct timespec used;
    char *damage; /* what is wrong with it; NULL: nothing seen. The digests are not compared. */
};
/* The first value of `name` in the key text; owned, NULL: none. */
char *training_value(const char *key_text, const char *name);
/* Newest used first; *list is owned (training_list_free). No store is an empty one. */
int training_list(const char *cache, struct training_entry **list, size_t *n);
void training_list_free(struct training_entry *list, size_t n);

/* One archive of the entries with these whole keys, in this order. All digests are compared:
 * E_INTEGRITY, and no file. Equal entries make equal files. */
int training_export(const char *cache, const struct strv *keys, const char *file);
/* Takes in what training_export wrote, all of it or nothing; E_INTEGRITY for what is damaged,
 * hostile, or no such archive. Adds the keys that came in, and those that were there already. */
int training_import(const char *cache, const char *file, struct strv *imported, struct strv *there);
/* In what the compiler of this key differs from that of `toolchain` (toolchain.h), as people say
 * it; owned, NULL: in nothing. */
char *training_misfit(const char *key_text, const char *toolchain);
int training_remove(const char *cache, const struct strv *keys); /* whole keys */

/* Deletes the whole store, unless another ungil is at work in it: *held. *bytes: its size. */
int training_clean(const char *cache, bool dry_run, bool *held, unsigned long long *bytes);

#endif
