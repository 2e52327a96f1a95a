#include "core/text_json.h"

#include <stdlib.h>

json_t *text_json(const char *text)
{
    if (!text)
        return json_null();
    json_t *same = json_string(text);
    if (same)
        return same;
    autofree char *plain = xstrdup(text);
    for (char *c = plain; *c; c++)
        if (*c & 0x80)
            *c = '?';
    return json_string(plain);
}

json_t *texts_json(const struct strv *list)
{
    json_t *array = json_array();
    for (size_t i = 0; list && i < list->n; i++)
        json_array_append_new(array, text_json(list->v[i]));
    return array;
}

const char *json_text(json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

double json_number(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}
