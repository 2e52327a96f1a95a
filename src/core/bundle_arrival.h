/* A bundle on its way in, whether it is a file or comes from a registry: what is checked of it, and
 * what is done with it. */
#ifndef UNGIL_CORE_BUNDLE_ARRIVAL_H
#define UNGIL_CORE_BUNDLE_ARRIVAL_H

#include <jansson.h>
#include <stdbool.h>

#include "core/bundle.h"
#include "core/receipt.h"
#include "core/store.h"
#include "io/archive.h"
#include "io/digest.h"

/* Limits of what is taken in, and what libarchive's messages call it. */
extern const char bundle_kind[], bundle_receipt_name[], bundle_manifest_name[];
enum { BUNDLE_RECEIPT_LIMIT = 1 << 20, BUNDLE_MANIFEST_LIMIT = 32 << 20 }; /* 10 and 430 KB */
enum { BUNDLE_ENTRY_LIMIT = 50000 };                                       /* a prefix has 2500 */
extern const unsigned long long bundle_byte_limit;

struct expected;
struct arrival {
    const char *label;       /* what messages call it: "3.14.7t-x86_64-linux-gnu.tar.zst" */
    struct receipt *receipt; /* what it says of itself; owned */
    enum bundle_part part;
    char *prefix;          /* where it is unpacked; owned */
    bool began;            /* ungil.json came */
    struct expected *list; /* what the manifest names */
    size_t n, cap;
    unsigned long long bytes; /* of all files that it names */
};
void arrival_free(struct arrival *a);

/* E_INTEGRITY: it is refused, because `path` in it (NULL: all of it) `why`. */
int arrival_refuse(const struct arrival *a, const char *path, const char *why);

/* Takes ungil.json's text: compares what it says with what a bundle's can; fills receipt, part. */
int arrival_take_receipt(struct arrival *a, const char *text, size_t size);

/* An archive_each: an entry of a bundle that is one file, below the prefix; of `arg`, which is the
 * arrival. ungil.json, ungil.mtree, then what that names, each once. */
archive_each arrival_take_entry;
/* The same for a path that stands in no such order: first ungil.mtree, then anything. */
int arrival_take(struct arrival *a, const struct archive_mtree_entry *e);
/* A directory of the manifest that came. */
bool arrival_has_directory(const struct arrival *a, const char *path);
/* Everything that the manifest names came. */
int arrival_check_complete(const struct arrival *a);

#endif
