/* What an image says of itself: its configuration and its manifest. */
#ifndef UNGIL_CORE_IMAGE_CONFIG_H
#define UNGIL_CORE_IMAGE_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/image_layer.h"
#include "core/oci.h"

struct bundle_copy;
struct image_base;

struct image_facts {
    const struct bundle_copy *copies; /* the interpreters, newest first */
    size_t n;
    const struct image_layer *layers; /* those on top of the base's */
    size_t n_layers;
    const struct image_base *base; /* NULL: none */
    long created;                  /* seconds since 1970 */
};

/* Both are owned. */
json_t *image_config(const struct image_facts *f);
json_t *image_manifest(const struct image_facts *f, const struct oci_descriptor *config);

/* The receipt of an interpreter in an image, from that of a bundle: as if it had been installed
 * there when it was released. Changes `c->json` and writes it. */
int image_receipt(const struct bundle_copy *c);

/* RFC 3339; returns buf. */
char *image_time(char buf[32], long seconds);

#endif
