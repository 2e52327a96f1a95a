/* Tables on stdout: columns as wide as they need, right-aligned numbers, a bold header on a
 * terminal. */
#ifndef UNGIL_CLI_TABLE_H
#define UNGIL_CLI_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct table;
/* `columns`: "NAME|VARIANT|>SIZE": '>' right-aligns. */
struct table *table_new(const char *columns);
void table_row(struct table *t, const char *const *cells); /* as many as columns; NULL is "" */
void table_print(struct table *t);                         /* UTF-8 widths counted by code point */
void table_free(struct table *t);

/* Prints one JSON document to stdout, 2-space indented, and takes the reference. E_FAILED when it
 * is NULL: json_pack made nothing of a text that is not UTF-8. Of a stdout that cannot be written
 * to main.c speaks, here as for all other output. */
int print_json(json_t *json);

#endif
