/* Releases, names and SPECs are read as people write them, and nothing else is. */
#include "core/release.h"

#include <stdlib.h>

#include "base/err.h"
#include "tap.h"

static void releases(void)
{
    struct release r = {0};
    ok(release_parse("3.14.7", &r) && r.major == 3 && r.minor == 14 && r.micro == 7, "3.14.7");
    ok(release_parse("3.15.0rc1", &r) && release_is_prerelease(&r) && r.serial == 1, "3.15.0rc1");
    static const char *const bad[] = {"",         "3",         "3.14",     "3.14.",    "3.14.7t",
                                      "v3.14.7",  "3.14.7 ",   "3.14.-1",  "3.14.7.1", "3.14.0rc",
                                      "3.014.7x", "3.14.0xx1", "../3.14.7"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!ok(!release_parse(bad[i], &r), "not a release"))
            printf("# accepted: \"%s\"\n", bad[i]);
}

static void ages(void)
{
    static const char *const order[] = {"3.9.20",    "3.13.5",   "3.13.15",   "3.15.0a1",
                                        "3.15.0a10", "3.15.0b1", "3.15.0rc1", "3.15.0rc2",
                                        "3.15.0",    "3.15.1"};
    for (size_t i = 1; i < sizeof order / sizeof *order; i++)
        if (!ok(release_compare_text(order[i - 1], order[i]) < 0 &&
                    release_compare_text(order[i], order[i - 1]) > 0,
                "older before newer"))
            printf("# %s, %s\n", order[i - 1], order[i]);
    is_int(release_compare_text("3.14.7", "3.14.7"), 0, "a release is as old as itself");
}

static void suffixes(void)
{
    static const char *const cases[][3] = {{"", "", "python3.14"},
                                           {"t", "t", "python3.14t"},
                                           {"td", "td", "python3.14td"},
                                           {"-jit", "", "python3.14"},
                                           {"t-tsan", "t", "python3.14t"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *flags = suffix_abiflags(cases[i][0]), *program = python_program("3.14", cases[i][0]);
        is_str(flags, cases[i][1], "the ABI flags in a suffix");
        is_str(program, cases[i][2], "upstream's name of the program");
        free(flags);
        free(program);
    }
}

static void names(void)
{
    char *release = NULL, *suffix = NULL;
    ok(name_split("3.14.7td", &release, &suffix), "3.14.7td is a name");
    is_str(release, "3.14.7", "its release");
    is_str(suffix, "td", "its suffix");
    free(release);
    free(suffix);
    release = suffix = NULL;
    ok(!name_split("../etc", &release, &suffix), "../etc is no name");
    ok(!name_split("3.14.7t/..", &release, &suffix), "3.14.7t/.. is no name");
    ok(name_compare("3.14.7", "3.14.7t") < 0, "the GIL build is listed before the free-threaded");
    ok(name_compare("3.14.10", "3.14.9") < 0, "the newest is listed first");
    char *series = series_of("3.15.0rc1");
    is_str(series, "3.15", "the series of a release candidate");
    free(series);
}

static void specs(void)
{
    struct spec s = {0};
    is_int(spec_parse("3.14", &s), 0, "3.14");
    is_str(s.series, "3.14", "its series");
    is_str(s.release, NULL, "no release");
    is_str(s.suffix, NULL, "the pair");
    spec_free(&s);
    s = (struct spec){0};
    is_int(spec_parse("3.14.7t", &s), 0, "3.14.7t");
    is_str(s.release, "3.14.7", "its release");
    is_str(s.suffix, "t", "its suffix");
    spec_free(&s);
    static const char *const bad[] = {"", "3", "python3.14", "3.14.7/../x", "3.14.7 t", "-3.14"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        s = (struct spec){0};
        if (!ok(spec_parse(bad[i], &s) == E_USAGE, "not a SPEC"))
            printf("# accepted: \"%s\"\n", bad[i]);
        spec_free(&s);
    }
}

int main(void)
{
    releases();
    ages();
    suffixes();
    names();
    specs();
    return tap_done();
}
