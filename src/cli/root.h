/* What the verbs that work on the root have in common. */
#ifndef UNGIL_CLI_ROOT_H
#define UNGIL_CLI_ROOT_H

#include "cli/opt.h"
#include "core/store.h"

struct receipt;

/* The store below --root; closed at the end of the scope. */
#define autostore __attribute__((cleanup(store_close))) struct store
void root_open(struct store *s);
/* Opens it as well, and finds NAME in it as store_find does. */
int root_find(struct store *s, const char *name, struct receipt **out);
/* Locks it, for verbs that change it: waits as --lock-wait says. */
int root_lock(struct store *s);

/* The interpreter's own path in an installed prefix; owned. */
char *root_python(const struct store *s, const struct receipt *r);

#endif
