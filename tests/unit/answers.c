/* Configure's answers are kept for an equal configure, and for no other. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/build_answers.h"
#include "core/build_ccache.h"
#include "core/build_stage.h"
#include "core/recipe.h"
#include "scratch.h"
#include "tap.h"

static const char script[] = "#!/bin/sh\n# reads SOME_SETTING\n";
static const char answers[] = "ac_cv_func_getpid=${ac_cv_func_getpid=yes}\n"
                              "ac_cv_wl_no_as_needed=${ac_cv_wl_no_as_needed=yes}\n"
                              "ac_cv_gcc_asm_for_x64=${ac_cv_gcc_asm_for_x64=yes}\n"
                              "ac_cv_c_mimalloc=${ac_cv_c_mimalloc=yes}\n";
static const char kept[] = "ac_cv_func_getpid=${ac_cv_func_getpid=yes}\n"
                           "ac_cv_c_mimalloc=${ac_cv_c_mimalloc=yes}\n";

static struct recipe recipe;
static struct preset preset;
static struct variant variant;
static struct build build;
static struct build_opts opts;
static struct pipeline p;

/* What is remembered of the machine for two seconds is remembered for one environment; nothing
 * reads this variable. */
static void forget(void)
{
    static int n;
    autofree char *value = xasprintf("%d", n++);
    env_set(&p.env, "NOBODY_READS_THIS", value);
}

/* What is taken: owned; "" for nothing. */
static char *take(void)
{
    struct str cache = {0};
    forget();
    int rc = answers_take(&p, &cache);
    ok(rc == (cache.len > 0 ? 1 : 0), "no error");
    return str_take(&cache);
}

static void put(void)
{
    forget();
    is_int(answers_put(&p), 0, "kept");
}

static void taken(const char *what)
{
    autofree char *cache = take();
    is_str(cache, kept, what);
}

static void not_taken(const char *what)
{
    autofree char *cache = take();
    is_str(cache, "", what);
}

static char *entry(void)
{
    return xasprintf("cache/configure/%s", p.answers_key);
}

static size_t entries(void)
{
    autostrv names = {0};
    fs_list("cache/configure", &names);
    return names.n;
}

static void equal_ones(void)
{
    not_taken("nothing is there");
    put();
    taken("an equal one takes all answers but the two that configure gets wrong");
    str_set(&build.configure, xstrdup("./configure --prefix=/other --disable-gil"));
    taken("the prefix is in no answer");
    env_set(&p.env, "TERM", "another");
    env_set(&p.env, "SOMETHING", "else");
    taken("nor is what nobody reads");
}

/* Tells whether one that differs takes nothing, and that the first one still does. */
static void with(const char *name, const char *value, const char *what)
{
    const char *was = env_get(&p.env, name);
    autofree char *before = xstrdup(was);
    env_set(&p.env, name, value);
    not_taken(what);
    env_set(&p.env, name, before);
    taken("but the first one does");
}

static void differences(void)
{
    with("CFLAGS", "-O1", "other CFLAGS");
    with("LDFLAGS", "-Wl,-s", "other LDFLAGS");
    with("SOME_SETTING", "x", "a variable that the script reads");
    with("ac_cv_func_fork", "no", "an answer in the environment");
    with("CC", "gcc -m64", "a compiler with an option");
    with("LD_LIBRARY_PATH", "/nowhere", "what the linker reads");
    str_set(&build.configure, xstrdup("./configure --disable-gil --with-pydebug"));
    not_taken("another option");
    str_set(&build.configure, xstrdup("./configure --disable-gil"));
    recipe.series = "3.98";
    not_taken("another series");
    recipe.series = "3.99";
    scratch_file("tree/configure", "#!/bin/sh\n# reads SOME_SETTING \n", 0755);
    not_taken("another script");
    scratch_file("tree/configure", script, 0755);
    taken("and as it was");
}

