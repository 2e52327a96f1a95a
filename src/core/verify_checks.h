/* The checks of a verification: which there are, who answers them, why they matter.
 *
 * One table for the kernels to run, for --check, for the help and for the reports. A name that ends
 * with ':' stands for a family ("module:ssl", "module:zlib").
 */
#ifndef UNGIL_CORE_VERIFY_CHECKS_H
#define UNGIL_CORE_VERIFY_CHECKS_H

#include <stdbool.h>

#include "base/str.h"

enum { NEEDED_FT = 1, NEEDED_GIL = 2 }; /* an answer must be there for this kind of build */

struct verify_check {
    const char *name;   /* "gil-off", "module:" */
    const char *kernel; /* "identity"; NULL: ungil itself */
    unsigned needed; /* NEEDED_*: not answered is failed, and on a free-threaded build unproven */
    const char *why; /* why it matters: one line */
};
extern const struct verify_check verify_checks[];
extern const unsigned verify_checks_count;

/* The line of the table for a check's name; NULL: it has none. */
const struct verify_check *verify_check_of(const char *name);

/* Whether a check was asked for: always when `only` is NULL or empty; "module" asks for the family.
 */
bool verify_wanted(const struct strv *only, const char *name);
/* Whether anything was asked for that this kernel answers. */
bool verify_wants_kernel(const struct strv *only, const char *kernel);

/* E_USAGE, with the nearest name, when one of them is no check. */
int verify_check_names(const struct strv *only);

#endif
