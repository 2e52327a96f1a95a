/* Which files an image has, from the lists of its layers: nothing is unpacked. */
#ifndef UNGIL_CORE_IMAGE_FILES_H
#define UNGIL_CORE_IMAGE_FILES_H

#include <stddef.h>

#include "core/image_layer.h"

struct image_files;
struct image_file {
    const char *path; /* without '/' in front; borrowed */
    size_t layer;     /* that it is in */
    char type;
    const char *link;
};

/* Reads the lists of `n` layers, the lowest first. E_INTEGRITY for one that is no tar. */
int image_files_read(const struct image_layer *layers, size_t n, struct image_files **out);
void image_files_free(struct image_files *f);

/* The regular file at an absolute path, all symbolic links followed inside the image; NULL. */
const struct image_file *image_files_find(const struct image_files *f, const char *path);
/* The one that a library of this name is, in whichever directory of libraries; NULL. */
const struct image_file *image_files_library(const struct image_files *f, const char *soname);

#endif
