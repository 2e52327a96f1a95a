/* A compiler is known by the programs that do its work, and a change of any of them shows. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"
#include "core/toolchain.h"
#include "scratch.h"
#include "tap.h"

static struct strv env;

static char *described(const char *cc)
{
    char *text = NULL;
    return toolchain_describe(&env, cc, &text) == 0 ? text : xstrdup(err_message());
}

static bool has(const char *text, const char *line)
{
    return text && strstr(text, line);
}

/* ---- made up ---- */

static const char script[] = "#!/bin/sh\n"
                             "for word do case $word in\n"
                             "--version) echo 'gcc (Made up) 99.1.0'; echo 'Copyright';;\n"
                             "-dumpmachine) echo made-up;;\n"
                             "-dumpversion) echo 99;;\n"
                             "-print-prog-name=cc1) echo \"$PWD/tools/cc1\";;\n"
                             "-print-prog-name=ld) echo my-ld;;\n"
                             "-print-file-name=libgcov.a) echo \"$PWD/tools/libgcov.a\";;\n"
                             "-print-*-name=*) echo \"${word#*=}\";;\n"
                             "esac; done\n";

static void wrappers(void)
{
    static const struct {
        const char *cc, *wrappers, *words;
    } cases[] = {
        {"gcc", "", "gcc"},
        {"gcc -m32", "", "gcc -m32"},
        {"ccache gcc", "ccache", "gcc"},
        {"ccache compression=true distcc gcc -m32", "ccache distcc", "gcc -m32"},
        {"/usr/bin/ccache clang", "ccache", "clang"},
        {"icecc my-cc", "icecc ccache", "/bin/my-cc"},
        {"distcc", "distcc", "cc"},
        {"links/my-cc -g", "ccache", "/bin/my-cc -g"},
        {"env gcc", "", "env gcc"},
    };
    for (size_t i = 0; i < lengthof(cases); i++) {
        autostrv in_front = {0}, words = {0};
        toolchain_words(cases[i].cc, &in_front, &words);
        autofree char *front = strv_join(&in_front, " "), *behind = strv_join(&words, " ");
        is_str(front, cases[i].wrappers, cases[i].cc);
        ok(str_ends(behind, cases[i].words), behind);
    }
}

static void change(const char *file, const char *what)
{
    autofree char *before = described("my-cc"), *old = scratch_read(file);
    autofree char *more = xasprintf("%s# more\n", old);
    scratch_file(file, more, 0755);
    autofree char *after = described("my-cc");
    ok(strcmp(before, after) != 0, what);
    scratch_file(file, old, 0755);
    autofree char *again = described("my-cc");
    is_str(again, before, "and the same as before when it is back");
}

static void made_up(void)
{
    autofree char *text = described("my-cc -g");
    autofree char *driver =
        xasprintf("\ndriver=%s/bin/my-cc %zu sha256:", scratch_dir, strlen(script));
    ok(str_starts(text, "cc=my-cc -g\nversion=gcc (Made up) 99.1.0\nmachine=made-up\nrelease=99\n"),
       "what it says of itself, with the words behind it");
    ok(has(text, driver), "the driver, as found in PATH");
    ok(has(text, "\nlto1=none\n"), "a program it has not");
    ok(has(text, "/bin/my-ld ") && has(text, "/tools/cc1 "), "those it has, from PATH and by name");
    change("bin/my-cc", "another driver");
    change("tools/cc1", "another cc1");
    change("bin/my-ld", "another linker");
    change("tools/libgcov.a", "another library for training");
    autofree char *wrapped = described("ccache my-cc -g");
    ok(str_starts(wrapped, "wrapper=ccache\n") && strcmp(strchr(wrapped, '\n') + 1, text) == 0,
       "a wrapper that is not even there: the compiler behind it");
    autofree char *moved = described("bin/my-cc -g");
    ok(strcmp(moved, text) != 0 && has(moved, driver), "by a path: the same program");
}

