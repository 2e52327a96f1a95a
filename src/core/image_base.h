/* The image that another one is built on: from an image layout or a registry. */
#ifndef UNGIL_CORE_IMAGE_BASE_H
#define UNGIL_CORE_IMAGE_BASE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/image_layer.h"
#include "core/oci.h"

struct progress;

struct image_base {
    char *name;              /* "HOST/REPOSITORY:TAG" in a registry; NULL: of a layout */
    struct oci_ref ref;      /* in a registry; empty for a layout */
    struct oci_descriptor d; /* its manifest */
    json_t *manifest, *config;
    struct image_layer *layers; /* `path` is where each is */
    size_t n;
};

struct image_base_opts {
    const char *where; /* "oci:DIR[:TAG]" or "oci://HOST/REPOSITORY[:TAG]" */
    const char *work;  /* a directory for what is fetched; there as long as the base is used */
    bool plain_http;
    const struct progress *progress;
};

/* Whether it names an image layout, "oci:DIR[:TAG]"; then both are set, owned; *tag is NULL where
 * it says none. */
bool image_layout_split(const char *where, char **dir, char **tag);

/* All of it, compared with its digests: manifest, configuration, layers; of an index the image for
 * this machine. E_INTEGRITY when it is not what it says, E_NOTFOUND or E_FAILED when there is none
 * for this machine. Freed also after an error. */
int image_base_open(const struct image_base_opts *opts, struct image_base *out);
void image_base_free(struct image_base *b);

/* Whether the interpreters can run on it: E_FAILED without their dynamic loader, without a shell,
 * or with an older C library; a warning names other libraries that it lacks. */
int image_base_check(const struct image_base *b, json_t *const *runtimes, size_t n,
                     const char *work);

#endif
