/* Files of share/ compiled into the binary: kernels, manual, recipes, the parts of
 * reports (embedded.c is made by Makefile.am). */
#ifndef UNGIL_CORE_EMBEDDED_H
#define UNGIL_CORE_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *name; /* "identity.py" */
    const unsigned char *data;
    size_t size;
};
extern const struct embedded embedded_files[];
extern const size_t embedded_count;
const struct embedded *embedded_find(const char *name); /* NULL: there is none */

#endif
