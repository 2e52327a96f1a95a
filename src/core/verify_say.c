/* What a verification says, in words. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/kernel.h"
#include "core/verify.h"

const char *verdict_name(enum verdict v)
{
    static const char *const table[] = {"proven", "passed", "inconclusive", "failed", "unproven"};
    return table[v];
}

static bool failed(json_t *check)
{
    return str_eq(json_string_value(json_object_get(check, "verdict")), "fail");
}

/* A value in a few words, owned; NULL when there is none or it is long. */
static char *brief(json_t *check, const char *key)
{
    json_t *value = json_object_get(check, key);
    if (!value || json_is_null(value))
        return NULL;
    autofree char *text = json_is_string(value) && *json_string_value(value)
                              ? xstrdup(json_string_value(value))
                              : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    return text && strlen(text) <= 60 ? steal(&text) : NULL;
}

char *verify_explain(json_t *result)
{
    autostr text = {0};
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(result, "checks"), i, check)
    {
        if (!failed(check))
            continue;
        const char *reason = json_string_value(json_object_get(check, "reason"));
        autofree char *expected = brief(check, "expected"), *seen = brief(check, "seen");
        str_addf(&text, "%s%s: ", text.len ? "\n" : "",
                 json_string_value(json_object_get(check, "check")));
        if (expected && seen)
            str_addf(&text, "expected %s, seen %s: ", expected, seen);
        str_add(&text, reason ? reason : "this is not what was expected");
    }
    return str_take(&text);
}

char *verify_failed(json_t *result)
{
    autostr text = {0};
    size_t i;
    json_t *check;
    json_array_foreach(json_object_get(result, "checks"), i, check)
    {
        const char *name = json_string_value(json_object_get(check, "check"));
        if (name && failed(check))
            str_addf(&text, "%s%s", text.len ? ", " : "", name);
    }
    return str_take(&text);
}

/* The flags in the name "python3.14td"; owned, NULL when it is no such name. */
static char *flags_in_name(const char *python)
{
    autofree char *real = realpath(python, NULL);
    const char *name = path_base(real ? real : python);
    if (!str_starts(name, "python"))
        return NULL;
    name += strlen("python");
    const char *version = name;
    name += strspn(name, "0123456789.");
    size_t flags = strspn(name, "td");
    return memchr(version, '.', (size_t)(name - version)) && !name[flags] ? xstrndup(name, flags)
                                                                          : NULL;
}

char *verify_promised_flags(const char *python)
{
    char *flags = flags_in_name(python);
    return flags ? flags : xstrdup("");
}

char *verify_flags(const char *python)
{
    char *flags = flags_in_name(python);
    if (flags)
        return flags;
    json_t *params = json_pack("{s:b}", "ask", 1), *answers = NULL;
    struct kernel_run run = {
        .python = python, .kernel = "identity", .params = params, .seconds = 60};
    if (kernel_run(&run, &answers) < 0)
        err_clear(); /* what does not answer here fails every check */
    const char *said = json_string_value(json_object_get(json_array_get(answers, 0), "abiflags"));
    flags = xstrdup(said ? said : "");
    json_decref(answers);
    json_decref(params);
    return flags;
}
