/* The audit's report, for people. */
#ifndef UNGIL_CLI_AUDIT_PRINT_H
#define UNGIL_CLI_AUDIT_PRINT_H

#include <jansson.h>
#include <stdbool.h>

/* Tables and what does not fit into them, to stdout; at most 100 columns but for paths. */
void audit_print(json_t *report, bool markdown);

/* One sentence for each kind of finding; owned. */
char *audit_summary(json_t *report);

#endif
