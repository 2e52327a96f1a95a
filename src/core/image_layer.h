/* Layers of images: a directory as a pax tar, packed with gzip, so that equal directories make
 * equal layers. */
#ifndef UNGIL_CORE_IMAGE_LAYER_H
#define UNGIL_CORE_IMAGE_LAYER_H

#include "core/oci.h"

struct image_layer {
    char *path; /* the packed file; owned, NULL where nothing had to be written */
    char *what; /* for the image's history: "CPython 3.14.7t"; owned */
    struct oci_descriptor d;
    char diff_id[OCI_DIGEST];    /* of the tar, not packed */
    unsigned long long unpacked; /* bytes of the tar */
};

/* Everything below `dir` becomes a layer, in which it stands below `below` ("opt/ungil/bin"; "": at
 * the top), with the directories that lead there. Owners are 0, modes 0755 and 0644, but 1777 for
 * tmp and var/tmp, times `mtime`. Written below `work`. */
int image_layer_write(const char *dir, const char *below, long mtime, const char *work,
                      const char *what, struct image_layer *out);
void image_layer_free(struct image_layer *l);

#endif
