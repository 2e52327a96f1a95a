/* Goal: whatever stands in a verification, the JUnit report of it is well-formed XML that counts
 * right, and is written whole or not at all. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "cli/junit.h"
#include "scratch.h"
#include "tap.h"

static json_t *one_of_each(void)
{
    json_t *verified = json_loads(
        "[{\"name\": \"3.14.7t <\\\"&'>\", \"verdict\": \"failed\", \"seconds\": 1.5, \"checks\": ["
        "{\"check\": \"a\", \"verdict\": \"pass\", \"reason\": null},"
        "{\"check\": \"b\", \"verdict\": \"fail\", \"reason\": \"bad "
        "\\u0001\\u001b[1m\\ttab\\nline\","
        "  \"expected\": {\"x\": [\"<y>\"]}, \"seen\": \"\\ufffe\\uffff\\u00e9]]>\", \"why\": "
        "\"w\"},"
        "{\"check\": \"c\", \"verdict\": \"skip\", \"reason\": \"no compiler\"},"
        "{\"check\": \"d\", \"verdict\": \"inconclusive\", \"reason\": \"load 7.9 on 4 CPUs\"},"
        "{\"check\": \"e\", \"verdict\": \"who knows\"}]},"
        "{\"name\": \"files\", \"verdict\": \"changed\", \"changed\": [\"bin/x\"], \"missing\": [],"
        " \"extra\": []}]",
        0, NULL);
    ok(verified != NULL, "the sample is JSON");
    return verified;
}

static void holds(const char *text, const char *part, const char *what)
{
    if (!ok(strstr(text, part) != NULL, what))
        printf("# %s is not in:\n%s\n", part, text);
}

int main(void)
{
    json_t *verified = one_of_each();
    autofree char *text = junit_text(verified);
    holds(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", "it begins as XML");
    holds(text,
          "name=\"3.14.7t &lt;&quot;&amp;'&gt;\" tests=\"5\" failures=\"2\" errors=\"0\" "
          "skipped=\"2\" time=\"1.500\"",
          "counted, and the name escaped");
    holds(text, "name=\"a\"/>", "what passed has nothing in it");
    holds(text, "message=\"bad \xef\xbf\xbd\xef\xbf\xbd[1m&#9;tab&#10;line\"",
          "control characters that XML does not know are replaced");
    holds(text, "expected: {&quot;x&quot;:[&quot;&lt;y&gt;&quot;]}", "a value that is no text");
    holds(text, "seen: \xef\xbf\xbd\xef\xbf\xbd\xc3\xa9]]&gt;", "what is no character at all");
    holds(text, "<skipped message=\"no compiler\">", "skipped, with the reason");
    holds(text, "<skipped message=\"inconclusive: load 7.9 on 4 CPUs\">", "open is not failed");
    holds(text, "<failure message=\"this is not what was expected\">",
          "no reason is a failure too");
    holds(text, "bin/x", "of --files, the names");
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 && *p != '\n')
            ok(0, "a control character is left");

    scratch_enter();
    is_int(junit_write("report.xml", verified), 0, "written");
    autofree char *back = scratch_read("report.xml");
    holds(back ? back : "", "</testsuites>\n", "whole");
    ok(junit_write("/nowhere/report.xml", verified) < 0, "a place that is not there");
    holds(err_message(), "/nowhere/report.xml", "is named");
    autostrv names = {0};
    fs_list(".", &names);
    is_int((long long)names.n, 1, "no temporary file stays");
    json_decref(verified);
    return tap_done();
}
