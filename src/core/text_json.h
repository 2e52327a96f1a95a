/* Texts of the outside world (paths, messages) as JSON, which is UTF-8 only; and members of an
 * object that may be missing. */
#ifndef UNGIL_CORE_TEXT_JSON_H
#define UNGIL_CORE_TEXT_JSON_H

#include <jansson.h>

#include "base/str.h"

/* A new reference: the text as it is; where it is not UTF-8, with '?' for every byte beyond ASCII;
 * null for NULL. */
json_t *text_json(const char *text);
/* An array of them; empty for NULL. */
json_t *texts_json(const struct strv *list);

/* A member; borrowed: "" when it is missing or no text; 0 when it is missing or no number. */
const char *json_text(json_t *object, const char *key);
double json_number(json_t *object, const char *key);

#endif
