/* Goal: nothing in the data gets out of its place in the page, the page allows only what is in it,
 * and a file is whole or as it was. */
#include "core/report.h"

#include <stdlib.h>

#include "base/err.h"
#include "scratch.h"
#include "tap.h"

static const char evil[] = "</script><script>alert(1)</script><!-- & \xe2\x80\xa8\xe2\x80\xa9 "
                           "{{include report.css}} {{data}}";

static void test_data(void)
{
    json_t *json = json_pack("{s:s, s:f, s:n}", evil, evil, "x", 1.5, "none");
    autofree char *text = report_data(json);
    ok(text && !strpbrk(text, "<>&"), "no <, > or & is left");
    int ascii = 1;
    for (const char *c = text; *c; c++)
        ascii &= *c > 0;
    ok(ascii, "it is ASCII: no U+2028");
    json_t *back = json_loads(text, 0, NULL);
    ok(json_equal(back, json), "and the same document");
    json_decref(back);
    json_decref(json);
    autofree char *word = report_data(json_null());
    is_str(word, "null", "a document may be a single value");
    ok(!report_data(NULL), "none is none");
}

/* How often `what` is in `text`. */
static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static void test_page(void)
{
    json_t *json = json_pack("{s:s}", "text", evil);
    autostr page = {0};
    ok(report_page("bench", json, &page) == 0, "a page is made");
    is_int(count(page.s, "<script"), 2, "it has two scripts: data and code");
    is_int(count(page.s, "</script"), 2, "which end where they should");
    ok(count(page.s, "{{include report.css}}") == 1 && count(page.s, "{{data}}") == 1,
       "what looks like a place holder in the data stays as it is");
    ok(strstr(page.s, "default-src 'none'") != NULL, "nothing is allowed by default");
    is_int(count(page.s, "'sha256-"), 2, "one style and one script are");
    ok(strstr(page.s, "Permission is hereby granted, free of charge") != NULL,
       "the chart library's licence is in it");
    ok(page.len < 200 * 1024, "and small");
    ok(report_page("no-such", json, &page) == E_FAILED &&
           strstr(err_message(), "no-such.html") != NULL,
       "a template that is not there is named");
    ok(report_page("bench", NULL, &page) == E_FAILED, "no document, no page");
    json_decref(json);
}

static void test_hash(void)
{
    /* sha256 of a known text: openssl dgst -sha256 -binary | base64 gives the same for what is
     * between the tags */
    json_t *json = json_object();
    autostr page = {0};
    report_page("bench", json, &page);
    const char *from = strstr(page.s, "<style>") + strlen("<style>"),
               *to = strstr(from, "</style>");
    autofree char *style = xstrndup(from, (size_t)(to - from));
    scratch_file("style", style, 0644);
    FILE *f = popen("openssl dgst -sha256 -binary style | openssl base64 -A", "r");
    char sum[64] = "";
    ok(f && fgets(sum, sizeof sum, f), "another program computes a digest");
    if (f)
        pclose(f);
    autofree char *expected = xasprintf("'sha256-%s'", sum);
    ok(strlen(sum) == 44 && strstr(page.s, expected) != NULL,
       "the policy has the digest that it computes");
    json_decref(json);
}

static void test_file(void)
{
    json_t *json = json_object();
    ok(report_write("bench", json, "page.html") == 0, "it is written");
    autofree char *first = scratch_read("page.html");
    ok(first && str_starts(first, "<!doctype html>") && str_ends(first, "</html>\n"),
       "from beginning to end");
    is_int(report_write("bench", json, "missing/page.html"), E_FAILED,
           "not where there is no directory");
    ok(strstr(err_message(), "missing/page.html") && strstr(err_hint_text(), "mkdir -p 'missing'"),
       "which it says");
    mkdir("dir", 0755);
    is_int(report_write("bench", json, "dir"), E_FAILED, "not over a directory");
    is_int(report_write("bench", json, ""), E_USAGE, "not without a name");
    scratch_file("kept", "mine", 0644);
    ok(symlink("kept", "link") == 0 && report_write("bench", json, "link") == 0,
       "through a symbolic link");
    struct stat st;
    ok(lstat("link", &st) == 0 && S_ISLNK(st.st_mode) && stat("kept", &st) == 0 &&
           st.st_size > 1000,
       "the link stays, the file is replaced");
    ok(report_write("bench", json, "/dev/null") == 0 && stat("/dev/null", &st) == 0 &&
           S_ISCHR(st.st_mode),
       "/dev/null stays what it is");
    is_int(report_write("bench", json, "/dev/full"), E_FAILED, "a full disk");
    ok(strstr(err_message(), "No space left") != NULL, "which it says");
    json_decref(json);
}

int main(void)
{
    scratch_enter();
    test_data();
    test_page();
    test_hash();
    test_file();
    return tap_done();
}
