/* The training store's own: its lock, and entries as they are on disk. See training.h. */
#ifndef UNGIL_CORE_TRAINING_STORE_H
#define UNGIL_CORE_TRAINING_STORE_H

#include <jansson.h>
#include <stdbool.h>

#include "core/training.h"
#include "io/digest.h"

struct training_store {
    char *dir; /* <cache>/training */
    int fd;    /* holds the lock */
};
#define TRAINING_STORE_INIT                                                                        \
    {                                                                                              \
        .dir = NULL, .fd = -1                                                                      \
    }
/* Opens and locks it (LOCK_SH, LOCK_EX), and with LOCK_EX sweeps what a killed ungil left. `make`:
 * makes it; else E_NOTFOUND, silently, when there is none. Waits for another ungil. */
int training_open(const char *cache, int how, bool make, struct training_store *s);
void training_close(struct training_store *s);
static inline void training_close_at(struct training_store *s)
{
    training_close(s);
}
#define autotraining __attribute__((cleanup(training_close_at))) struct training_store

bool training_is_key(const char *name);      /* 64 hexadecimal digits */
bool training_is_data(const char *name);     /* *.gcda, *.profclangd */
bool training_is_key_text(const char *text); /* lines "name=value\n" that can be shown */

/* One file of an entry; borrowed from its training.json. */
struct training_file {
    const char *path, *sha256;
    unsigned long long size;
};

/* Reads key.txt and training.json of the entry in `dir` and checks that they are sound and of
 * `key`: else E_INTEGRITY. *json (owned): training.json. */
int training_read(const char *dir, const char *key, struct training_entry *e, json_t **json);
void training_entry_free(struct training_entry *e); /* what it holds */
/* The i-th file of a training.json that training_read found sound. */
struct training_file training_file(json_t *json, size_t i);
/* Compares size and digest of every file: E_INTEGRITY. */
int training_verify(const char *dir, json_t *json);

/* Copies the file `from` to fd, which it closes; size and digest are what was copied. `to` is for
 * messages. Not flushed to disk: what a power failure damages is found out by its digest, and to
 * train anew costs less than some hundred flushes with every build. */
int training_copy(const char *from, int fd, const char *to, unsigned long long *size,
                  char hex[SHA256_HEX]);
/* Writes key.txt and training.json into `dir`; `imported`: when, NULL: it was not; `files`: its
 * array, borrowed. */
int training_write(const char *dir, const char *key_text, const struct training_facts *facts,
                   const char *imported, json_t *files);
/* Lets the finished entry `dir` appear as `key`, in one step in place of what was there. */
int training_publish(const struct training_store *s, const char *dir, const char *key);
int training_drop(const struct training_store *s, const char *key); /* in one step */
void training_mark_used(const struct training_store *s, const char *key);
/* All entries, newest used first. */
int training_entries(const struct training_store *s, struct training_entry **list, size_t *n);
/* Drops what was used longest ago until `limit` is kept. */
int training_trim(const struct training_store *s, unsigned long long limit);

/* Says in a note in what the nearest entry of the same release and variant differs. */
void training_explain(const struct training_store *s, const char *key_text);

#endif
