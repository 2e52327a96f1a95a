/* Extension modules that configure could not find: the gate between configure and make. */
#ifndef UNGIL_CORE_MODULES_H
#define UNGIL_CORE_MODULES_H

#include <stdbool.h>

#include "base/str.h"

struct recipe;

/* The name that CPython's build gives the extension behind an importable module: "ssl" -> "_ssl",
 * "compression.zstd" -> "_zstd", "readline" -> "readline"; owned. `makefile` is the text of a
 * configured Makefile; a name it does not list gives NULL (written in Python, or not in this
 * release). */
char *modules_extension(const char *makefile, const char *module);

/* Whether `extension` ("_tkinter", as its file begins) is one that the importable module stands
 * for ("tkinter"). */
bool modules_is_extension(const char *module, const char *extension);

/* MODULE_<NAME>_STATE of an extension: "yes", "missing", "disabled", "n/a" …; owned, or NULL. */
char *modules_state(const char *makefile, const char *extension);

/* Reads the file `makefile` (of a configured tree). Required modules of the recipe that will not
 * be built give E_BUILD: modules, the headers that were not found, and as hint this distribution's
 * command that installs them. Optional ones that will not be built are added to `missing`. */
int modules_gate(const char *makefile, const struct recipe *recipe, struct strv *missing);

#endif
