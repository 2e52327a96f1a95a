/* What configure would ask for is read from its script, and a compiler's words are read with care.
 */
#include <stdlib.h>
#include <string.h>

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

static const char questions[] =
    "ac_fn_c_check_header_compile \"$LINENO\" \"sys/socket.h\" \"ac_cv_header_sys_socket_h\" "
    "\"$ac_includes_default\"\n"
    "  ac_fn_c_check_header_compile \"$LINENO\" \"no/such.h\" \"ac_cv_header_no_such_h\" "
    "\"$ac_includes_default\"\n"
    "ac_fn_c_check_header_compile \"$LINENO\" \"net/if.h\" \"ac_cv_header_net_if_h\" "
    "\"#include <sys/socket.h>\n\"\n"
    "ac_fn_c_check_header_compile \"$LINENO\" \"sys/socket.h\" \"ac_cv_header_sys_socket_h\" "
    "\"$ac_includes_default\"\n"
    "ac_fn_c_check_header_compile \"$LINENO\" $ac_header \"$as_ac_Header\" "
    "\"$ac_includes_default\"\n"
    "ac_fn_c_check_header_compile \"$LINENO\" \"broken.h\" \"ac_cv_header_broken_h\" "
    "\"$ac_includes_default\"\n"
    "ac_fn_c_check_header_compile \"$LINENO\" \"math.h\" \"ac_cv_header_math_h\" "
    "\"$ac_includes_default\"\n"
    "  if ac_fn_c_compute_int \"$LINENO\" \"(long int) (sizeof (long long))\" "
    "\"ac_cv_sizeof_long_long\"        \"$ac_includes_default\"\n"
    "  if ac_fn_c_compute_int \"$LINENO\" \"(long int) (sizeof (off_t))\" "
    "\"ac_cv_sizeof_off_t\"        \"\n#ifdef HAVE_SYS_TYPES_H\n\"\n"
    "  if ac_fn_c_compute_int \"$LINENO\" \"(long int) (sizeof (short))\" "
    "\"ac_cv_sizeof_short\" \"$ac_includes_default\"\n"
    "  if ac_fn_c_compute_int \"$LINENO\" \"(long int) (sizeof (";

static void header_names(void)
{
    autostrv what = {0}, variables = {0};
    probe_header_names(questions, &what, &variables);
    autofree char *headers = strv_join(&what, " ");
    is_str(headers, "sys/socket.h no/such.h broken.h math.h",
           "each header once, and only those with the default includes");
    strv_free(&what);
    strv_free(&variables);
    probe_size_names(questions, &what, &variables);
    autofree char *types = strv_join(&what, ", "), *answers = strv_join(&variables, " ");
    is_str(types, "long long, short", "the types, likewise");
    is_str(answers, "ac_cv_sizeof_long_long ac_cv_sizeof_short", "and where the answers go");
}

static void headers(void)
{
    static const char all[] = "ac_cv_header_sys_socket_h=${ac_cv_header_sys_socket_h=yes}\n"
                              "ac_cv_header_math_h=${ac_cv_header_math_h=yes}\n"
                              "ac_cv_sizeof_long_long=${ac_cv_sizeof_long_long=8}\n"
                              "ac_cv_sizeof_short=${ac_cv_sizeof_short=2}\n";
    autostr cache = {0};
    struct preset preset = {0};
    struct variant variant = {0};
    struct build build = {.variant = &variant};
    struct build_opts opts = {.preset = &preset, .jobs = 3};
    struct pipeline p = {.dir = scratch_dir, .build = &build, .opts = &opts};
    proc_clean_environment(&p.env);
    scratch_file("configure", questions, 0755);
    scratch_file("broken.h", "#error broken\n", 0644);
    env_set(&p.env, "CPPFLAGS", "-I.."); /* from the directory of the probe */
    ok(probe_headers(&p, &cache) == 0, "headers and sizes are asked for");
    is_str(cache.s ? cache.s : "", all, "what is there and can be compiled");
    str_free(&cache);
    scratch_file("broken.h", "int fine;\n", 0644);
    opts.jobs = 1;
    ok(probe_headers(&p, &cache) == 0, "another time");
    ok(cache.s && strstr(cache.s, "\nac_cv_header_broken_h=${ac_cv_header_broken_h=yes}\n"),
       "the caller's options are heard");
    str_free(&cache);
    /* a killed run's proof, and a compiler that makes none */
    scratch_file("ungil-probe.d/h0.o", "old", 0644);
    env_set(&p.env, "CC", "false");
    ok(probe_headers(&p, &cache) == 0 && cache.len == 0, "a compiler that fails: nothing");
    env_set(&p.env, "CC", "no-such-compiler");
    ok(probe_headers(&p, &cache) == 0 && cache.len == 0, "no compiler: nothing");
    env_set(&p.env, "CC", NULL);
    env_set(&p.env, "CFLAGS", "-Werror");
    ok(probe_headers(&p, &cache) == 0 && cache.len == 0, "warnings are errors: nothing");
    autofree char *left = path_join(scratch_dir, "ungil-probe.d");
    ok(!fs_exists(left), "nothing is left behind");
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
    header_names();
    headers();
    return tap_done();
}
