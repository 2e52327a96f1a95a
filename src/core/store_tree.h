/* The store's own: how a prefix gets into versions/ and out of it, killed anywhere or not. */
#ifndef UNGIL_CORE_STORE_TREE_H
#define UNGIL_CORE_STORE_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct store;

/* Moves the staged tree to versions/NAME, in one step also over an older one. What was there is
 * then at `staged`, or already deleted. */
int store_tree_put(const struct store *s, const char *staged, const char *name);
/* Takes versions/NAME out of sight in one step; what it held is below stage/ or deleted. */
int store_tree_drop(const struct store *s, const char *name);
/* Ends what a killed put or drop began, and deletes from stage/ what ungil left there, but not
 * failed-NAME. Locked. */
int store_tree_recover(const struct store *s);
/* The path of something in versions/ or stage/ that ungil did not make; owned, NULL: none. */
char *store_tree_foreign(const struct store *s);
/* True when versions/NAME is on its way out and has to be ignored. */
bool store_tree_dropping(const struct store *s, const char *name);

/* As store_link for root/bin, as if these names were not installed. */
int store_link_without(const struct store *s, const char *const *names, size_t n);

#endif