/* A file that comes, changes and goes: each time but the last there is nothing to take. */
static void file_changes(const char *path, const char *what)
{
    not_taken(what);
    put();
    taken("the first time apart");
    scratch_file(path, "more\n", 0755);
    not_taken("a file came");
    put();
    taken("the first time apart");
    scratch_file(path, "Other\n", 0755);
    not_taken("its size changed");
    struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    put();
    utimensat(AT_FDCWD, path, times, 0);
    not_taken("its time changed");
    unlink(path);
    taken("it went: the first answers are right again");
}

static void files(void)
{
    autofree char *include = xasprintf("%s/include", scratch_dir);
    /* the directory's own name has a space in it, which no CFLAGS can have */
    autofree char *flag = xstrdup("-O2 -I../include"), *lib = xstrdup("-L ../lib");
    autofree char *pc = xasprintf("%s/pc", scratch_dir);
    const char *old = env_get(&p.env, "PATH");
    autofree char *path = xasprintf("%s/more:%s", scratch_dir, old);
    scratch_file("include/a.h", "a\n", 0644);
    scratch_file("include/deep/b.h", "b\n", 0644);
    scratch_file("elsewhere/b.h", "b\n", 0644);
    scratch_file("lib/liba.a", "a\n", 0644);
    scratch_file("pc/a.pc", "a\n", 0644);
    scratch_file("more/a", "a\n", 0755);
    if (symlink("../elsewhere", "include/link") != 0)
        ok(false, "a link");
    env_set(&p.env, "CPATH", include);
    file_changes("include/deep/er.h", "a directory in CPATH");
    env_set(&p.env, "CPATH", NULL);
    env_set(&p.env, "CFLAGS", flag);
    file_changes("include/other.h", "a directory behind -I");
    env_set(&p.env, "CFLAGS", "-O1 -I../include");
    file_changes("elsewhere/linked.h", "one that a link leads to");
    env_set(&p.env, "CFLAGS", NULL);
    env_set(&p.env, "LDFLAGS", lib);
    file_changes("lib/libb.so.1", "a directory behind -L");
    env_set(&p.env, "LDFLAGS", NULL);
    env_set(&p.env, "PKG_CONFIG_PATH", pc);
    file_changes("pc/b.pc", "a directory of pkg-config's");
    env_set(&p.env, "PKG_CONFIG_PATH", NULL);
    autofree char *before = xstrdup(old);
    env_set(&p.env, "PATH", path);
    not_taken("another directory in PATH");
    put();
    scratch_file("more/git", "another\n", 0755);
    not_taken("another program in it");
    unlink("more/git");
    taken("it went again");
    env_set(&p.env, "PATH", before);
}

static void compilers(void)
{
    env_set(&p.env, "CC", "my-cc");
    not_taken("another compiler");
    put();
    taken("the first time apart");
    scratch_file("bin/my-cc", "#!/bin/sh\n: upgraded\nexec gcc \"$@\"\n", 0755);
    not_taken("the same, upgraded");
    env_set(&p.env, "CC", "no-such-compiler");
    not_taken("one that is not there");
    is_str(err_message(), "", "which configure will say");
    put();
    env_set(&p.env, "CC", "false");
    not_taken("one that fails");
    env_set(&p.env, "CC", NULL);
    taken("and as it was");
}

static void damage(void)
{
    taken("as it was");
    autofree char *path = entry(), *whole = scratch_read(path);
    size_t n = strlen(whole);
    for (size_t i = 0; i < 4; i++) {
        static const char *const what[] = {"a changed byte", "cut short", "empty", "other words"};
        autofree char *bad = xstrdup(whole);
        if (i == 0)
            bad[n - 4] ^= 1;
        if (i == 1)
            bad[n - 1] = '\0';
        if (i == 2)
            bad[0] = '\0';
        scratch_file(path, i == 3 ? "hello\n" : bad, 0644);
        not_taken(what[i]);
    }
    scratch_file(path, whole, 0666);
    not_taken("one that everybody can write to");
    put();
    taken("which the next configure mends");
    scratch_file("copy", whole, 0644);
    unlink(path);
    if (symlink("../../copy", path) == 0)
        not_taken("a link to one");
    unlink(path);
    fs_mkdirs(path, 0755);
    not_taken("a directory");
    is_int(answers_put(&p), 0, "and when it cannot be written, that is no error");
    fs_remove_tree(path);
    not_taken("nothing");
    put();
    taken("one that failed with them");
    answers_drop(&p);
    not_taken("loses them");
}

