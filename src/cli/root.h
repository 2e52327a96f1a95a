/* What the verbs that work on the root have in common. */
#ifndef UNGIL_CLI_ROOT_H
#define UNGIL_CLI_ROOT_H

#include "cli/opt.h"
#include "core/store.h"

/* The store below --root; closed at the end of the scope. */
#define autostore __attribute__((cleanup(store_close))) struct store
void root_open(struct store *s);
/* Locks it, for verbs that change it. `argv`: for the lock file. */
int root_lock(struct store *s, int argc, char **argv, double wait_seconds);
/* --lock-wait SECONDS; set *seconds to -1 before: wait for ever. */
void opt_add_lock_wait(struct optset *set, double *seconds);

/* The interpreter's own path in an installed prefix; owned. */
struct receipt;
char *root_python(const struct store *s, const struct receipt *r);

#endif
