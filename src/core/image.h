/* Images of installed interpreters: OCI image-spec, made without a container engine and without
 * root. Equal interpreters on an equal system (or base) make an image of equal digest. */
#ifndef UNGIL_CORE_IMAGE_H
#define UNGIL_CORE_IMAGE_H

#include <jansson.h>
#include <stdbool.h>

struct progress;
struct store;
struct strv;

struct image_opts {
    const struct store *store;
    const struct strv *specs; /* "3.14", "3.14.7": the pair; "3.14t", "3.14.7t": one */
    const char *base;         /* image_base_opts.where; NULL: the libraries of this machine */
    const char *output;       /* "oci:DIR[:TAG]"; NULL: none */
    const char *push;         /* "oci://HOST/REPOSITORY[:TAG]"; NULL: none */
    bool plain_http;
    const char *cache; /* for what is in the making; room for a copy of the interpreters */
    const struct progress *progress;
};

/* *report (owned): what `image --json` prints, see the manual. E_FAILED when a SPEC is not
 * installed; errors of bundle_copy_make, image_base_open, image_base_check, the layout and the
 * registry. What was named before stays as it was after an error. */
int image_make(const struct image_opts *opts, json_t **report);

#endif
