/* Strings, lists, errors and times keep their small promises, also at the edges. */
#include "base/str.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "tap.h"

static void buffers(void)
{
    struct str b = {0};
    for (int i = 0; i < 1000; i++)
        str_addf(&b, "%d,", i);
    is_int((long long)strlen(b.s), (long long)b.len, "a buffer knows its length");
    ok(str_ends(b.s, "998,999,"), "and grows");
    char *taken = str_take(&b);
    ok(b.s == NULL && b.len == 0, "taking empties it");
    free(taken);
    taken = str_take(&b);
    is_str(taken, "", "nothing taken is the empty string");
    free(taken);
    str_addn(&b, "a\0b", 3);
    is_int((long long)b.len, 3, "bytes with NUL");
    str_free(&b);
    str_free(&b);
    char *s = xstrdup("once");
    char *t = steal(&s);
    ok(s == NULL, "a stolen pointer is gone");
    str_set(&t, xstrdup("twice"));
    is_str(str_set(&t, t), "twice", "a string replaced by itself stays");
    free(t);
    is_str(xstrdup(NULL), NULL, "NULL copies to NULL");
    ok(str_eq(NULL, NULL) && !str_eq("", NULL) && str_eq("a", "a"), "NULL equals NULL only");
    char text[] = " \t a b \n";
    is_str(str_trim(text), "a b", "trimmed at both ends");
    char blank[] = "  ";
    is_str(str_trim(blank), "", "nothing but blanks");
}

static void lists(void)
{
    struct strv l = {0};
    char *none = strv_join(&l, ", ");
    is_str(none, "", "an empty list joins to the empty string");
    free(none);
    autostrv commas = {0};
    strv_split_commas(&commas, NULL);
    is_int((long long)commas.n, 0, "nothing between no commas");
    strv_split_commas(&commas, ",a b,,c,");
    autofree char *between = strv_join(&commas, "|");
    is_str(between, "a b|c", "split at commas, and only there");
    strv_split(&l, "  one two\tthree\n ");
    is_int((long long)l.n, 3, "split at white space");
    ok(l.v[l.n] == NULL, "an argv ends with NULL");
    strv_addf(&l, "%d", 4);
    strv_sort(&l);
    char *joined = strv_join(&l, "-");
    is_str(joined, "4-one-three-two", "sorted and joined");
    free(joined);
    ok(strv_has(&l, "two") && !strv_has(&l, "tw"), "membership");
    struct strv more = {0};
    strv_addv(&more, &l);
    is_int((long long)more.n, 4, "a list added to a list");
    strv_free(&more);
    strv_free(&l);
    ok(l.v == NULL && l.n == 0, "a freed list is an empty one");
}

static void words(void)
{
    static const char *const verbs[] = {"install", "list", "link", "remove"};
    is_str(str_nearest("isntall", verbs, 4), "install", "swapped letters");
    is_str(str_nearest("remov", verbs, 4), "remove", "a letter that lacks");
    is_str(str_nearest("lisst", verbs, 4), "list", "a letter too many");
    is_str(str_nearest("frobnicate", verbs, 4), NULL, "another word altogether");
    is_str(str_nearest("x", verbs, 4), NULL, "one letter means nothing");
    char wide[200];
    memset(wide, 'x', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    is_str(str_nearest(wide, verbs, 4), NULL, "a word of 199 letters");
}

static void figures(void)
{
    char b[32];
    is_str(str_bytes(b, 0), "0 B", "0 B");
    is_str(str_bytes(b, 1023), "1023 B", "1023 B");
    is_str(str_bytes(b, 1536), "1.5 KiB", "1.5 KiB");
    is_str(str_bytes(b, 23160540), "22 MiB", "22 MiB");
    ok(strlen(str_bytes(b, ~0ull)) < 16, "the largest number fits");
    is_str(str_duration(b, 1.25), "1.2 s", "1.2 s");
    is_str(str_duration(b, 59.7), "1 min 00 s", "59.7 s is a minute");
    is_str(str_duration(b, 187), "3 min 07 s", "3 min 07 s");
    is_str(str_duration(b, 3720), "1 h 02 min", "1 h 02 min");
}

static void dates(void)
{
    is_int(clock_epoch("1970-01-02"), 86400, "a day after the epoch");
    is_int(clock_epoch("2026-08-05"), 1785888000, "a release date");
    static const char *const bad[] = {"",           "2026",       "2026-08",    "2026-8-5",
                                      "2026-13-01", "2026-02-30", "2026-08-05x"};
    for (size_t i = 0; i < lengthof(bad); i++)
        if (!ok(clock_epoch(bad[i]) == -1, "no date"))
            printf("# accepted: \"%s\"\n", bad[i]);
    is_int(clock_epoch(NULL), -1, "no text is no date");
    char now[32];
    is_int((long long)strlen(clock_rfc3339(now)), 20, "RFC 3339");
    double before = clock_now();
    clock_sleep(0.05);
    ok(clock_now() - before >= 0.05, "sleeping takes its time");
}

static void errors(void)
{
    is_str(err_message(), "", "no error at first");
    is_int(fail(E_UNREACHABLE, "cannot get %s", "it"), E_UNREACHABLE, "fail returns its code");
    err_hint(E_UNREACHABLE, "try %d", 2);
    is_int(err_context(E_UNREACHABLE, "3.14"), E_UNREACHABLE, "context keeps the code");
    is_str(err_message(), "3.14: cannot get it", "and stands in front");
    is_str(err_hint_text(), "try 2", "and keeps the hint");
    fail(E_FAILED, "again: %s", err_message());
    is_str(err_message(), "again: 3.14: cannot get it", "a message may quote the one before");
    is_str(err_hint_text(), NULL, "a new error has no hint");
    is_int(err_exit_status(E_UNPROVEN), 3, "exit 3");
    is_int(err_exit_status(E_BUSY), 7, "exit 7");
    is_int(err_exit_status(E_NOTFOUND), 1, "exit 1 for what has no class of its own");
    is_int(err_exit_status(err_set_signal(SIGTERM)), 143, "128 + signal");
    is_int(err_exit_status(0), 0, "exit 0");
    err_clear();
    is_str(err_message(), "", "cleared");
}

int main(void)
{
    buffers();
    lists();
    words();
    figures();
    dates();
    errors();
    return tap_done();
}
