/* The receipt: ungil.json in an installed prefix. Everything that went into it and every proof made
 * of it. */
#ifndef UNGIL_CORE_RECEIPT_H
#define UNGIL_CORE_RECEIPT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct strv;

/* The fields every reader needs; the whole document stays in `json` (owned here; keys in the
 * manual, RECEIPT): format (1), name, release, series, variant, suffix, free_threaded, preset,
 * inputs, inputs_text, installed (RFC 3339), root_prefix, requested {spec, newest_pin}, source
 * {provider, location, commit, tree, sha256, date, pinned, tried[]}, recipe {file, digest}, build
 * {configure, cc, compiler, host, jobs, environment{}, stages[], missing[]}, manifest {digest,
 * files}, verify {verdict, checks[]}, bench {...}, ungil (version). */
struct receipt {
    json_t *json;
    const char *name, *release, *series, *variant, *suffix, *preset, *inputs, *inputs_text,
        *installed, *verdict; /* borrowed from json, "" if absent */
    bool free_threaded;
};

/* E_NOTFOUND silently when there is none; E_FAILED when it is unreadable or not one of ours. */
int receipt_read(const char *prefix, struct receipt **out);
/* The same from a text; `where` is for messages. */
int receipt_parse(const char *text, size_t size, const char *where, struct receipt **out);
int receipt_write(const char *prefix, json_t *json); /* atomically */
void receipt_free(struct receipt *r);
/* The one with this name, borrowed; NULL when there is none. */
const struct receipt *receipt_named(struct receipt *const *list, size_t n, const char *name);

/* The words that configure was given, appended. */
void receipt_configure(const struct receipt *r, struct strv *words);
/* True of a build that is many times slower than it would be for use: --with-pydebug, a sanitizer.
 */
bool receipt_is_slow(const struct receipt *r);
/* True when it keeps terabytes of (never used) memory for a sanitizer. */
bool receipt_is_sanitized(const struct receipt *r);

#endif
