/* Equal files that become one, and bytecode that is of equal sources. */
#ifndef UNGIL_CORE_SAMEFILE_H
#define UNGIL_CORE_SAMEFILE_H

#include <stdbool.h>

/* True when both can be read and hold the same bytes. */
bool same_content(const char *a, const char *b);
/* Makes `path` another name of `original`, in one step. 0, E_EXISTS silently where the file system
 * or the kernel forbids it (other device, too many names, other owner), or an error. */
int same_link(const char *original, const char *path);
/* json/__pycache__/decoder.cpython-314.opt-1.pyc -> json/decoder.py; owned, NULL for another name.
 */
char *bytecode_source(const char *pyc);

#endif
