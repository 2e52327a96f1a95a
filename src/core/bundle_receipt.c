/* What of a receipt goes into a bundle: all that equal inputs make equal, and nothing of the
 * machine and the hour it was built at. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/bundle.h"
#include "core/receipt.h"
#include "core/text_json.h"

const char *const bundle_part_names[] = {"main", "static", "debug", "tests", NULL};

long bundle_time(const struct receipt *r)
{
    const char *date = json_text(json_object_get(r->json, "source"), "date");
    long seconds = *date ? clock_epoch(date) : -1;
    return seconds > 0 ? seconds : 1;
}

char *bundle_input(const struct receipt *r, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = r->inputs_text; *line;) {
        size_t length = strcspn(line, "\n");
        if (strncmp(line, name, n) == 0 && line[n] == '=')
            return xstrndup(line + n + 1, length - n - 1);
        line += length + (line[length] == '\n');
    }
    return NULL;
}

void bundle_parts(const struct receipt *r, struct strv *parts)
{
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(json_object_get(r->json, "bundle"), "parts"), i,
                       part) if (json_is_string(part)) strv_add(parts, json_string_value(part));
}

static void copy(json_t *to, json_t *from, const char *const *keys)
{
    for (; *keys; keys++) {
        json_t *value = json_object_get(from, *keys);
        if (value)
            json_object_set(to, *keys, value);
    }
}

/* A part of an object of the receipt; null where that is none. */
static json_t *part_of(json_t *json, const char *key, const char *const *keys)
{
    json_t *from = json_object_get(json, key);
    if (!json_is_object(from))
        return json_null();
    json_t *to = json_object();
    copy(to, from, keys);
    return to;
}

/* Where the source came from differs between machines; what it is, the recipe's pin says. */
static json_t *source_of(const struct receipt *r)
{
    static const char *const pins[] = {"commit", "tree", "xz", "tgz", NULL};
    static const char *const kept[] = {"date", "pinned", NULL};
    json_t *source = part_of(r->json, "source", kept);
    if (!json_is_object(source))
        source = json_object();
    for (size_t i = 0; pins[i]; i++) {
        autofree char *value = bundle_input(r, pins[i]);
        json_object_set_new(source, pins[i], value && *value ? text_json(value) : json_null());
    }
    return source;
}

json_t *bundle_receipt(const struct receipt *r, enum bundle_part part)
{
    static const char *const whole[] = {"format",        "name",   "release",     "series",
                                        "variant",       "suffix", "preset",      "inputs",
                                        "free_threaded", "ungil",  "inputs_text", NULL};
    static const char *const build[] = {"configure",   "cc",      "compiler",
                                        "environment", "missing", NULL};
    static const char *const training[] = {"key", "tests", "missing", NULL};
    json_t *json = json_object(), *b = part_of(r->json, "build", build);
    copy(json, r->json, whole);
    if (json_is_object(b))
        json_object_set_new(b, "training",
                            part_of(json_object_get(r->json, "build"), "training", training));
    json_object_set_new(json, "source", source_of(r));
    json_object_set_new(json, "build", b);
    json_object_set_new(json, "bundle", json_pack("{s:s}", "part", bundle_part_names[part]));
    return json;
}
