/* A prefix as the layers of an OCI artifact: the same entries as in a bundle, in many small tars,
 * so that what two variants or two releases have in common is one blob.
 *
 * What a patch release leaves alone is found file by file (3.14.7: 63 % of the standard library,
 * by size); in larger groups it drowns: eight archives of the library would share nothing. So a
 * file of 30 KB is a layer of its own, with its bytecode, and smaller ones are told apart by the
 * hash of their names: about 190 layers, which share some 50 %. Entries below the library's
 * directory are named from there, which is all that differs between the variants, and have time 0.
 */
#ifndef UNGIL_CORE_BUNDLE_LAYERS_H
#define UNGIL_CORE_BUNDLE_LAYERS_H

#include "core/bundle_arrival.h"
#include "core/bundle_copy.h"
#include "core/oci.h"

#define BUNDLE_LAYER_TYPE "application/vnd.oci.image.layer.v1.tar+zstd"
/* Annotation of a layer: the directory below the prefix that its names begin at; none: the prefix.
 */
#define BUNDLE_LAYER_AT "vnd.ungil.at"

struct bundle_layer {
    struct oci_descriptor d;
    char *at;   /* "lib/python3.14t"; "" */
    char *path; /* the file */
};
struct bundle_layers {
    struct bundle_layer *v;
    size_t n;
};
void bundle_layers_free(struct bundle_layers *l); /* not the files */

/* Writes the layers of a copy as files into the directory `dir`. The first holds the manifest and
 * all directories. Equal copies make equal layers, in the same order. */
int bundle_layers_make(const struct bundle_copy *copy, const char *dir, struct bundle_layers *out);

/* The layers that an OCI manifest names; `path` is left NULL. E_INTEGRITY, with a->label. */
int bundle_layers_parse(const struct arrival *a, json_t *manifest, struct bundle_layers *out);
/* Unpacks all of them into a->prefix, and compares everything with the manifest. `mtime`: of every
 * file. */
int bundle_layers_unpack(const struct bundle_layers *l, struct arrival *a, long mtime);

#endif