static void meanwhile(void)
{
    autofree char *include = xasprintf("%s/include", scratch_dir);
    size_t before = entries();
    env_set(&p.env, "CPATH", include);
    scratch_file("include/meanwhile.h", "a", 0644);
    not_taken("a new header");
    scratch_file("include/meanwhile.h", "ab", 0644);
    put();
    is_int((long long)entries(), (long long)before, "changed while configure ran: not kept");
    env_set(&p.env, "CPATH", NULL);
}

static void limit(void)
{
    for (int i = 0; i < 40; i++) {
        autofree char *path = xasprintf("cache/configure/%064d", i);
        struct timespec times[2] = {{.tv_sec = 1000000 + i}, {.tv_sec = 1000000 + i}};
        scratch_file(path, "old", 0644);
        utimensat(AT_FDCWD, path, times, 0);
    }
    scratch_file("cache/configure/left.Xy12Zz.tmp", "half", 0644);
    scratch_file("cache/configure/now.Xy12Zz.tmp", "half", 0644);
    struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    utimensat(AT_FDCWD, "cache/configure/left.Xy12Zz.tmp", old, 0);
    env_set(&p.env, "CFLAGS", "-g");
    not_taken("one more");
    put();
    is_int((long long)entries(), 32 + 1, "the 32 that were used last, and one that may be written");
    ok(fs_exists("cache/configure/now.Xy12Zz.tmp"), "now");
    taken("the new one is among them");
    env_set(&p.env, "CFLAGS", NULL);
}

static void with_ccache(void)
{
    static const struct {
        const char *version;
        bool can;
    } cases[] = {{"gcc (Debian 12.2.0-14+deb12u1) 12.2.0", true},
                 {"gcc (SUSE Linux) 7.5.0 [revision 67ac1ef]", false},
                 {"Debian clang version 14.0.6", true},
                 {"clang version 9.0.1-16", false},
                 {"tcc version 0.9.27", false},
                 {NULL, false}};
    for (size_t i = 0; i < lengthof(cases); i++)
        is_int(ccache_can_map(cases[i].version), cases[i].can,
               cases[i].version ? cases[i].version : "not known");
    unsigned hits, compiled;
    ccache_count("# a.c\ncache_miss\ndirect_cache_miss\nlocal_storage_write\n# cache_miss\n"
                 "direct_cache_hit\nlocal_storage_hit\n# b.c\npreprocessed_cache_hit",
                 &hits, &compiled);
    is_int(hits, 2, "hits of both kinds");
    is_int(compiled, 1, "what ccache did not have");
}

int main(void)
{
    proc_init();
    scratch_enter();
    scratch_file("tree/configure", script, 0755);
    scratch_file("tree/config.cache", answers, 0644);
    recipe.series = "3.99";
    opts = (struct build_opts){.recipe = &recipe, .preset = &preset, .cache = "cache"};
    build = (struct build){.variant = &variant, .name = "3.99.1t"};
    build.configure = xstrdup("./configure --prefix=/one --disable-gil");
    p = (struct pipeline){.build = &build, .opts = &opts, .dir = "tree"};
    autofree char *path = xasprintf("%s/bin:%s", scratch_dir, getenv("PATH"));
    setenv("PATH", path, 1);
    scratch_file("bin/my-cc", "#!/bin/sh\nexec gcc \"$@\"\n", 0755);
    proc_clean_environment(&p.env);
    static const char *const mine[] = {"CC",      "CFLAGS", "CPPFLAGS",
                                       "LDFLAGS", "CPATH",  "PKG_CONFIG_PATH"};
    for (size_t i = 0; i < lengthof(mine); i++)
        env_set(&p.env, mine[i], NULL);
    equal_ones();
    differences();
    damage();
    not_taken("nothing");
    put();
    files();
    compilers();
    meanwhile();
    limit();
    with_ccache();
    strv_free(&p.env);
    free(p.answers_key);
    free(build.configure);
    return tap_done();
}
