/* --part, of the verbs that pack. */
#ifndef UNGIL_CLI_PARTS_H
#define UNGIL_CLI_PARTS_H

#include <stdbool.h>

#include "cli/opt.h"
#include "core/bundle.h"

void opt_add_parts(struct optset *set, const char **parts);
/* Which of them --part means (NULL: main); *all: those that are not there are no error. E_USAGE. */
int parts_chosen(const char *verb, const char *parts, bool chosen[BUNDLE_PARTS], bool *all);

#endif
