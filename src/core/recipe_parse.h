/* Between recipe_parse.c, which reads a recipe strictly, and recipe.c, which answers from it; no
 * other file may include it. */
#ifndef UNGIL_CORE_RECIPE_PARSE_H
#define UNGIL_CORE_RECIPE_PARSE_H

#include "core/recipe.h"

/* The element with this id of an array whose elements begin with `char *id`; NULL: none. */
const void *recipe_element(const void *array, size_t n, size_t size, const char *id);

#endif
