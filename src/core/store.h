/* The store: <root>/versions, bin, stage, lock. Plain files, no database. The README says why. */
#ifndef UNGIL_CORE_STORE_H
#define UNGIL_CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct receipt;

struct store {
    char *root;     /* absolute */
    char *versions; /* root/versions */
    char *stage;    /* root/stage */
    char *bin;      /* root/bin */
    int lock;       /* descriptor of root/lock when locked, -1 */
};

/* Names the paths; touches nothing. */
void store_open(struct store *s, const char *root);
void store_close(struct store *s); /* unlocks and frees */

/* Creates the directories and takes the lock (flock: whatever ends this process releases it). Held
 * by another: waits `wait_seconds` (< 0: for ever), saying on stderr for whom (the lock file's
 * text: pid, command, since), then E_BUSY. `command`: what to write there. A read-only or foreign
 * root is E_FAILED with what to do; so is a directory that somebody uses for something else: one
 * with things of theirs in versions/ or stage/ and no lock yet, or with a lock of theirs, or where
 * versions or stage is a symlink. Once locked, what a killed ungil left is put right: stale
 * stages are deleted (but stage/failed-NAME, which --keep-failed left), a half-done exchange is
 * finished, links are remade. What ungil did not make stays as it is. */
int store_lock(struct store *s, const char *command, double wait_seconds);
/* Bytes of what ungil left in stage/, failed-NAME too: for `clean`. With `remove`, deletes it
 * (locked). */
int store_clean_stage(const struct store *s, bool remove, unsigned long long *bytes);
/* E_FAILED when versions/NAME is there and ungil did not put it there. */
int store_check_own(const struct store *s, const char *name);

/* Receipts of all installed prefixes (array of n, owned), in name_compare order. No lock needed. A
 * directory in versions/ without a readable receipt is warned about, not listed. */
int store_list(const struct store *s, struct receipt ***out, size_t *n);
void store_list_free(struct receipt **list, size_t n);
/* One installed name; a series or a pair's release also finds ("3.14t" the newest 3.14.*t).
 * E_FAILED with the nearest names. */
int store_find(const struct store *s, const char *name, struct receipt **out);
char *store_prefix(const struct store *s, const char *name); /* owned: versions/NAME */

/* An empty private directory in stage/ for NAME; owned path. */
int store_stage(const struct store *s, const char *name, char **dir);

/* Writes the changed receipt of an installed prefix, in one step; killed, it leaves nothing there
 * that the manifest does not know. */
int store_update_receipt(const struct store *s, const struct receipt *r);

struct store_commit {
    const char *name;   /* "3.14.7t" */
    const char *prefix; /* the finished staged prefix: manifest and receipt written */
};
/* For all of them in turn: syncfs once, then each renamed into versions/ (EXCHANGE over an older
 * build), parent fsynced, links remade, old trees and the rest of the stages deleted. Killed
 * anywhere, the next run finds the old build or the new one. E_FAILED from the links alone (a
 * foreign file in root/bin) says that everything is installed. */
int store_commit(struct store *s, const struct store_commit *commits, size_t n);

/* Their links go first, then each is renamed into stage/ and deleted there. */
int store_remove(struct store *s, const char *const *names, size_t n);

/* Makes root/bin what versions/ says; each name has one owner, and python3.14 is always the GIL
 * build, python3.14t the free-threaded one. `into`: another directory instead (ungil
 * link --into), whose links lead to root/bin. Names that are not ungil's own are never overwritten:
 * everything else is linked, then E_FAILED naming them. Own links that lead nowhere are removed.
 * The default (python, python3): root/default if it names an installed prefix, else the newest
 * stable GIL build, else the newest GIL build. */
int store_link(const struct store *s, const char *into);
/* The same in root/bin for a root that will be at `as` ("/opt/ungil") when it is used. */
int store_link_as(const struct store *s, const char *as);
/* Writes root/default (NULL: automatic again); store_link then makes it true. */
int store_set_default(const struct store *s, const char *name);
/* The name that python and python3 lead to, given what is installed; owned, NULL: none. */
char *store_default(const struct store *s, struct receipt *const *list, size_t n);

#endif
