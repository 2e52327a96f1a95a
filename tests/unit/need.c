/* What a recipe says of a program is read as written, and what real programs print is understood.
 */
#include "core/need.h"

#include <stdlib.h>
#include <string.h>

#include "scratch.h"
#include "tap.h"

static void words(void)
{
    static const char *const bad[] = {
        "",          "=19",     "clang=",     "clang>19",     "clang<19",
        "clang==19", "clang>=", "clang=19.",  "clang=19.1.7", "/usr/bin/clang",
        "clang>=x",  "a b",     "clang=99999"};
    struct need n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!ok(!need_parse(bad[i], &n), "no need"))
            printf("# accepted: \"%s\"\n", bad[i]);
        need_free(&n);
    }
    static const struct {
        const char *word, *text;
    } good[] = {{"clang>=19", "clang 19 or later"},
                {"llvm-readobj=19", "llvm-readobj 19"},
                {"python3>=3.11", "python3 3.11 or later"},
                {"cmake", "cmake"}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ok(need_parse(good[i].word, &n), "a need");
        char *text = need_text(&n);
        is_str(text, good[i].text, "in words");
        free(text);
        need_free(&n);
    }
}

static const char debian_gcc[] =
    "gcc (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright (C) 2022 Free Software Foundation, Inc.\n";

static void versions(void)
{
    static const struct {
        const char *word, *printed;
        bool met;
        const char *seen;
    } cases[] = {
        {"clang>=19", "Debian clang version 19.1.7 (3~deb12u1)\nTarget: x86_64\n", true, "19.1.7"},
        {"clang>=19", "clang version 20.1.8 (Fedora 20.1.8-1.fc42)\n", true, "20.1.8"},
        {"clang=19", "clang version 20.1.8 (Fedora 20.1.8-1.fc42)\n", false, "20.1.8"},
        {"clang>=19", "Debian clang version 14.0.6\n", false, "14.0.6"},
        {"clang>=9", "Debian clang version 14.0.6\n", true, "14.0.6"},
        {"clang>=12", debian_gcc, false, NULL},
        {"gcc>=12", debian_gcc, true, "12.2.0"},
        {"gcc>=13", debian_gcc, false, "12.2.0"},
        {"gcc>=9", "gcc (GCC) 14.2.1 20250207\nCopyright (C) 2024 Free Software Foundation, Inc.\n",
         true, "14.2.1"},
        {"gcc>=9", "Debian clang version 14.0.6\n", false, NULL},
        {"llvm-readobj=19", "Debian LLVM version 19.1.7\n  Optimized build.\n", true, "19.1.7"},
        {"llvm-readobj=19", "LLVM (http://llvm.org/):\n  LLVM version 19.1.7\n", true, "19.1.7"},
        {"python3>=3.11", "Python 3.11.2\n", true, "3.11.2"},
        {"python3>=3.11", "Python 3.9.18\n", false, "3.9.18"},
        {"python3>=3.11", "Python 4.0.0\n", true, "4.0.0"},
        {"python3=3.11", "Python 3.12.1\n", false, "3.12.1"},
        {"cmake", "no number\n", true, NULL},
        {"cmake>=3", "no number\n", false, NULL},
        {"cmake>=3", "", false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct need n;
        char *seen;
        need_parse(cases[i].word, &n);
        bool good = ok(need_is_met(&n, cases[i].printed, &seen) == cases[i].met, cases[i].word);
        good &= is_str(seen, cases[i].seen, "the version seen");
        if (!good)
            printf("# of \"%s\"\n", cases[i].printed);
        free(seen);
        need_free(&n);
    }
}

/* The name of what need_find finds in ./bin. */
static void finds(const char *word, const char *expected)
{
    struct need n;
    autostrv paths = {0};
    need_parse(word, &n);
    need_find(&n, &paths);
    is_str(paths.n ? path_base(paths.v[0]) : NULL, expected, word);
    need_free(&n);
}

static void found(void)
{
    setenv("PATH", "bin", 1);
    finds("clang>=19", NULL);
    scratch_file("bin/clang", "", 0755);
    finds("clang>=19", "clang");
    scratch_file("bin/clang-18", "", 0755);
    finds("clang>=19", "clang");
    finds("clang=18", "clang-18");
    scratch_file("bin/clang-21", "", 0755);
    finds("clang>=19", "clang-21");
    finds("clang=19", "clang");
    scratch_file("bin/clang19", "", 0755);
    finds("clang>=19", "clang19");
    scratch_file("bin/python3.12", "", 0755);
    finds("python3>=3.11", "python3.12");
    finds("python3=3.11", NULL);
    scratch_file("bin/python3", "", 0755);
    finds("python3>=3.11", "python3.12");
    finds("python3=3.11", "python3");
}

int main(void)
{
    words();
    versions();
    scratch_enter();
    found();
    return tap_done();
}