/* llvm-profdata of another version than the compiler is first in PATH on many machines. */
static void llvm(void)
{
    autostrv with = {0};
    autofree char *profdata = xasprintf("%s/tools/llvm-profdata", scratch_dir);
    scratch_file("bin/my-clang",
                 "#!/bin/sh\nfor word do case $word in\n"
                 "--version) echo 'Made up clang version 99.1';;\n"
                 "-print-prog-name=llvm-profdata) echo \"$PWD/tools/llvm-profdata\";;\n"
                 "-print-prog-name=*) echo \"${word#*=}\";; esac; done\n",
                 0755);
    scratch_file("tools/llvm-profdata", "#!/bin/sh\n", 0755);
    strv_addv(&with, &env);
    env_set(&with, "CC", "my-cc");
    size_t n = with.n;
    is_int(toolchain_add_llvm(&with), 0, "gcc");
    is_int((long)with.n, (long)n, "has no tools of LLVM's");
    env_set(&with, "CC", "ccache my-clang -g");
    is_int(toolchain_add_llvm(&with), 0, "clang, behind a wrapper");
    is_str(env_get(&with, "LLVM_PROFDATA"), profdata, "has its own tools");
    ok(!env_get(&with, "LLVM_AR"), "or not, and then configure looks for them");
    env_set(&with, "LLVM_PROFDATA", "mine");
    is_int(toolchain_add_llvm(&with), 0, "a caller who names one");
    is_str(env_get(&with, "LLVM_PROFDATA"), "mine", "is heard");
}

static void broken(void)
{
    char *text = NULL;
    scratch_file("bin/fails", "#!/bin/sh\necho no licence\nexit 3\n", 0755);
    is_int(toolchain_describe(&env, "no-such-compiler -m32", &text), E_BUILD, "not there");
    is_str(err_message(),
           "the C compiler \"no-such-compiler -m32\" (CC) cannot be run: no such program in PATH",
           "says which");
    ok(err_hint_text() && has(err_hint_text(), "in CC"), "and what to do");
    is_int(toolchain_describe(&env, "fails", &text), E_BUILD, "one that fails");
    is_str(err_message(),
           "the C compiler \"fails\" (CC) cannot be run: --version: exit status 3: no licence",
           "says how");
    scratch_file("bin/not-a-program", "", 0755);
    scratch_file("bin/no-interpreter", "#!/no/such/interpreter\n", 0755);
    is_int(toolchain_describe(&env, "no-interpreter", &text), E_BUILD, "one that cannot start");
    ok(text == NULL, "no text then");
}

/* ---- real ---- */

static void real(const char *cc, const char *const *lines)
{
    autofree char *path = fs_find_program(cc);
    if (!path) {
        printf("# no %s here\n", cc);
        return;
    }
    autofree char *first = described(cc);
    double began = clock_now();
    autofree char *second = described(cc);
    double took = clock_now() - began;
    is_str(second, first, cc);
    for (size_t i = 0; lines[i]; i++)
        ok(has(first, lines[i]), lines[i]);
    printf("# %s: %.1f ms\n", cc, took * 1000);
    for (char *line = strtok(first, "\n"); line; line = strtok(NULL, "\n"))
        printf("#   %s\n", line);
}

int main(void)
{
    static const char *const gcc[] = {"version=gcc ", "release=1", "cc1=/",       "lto1=/",
                                      "as=/",         "ld=/",      "libgcov.a=/", NULL};
    static const char *const clang[] = {"machine=", "clang version ", "driver=/", NULL};
    proc_init();
    scratch_enter();
    scratch_file("bin/my-cc", script, 0755);
    scratch_file("bin/my-ld", "#!/bin/sh\n# ld\n", 0755);
    scratch_file("tools/cc1", "#!/bin/sh\n# cc1\n", 0755);
    scratch_file("tools/libgcov.a", "library\n", 0644);
    scratch_file("wrappers/ccache", "#!/bin/sh\n", 0755);
    fs_mkdirs("links", 0755);
    if (symlink("../wrappers/ccache", "links/my-cc") != 0)
        return 99;
    autofree char *path = xasprintf("%s/links:%s/bin:%s", scratch_dir, scratch_dir, getenv("PATH"));
    setenv("PATH", path, 1);
    wrappers();
    path = str_set(&path, xasprintf("%s/bin:%s", scratch_dir, getenv("PATH")));
    setenv("PATH", path, 1);
    proc_clean_environment(&env);
    made_up();
    llvm();
    broken();
    real("gcc", gcc);
    real("clang", clang);
    strv_free(&env);
    return tap_done();
}
