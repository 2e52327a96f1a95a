#include "core/receipt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "io/archive_name.h"

enum { FORMAT = 1 };

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void borrow_fields(struct receipt *r)
{
    const json_t *json = r->json;
    r->name = text_of(json, "name");
    r->release = text_of(json, "release");
    r->series = text_of(json, "series");
    r->variant = text_of(json, "variant");
    r->suffix = text_of(json, "suffix");
    r->preset = text_of(json, "preset");
    r->inputs = text_of(json, "inputs");
    r->inputs_text = text_of(json, "inputs_text");
    r->installed = text_of(json, "installed");
    r->verdict = text_of(json_object_get(json, "verify"), "verdict");
    r->free_threaded = json_is_true(json_object_get(json, "free_threaded"));
}

int receipt_parse(const char *text, size_t size, const char *path, struct receipt **out)
{
    *out = NULL;
    json_error_t why;
    json_t *json = json_loadb(text, size, 0, &why);
    if (!json) {
        autofree char *said = archive_printable(why.text); /* it quotes what is there */
        return fail(E_FAILED, "%s:%d: %s", path, why.line, said);
    }
    json_int_t format = json_integer_value(json_object_get(json, "format"));
    if (format != FORMAT || !*text_of(json, "name")) {
        json_decref(json);
        if (format > FORMAT)
            return fail(E_FAILED, "%s was written by a newer ungil (format %lld)", path,
                        (long long)format);
        return fail(E_FAILED, "%s is not a receipt", path);
    }
    struct receipt *r = xcalloc(1, sizeof *r);
    r->json = json;
    borrow_fields(r);
    *out = r;
    return 0;
}

int receipt_read(const char *prefix, struct receipt **out)
{
    *out = NULL;
    autofree char *path = path_join(prefix, "ungil.json");
    autofree char *text = NULL;
    size_t size;
    int rc = fs_read(path, &text, &size);
    return rc < 0 ? rc : receipt_parse(text, size, path, out);
}

int receipt_write(const char *prefix, json_t *json)
{
    autofree char *path = path_join(prefix, "ungil.json");
    /* A third smaller than the usual form: an install with nothing to do reads all receipts in its
     * 5 ms. */
    autofree char *text = json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    if (!text)
        return fail(E_FAILED, "%s cannot be written: a text in it is not UTF-8", path);
    autofree char *whole = xasprintf("%s\n", text);
    return fs_write_atomic(path, whole, strlen(whole), 0644);
}

const struct receipt *receipt_named(struct receipt *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i]->name, name) == 0)
            return list[i];
    return NULL;
}

void receipt_free(struct receipt *r)
{
    if (!r)
        return;
    json_decref(r->json);
    free(r);
}

void receipt_configure(const struct receipt *r, struct strv *words)
{
    const char *line =
        json_string_value(json_object_get(json_object_get(r->json, "build"), "configure"));
    strv_split(words, line ? line : "");
}

bool receipt_is_sanitized(const struct receipt *r)
{
    autostrv words = {0};
    receipt_configure(r, &words);
    return strv_has(&words, "--with-thread-sanitizer") ||
           strv_has(&words, "--with-address-sanitizer") ||
           strv_has(&words, "--with-memory-sanitizer");
}

bool receipt_is_slow(const struct receipt *r)
{
    autostrv words = {0};
    receipt_configure(r, &words);
    return strv_has(&words, "--with-pydebug") || receipt_is_sanitized(r);
}
