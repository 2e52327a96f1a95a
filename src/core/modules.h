/* Extension modules that configure could not find: the gate between configure and make. */
#ifndef UNGIL_CORE_MODULES_H
#define UNGIL_CORE_MODULES_H

#include "base/str.h"

struct recipe;

/* Reads MODULE_*_STATE from `makefile` (of a configured tree). Required modules of the recipe that
 * are not "yes" give E_BUILD: module, the header or library that was not found, and this
 * distribution's command that installs it. Missing optional ones are added to `missing` and noted.
 */
int modules_gate(const char *makefile, const struct recipe *recipe, struct strv *missing);

#endif
