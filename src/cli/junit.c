#include "cli/junit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

/* XML 1.0 knows most control characters in no form, not even as &#1;: they become U+FFFD. Line
 * ends and tabs are kept in attributes as references. */
static void add_escaped(struct str *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; p && *p; p++) {
        static const char *const names[] = {
            ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;"};
        if (*p < sizeof names / sizeof *names && names[*p])
            str_add(out, names[*p]);
        else if (*p == '\t' || *p == '\n' || *p == '\r')
            str_addf(out, "&#%d;", *p);
        else if (*p < 0x20 || *p == 0x7f)
            str_add(out, "\xef\xbf\xbd");
        else if (*p == 0xef && p[1] == 0xbf && (p[2] == 0xbe || p[2] == 0xbf)) /* U+FFFE, U+FFFF */
            str_add(out, "\xef\xbf\xbd"), p += 2;
        else
            str_addn(out, p, 1);
    }
}

static void add_attribute(struct str *out, const char *name, const char *value)
{
    str_addf(out, " %s=\"", name);
    add_escaped(out, value ? value : "");
    str_add(out, "\"");
}

static const char *text_of(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* "seen: off", as JSON when it is no text. */
static void add_value(struct str *out, json_t *check, const char *key)
{
    json_t *value = json_object_get(check, key);
    if (!value || json_is_null(value))
        return;
    autofree char *text = json_is_string(value) ? xstrdup(json_string_value(value))
                                                : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    add_escaped(out, key);
    str_add(out, ": ");
    add_escaped(out, text);
    str_add(out, "\n");
}

struct counts {
    size_t cases, failures, skipped;
};

static void add_case(struct str *out, const char *suite, json_t *check, struct counts *n)
{
    const char *verdict = text_of(check, "verdict"), *reason = text_of(check, "reason");
    bool skipped = str_eq(verdict, "skip"), open = str_eq(verdict, "inconclusive");
    n->cases++;
    str_add(out, "    <testcase");
    add_attribute(out, "classname", suite);
    add_attribute(out, "name", text_of(check, "check"));
    if (str_eq(verdict, "pass")) {
        str_add(out, "/>\n");
        return;
    }
    const char *element = skipped || open ? "skipped" : "failure";
    autofree char *message = xasprintf("%s%s", open ? "inconclusive: " : "",
                                       reason ? reason : "this is not what was expected");
    n->skipped += skipped || open;
    n->failures += !(skipped || open);
    str_addf(out, ">\n      <%s", element);
    add_attribute(out, "message", message);
    str_add(out, ">");
    add_value(out, check, "expected");
    add_value(out, check, "seen");
    add_value(out, check, "why");
    add_value(out, check, "culprits");
    str_addf(out, "</%s>\n    </testcase>\n", element);
}

/* The result of --files is one check. */
static json_t *files_as_check(json_t *result)
{
    bool intact = str_eq(text_of(result, "verdict"), "intact");
    json_t *seen =
        json_pack("{s:O?, s:O?, s:O?}", "changed", json_object_get(result, "changed"), "missing",
                  json_object_get(result, "missing"), "extra", json_object_get(result, "extra"));
    return json_pack("{s:s, s:s, s:o, s:s, s:s?}", "check", "files", "expected",
                     "as they were installed", "seen", seen, "verdict", intact ? "pass" : "fail",
                     "reason", intact ? NULL : "files are not as they were installed");
}

static void add_suite(struct str *out, json_t *result, const char *time)
{
    autostr cases = {0};
    struct counts n = {0};
    const char *name = text_of(result, "name");
    json_t *checks = json_object_get(result, "checks"), *check;
    size_t i;
    json_array_foreach(checks, i, check) add_case(&cases, name, check, &n);
    if (!checks) {
        json_t *files = files_as_check(result);
        add_case(&cases, name, files, &n);
        json_decref(files);
    }
    str_add(out, "  <testsuite");
    add_attribute(out, "name", name);
    str_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\"",
             n.cases, n.failures, n.skipped, json_number_value(json_object_get(result, "seconds")));
    add_attribute(out, "timestamp", time);
    str_add(out, ">\n    <properties>\n      <property name=\"verdict\"");
    add_attribute(out, "value", text_of(result, "verdict"));
    str_add(out, "/>\n    </properties>\n");
    str_add(out, cases.s ? cases.s : "");
    str_add(out, "  </testsuite>\n");
}

char *junit_text(json_t *verified)
{
    autostr out = {0};
    char now[32];
    clock_rfc3339(now);
    str_add(&out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ungil verify\">\n");
    size_t i;
    json_t *result;
    json_array_foreach(verified, i, result) add_suite(&out, result, now);
    str_add(&out, "</testsuites>\n");
    return str_take(&out);
}

int junit_write(const char *path, json_t *verified)
{
    autofree char *text = junit_text(verified);
    int rc = fs_write_atomic(path, text, strlen(text), 0644);
    return rc < 0 ? err_hint(rc, "--junit FILE names where the report goes") : 0;
}
