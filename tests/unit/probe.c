/* What configure would ask for is read from its script, and a compiler's words are read with care.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/build_stage.h"
#include "core/recipe.h"
#include "scratch.h"
#include "tap.h"

static const char script[] =
    "ac_fn_c_check_func ()\n{\n}\n"
    "ac_fn_c_check_func \"$LINENO\" \"getpid\" \"ac_cv_func_getpid\"\n"
    "    ac_fn_c_check_func \"$LINENO\" \"memcpy\" \"ac_cv_func_memcpy\"\n"
    "ac_fn_c_check_func \"$LINENO\" \"getpid\" \"ac_cv_func_getpid\"\n"
    "ac_fn_c_check_func \"$LINENO\" \"chflags\" \"ac_cv_func_chflags\"\n"
    "ac_fn_c_check_func \"$LINENO\" \"no_such_function\" \"ac_cv_func_no_such_function\"\n"
    "ac_fn_c_check_func \"$LINENO\" \"$ac_func\" \"$as_ac_var\"\n"
    "ac_fn_c_check_func \"$LINENO\" \"dlopen\" \"ac_cv_lib_dl_dlopen\"\n"
    "ac_fn_c_check_func \"$LINENO\" \"";

static void names(void)
{
    autostrv found = {0};
    probe_names(script, &found);
    autofree char *joined = strv_join(&found, " ");
    is_str(joined, "getpid memcpy chflags no_such_function",
           "each function once, and only those whose answer has the name of the function");
}

static void words(void)
{
    ok(probe_mentions("undefined reference to `fork'", "fork"), "a name between quotes");
    ok(probe_mentions("fork", "fork"), "a name alone");
    ok(!probe_mentions("undefined reference to `vfork'", "fork"), "not the end of another");
    ok(!probe_mentions("undefined reference to `fork1'", "fork"), "not the beginning of another");
    ok(probe_mentions("vfork, forkpty and fork", "fork"), "behind such others, too");
    ok(!probe_mentions("", "fork"), "nothing said");
}

static void probing(void)
{
    autostr cache = {0};
    struct preset preset = {0};
    struct variant variant = {0};
    struct build build = {.variant = &variant};
    struct build_opts opts = {.preset = &preset};
    struct pipeline p = {.dir = scratch_dir, .build = &build, .opts = &opts};
    proc_clean_environment(&p.env);
    ok(probe_functions(&p, &cache) == 0 && cache.len == 0, "no configure: nothing");
    scratch_file("configure", script, 0755);
    ok(probe_functions(&p, &cache) == 0, "the compiler is asked");
    is_str(cache.s,
           "ac_cv_func_getpid=${ac_cv_func_getpid=yes}\n"
           "ac_cv_func_memcpy=${ac_cv_func_memcpy=yes}\n",
           "what is there; neither a stub nor what is missing");
    str_free(&cache);
    env_set(&p.env, "LDFLAGS", "-nostdlib -nostartfiles");
    ok(probe_functions(&p, &cache) == 0, "with the caller's options");
    is_str(cache.s ? cache.s : "", "", "there may be no library");
    env_set(&p.env, "LDFLAGS", NULL);
    env_set(&p.env, "CFLAGS", "-w");
    ok(probe_functions(&p, &cache) == 0, "a compiler told to be quiet");
    /* the linker warns, too */
    is_str(cache.s,
           "ac_cv_func_getpid=${ac_cv_func_getpid=yes}\n"
           "ac_cv_func_memcpy=${ac_cv_func_memcpy=yes}\n",
           "does not make a stub a function");
    str_free(&cache);
    env_set(&p.env, "CFLAGS", "-O2 -Werror");
    ok(probe_functions(&p, &cache) == 0 && cache.len == 0, "one for which warnings are errors");
    env_set(&p.env, "CFLAGS", NULL);
    strv_split(&variant.configure, "--disable-gil CC=other");
    ok(probe_functions(&p, &cache) == 0 && cache.len == 0, "settings that only configure gets");
    strv_free(&variant.configure);
    ok(probe_functions(&p, &cache) == 0 && cache.len > 0, "and again without");
    str_free(&cache);
    env_set(&p.env, "CC", " ");
    ok(probe_functions(&p, &cache) == 0 && cache.len > 0, "a CC without a word is none");
    str_free(&cache);
    env_set(&p.env, "CC", "false");
    ok(probe_functions(&p, &cache) == 0 && cache.len == 0, "a compiler that fails: nothing");
    env_set(&p.env, "CC", "no-such-compiler");
    ok(probe_functions(&p, &cache) == 0 && cache.len == 0, "no compiler: nothing");
    is_str(err_message(), "", "and no error: configure will tell");
    strv_free(&p.env);
}

static void versions(void)
{
    static const struct {
        const char *line;
        int version;
    } cases[] = {{"gcc (Debian 12.2.0-14+deb12u1) 12.2.0", 12},
                 {"cc (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0", 13},
                 {"gcc (GCC) 14.2.1 20250110 (Red Hat 14.2.1-7)", 14},
                 {"gcc (Alpine 10.3.1_git20211027) 10.3.1 20211027", 10},
                 {"gcc (SUSE Linux) 7.5.0 [revision 67ac1ef]", 7},
                 {"Debian clang version 14.0.6", 0},
                 {"", 0}};
    for (size_t i = 0; i < lengthof(cases); i++)
        is_int(prelude_gcc_version(cases[i].line), cases[i].version, cases[i].line);
}

int main(void)
{
    proc_init();
    scratch_enter();
    names();
    words();
    versions();
    probing();
    return tap_done();
}
