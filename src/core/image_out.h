/* Where a finished image goes: an image layout, a registry. */
#ifndef UNGIL_CORE_IMAGE_OUT_H
#define UNGIL_CORE_IMAGE_OUT_H

#include <stddef.h>

#include "core/image.h"
#include "core/image_config.h"

struct image_out {
    const struct image_facts *facts; /* borrowed */
    char *config_text, *manifest_text;
    struct oci_descriptor config, manifest;
    const struct image_layer **layers; /* each once, the base's first; borrowed members */
    size_t n;
    size_t sent;          /* layers that the registry did not have */
    char *named, *pushed; /* "oci:DIR:TAG", "oci://HOST/REPOSITORY:TAG"; NULL: not there */
};
/* Its texts. Freed also after an error. */
int image_out_make(const struct image_facts *facts, struct image_out *out);
void image_out_free(struct image_out *out);

/* Into "oci:DIR[:TAG]", without a tag under the newest release; the name comes last. */
int image_out_layout(struct image_out *out, const char *where);
/* To opts->push. */
int image_out_push(struct image_out *out, const struct image_opts *opts);

#endif
