/* Options of the verbs that speak with registries. */
#ifndef UNGIL_CLI_REMOTE_H
#define UNGIL_CLI_REMOTE_H

#include <stdbool.h>

#include "cli/opt.h"

void opt_add_plain_http(struct optset *set, bool *value);        /* --plain-http */
void opt_add_verify_key(struct optset *set, const char **value); /* --verify KEY */

#endif
