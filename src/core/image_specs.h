/* Which installed interpreters the SPECs of `image` mean. */
#ifndef UNGIL_CORE_IMAGE_SPECS_H
#define UNGIL_CORE_IMAGE_SPECS_H

#include <stddef.h>

struct receipt;
struct store;
struct strv;

/* *out (freed with store_list_free): each once, newest first. "3.14" is the newest pair of the
 * series, "3.14.7" the pair; with a suffix, one. E_USAGE for what is no SPEC, E_FAILED for what is
 * not installed. */
int image_specs(const struct store *s, const struct strv *specs, struct receipt ***out, size_t *n);

#endif
