/* OCI image layouts: a directory with oci-layout, index.json and blobs/sha256/HEX (image-spec). */
#ifndef UNGIL_CORE_OCI_LAYOUT_H
#define UNGIL_CORE_OCI_LAYOUT_H

#include <jansson.h>

#include "core/oci.h"

/* Makes the directory a layout if it is none. E_USAGE when it holds something else. */
int layout_open(const char *dir);
/* Where a blob is; owned. It need not be there. */
char *layout_blob(const char *dir, const char *digest);
/* Adds a text; or a file, which is moved in (same file system) or copied. */
int layout_write(const char *dir, const char *media_type, const void *data, size_t size,
                 struct oci_descriptor *d);
int layout_take(const char *dir, const char *media_type, const char *path,
                struct oci_descriptor *d);
/* A blob of at most `limit` bytes, compared with digest and size; owned, NUL-terminated. */
int layout_read(const char *dir, const struct oci_descriptor *d, size_t limit, char **data);
/* Puts this manifest or index under `name` (org.opencontainers.image.ref.name) into index.json, in
 * place of what had the name. Last of all: the layout names it then. */
int layout_name(const char *dir, const char *name, const struct oci_descriptor *d,
                json_t *platform);
/* What `name` is (NULL: the only one). E_NOTFOUND names those that are there. */
int layout_find(const char *dir, const char *name, struct oci_descriptor *d);

#endif
