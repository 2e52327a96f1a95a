/* A prefix is made right at any path, put in order, and shared with its pair. */
#include "core/relocate.h"

#include <errno.h>

#include "base/err.h"
#include "base/proc.h"
#include "core/rewrite.h"
#include "scratch.h"
#include "tap.h"

static const char configured[] = "/opt/ungil/versions/3.14.7";

static void is_text(char *got, const char *expected, const char *what)
{
    is_str(got, expected, what);
    free(got);
}

static void paths(void)
{
    const char *from = "/v/3.14.7", *to = "/r \xc3\xa9/v/3.14.7";
    is_text(rewrite_path("a=/v/3.14.7/bin:/v/3.14.7", from, to),
            "a=/r \xc3\xa9/v/3.14.7/bin:/r \xc3\xa9/v/3.14.7", "every occurrence, at the end too");
    is_text(rewrite_path("-I/v/3.14.7/include", from, to), "-I/r \xc3\xa9/v/3.14.7/include",
            "after a flag");
    is_text(rewrite_path("/v/3.14.7t/bin /v/3.14.70 /v/3.14.7-x", from, to),
            "/v/3.14.7t/bin /v/3.14.70 /v/3.14.7-x", "not inside another name");
    is_text(rewrite_path("x=/tmp/v/3.14.7/lib", "/v/3.14.7", "/tmp/v/3.14.7"),
            "x=/tmp/v/3.14.7/lib", "where it is right already it stays");
    is_text(rewrite_path("", from, to), "", "an empty text");
    is_text(rewrite_escape_python("a'b\"c\\d"), "a\\'b\\\"c\\\\d", "in a Python string");
    is_text(rewrite_escape_json("a'b\"c"), "a'b\\\"c", "in a JSON string");
    is_text(rewrite_escape_make("a$b#c"), "a$$b\\#c", "in a Makefile");
}

static void shebangs(void)
{
    is_text(
        rewrite_shebang("#!/opt/ungil/versions/3.14.7/bin/python3.14\nimport sys\n", configured),
        "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python3.14' \"$0\" "
        "\"$@\"\n' '''\nimport sys\n",
        "a script of the prefix's interpreter");
    is_text(rewrite_shebang("#!/usr/bin/python3\nimport sys\n", configured), NULL,
            "another interpreter's script");
    is_text(rewrite_shebang("#!/opt/ungil/versions/3.14.7t/bin/python3.14t\n", configured), NULL,
            "another prefix's script");
}

static void data_files(void)
{
    is_text(rewrite_pkgconfig("# x\nprefix=/opt/x\nexec_prefix=${prefix}\n", NULL),
            "# x\nprefix=${pcfiledir}/../..\nexec_prefix=${prefix}\n", "pkg-config");
    autofree char *flags = rewrite_link_flags("A=1\nLINKFORSHARED=\t-Xlinker -export-dynamic\n"
                                              "LIBS=\t\t-ldl \nLIBM=\t\t-lm\nLIBC=\t\t\n");
    is_str(flags, "-ldl -lm -Wl,-export-dynamic", "what a static libpython is linked with");
    is_text(rewrite_pkgconfig("Libs: -L${libdir} -lpython3.14t \nLibs.private: -ldl\n", flags),
            "Libs: -L${libdir} -Wl,--whole-archive -lpython3.14t -Wl,--no-whole-archive -ldl -lm "
            "-Wl,-export-dynamic\nLibs.private: -ldl\n",
            "the embedding program's .pc names all of it");
    is_text(
        rewrite_pkgconfig("Libs: -L${libdir} -lpython3.14t -ldl -lm -Wl,-export-dynamic\n", flags),
        "Libs: -L${libdir} -lpython3.14t -ldl -lm -Wl,-export-dynamic\n", "only once");
    is_text(rewrite_pkgconfig("Libs:\n", flags), "Libs:\n", "the one for extensions stays");
    is_text(rewrite_build_details("{\n  \"base_prefix\": \"/v/3.14.7\",\n"
                                  "  \"base_interpreter\": \"/v/3.14.7/bin/python3.14\",\n"
                                  "  \"other\": \"/v/3.14.7t/bin\"\n}",
                                  "/v/3.14.7"),
            "{\n  \"base_prefix\": \"../..\",\n  \"base_interpreter\": \"./bin/python3.14\",\n"
            "  \"other\": \"/v/3.14.7t/bin\"\n}",
            "build-details.json");
    is_text(rewrite_user_base(
                "{\n  \"userbase\": \"/home/a \\\"b\\\\/.local\",\n  \"x\": \"/home\"\n}"),
            "{\n  \"userbase\": \"~/.local\",\n  \"x\": \"/home\"\n}",
            "_sysconfig_vars.json names nobody's home");
    is_text(rewrite_user_base("{\n  \"userbase\": \"~/.local\",\n"),
            "{\n  \"userbase\": \"~/.local\",\n", "once");
    is_text(rewrite_config_script("#!/bin/sh\necho hello\n"), NULL, "not upstream's script");
    autofree char *script =
        rewrite_config_script("#!/bin/sh\nprefix_real=$(installed_prefix \"$0\")\nPY_EMBED=0\n");
    ok(script && strstr(script, "-Wl,--whole-archive ${LIBS_EMBED%% *} -Wl,--no-whole-archive"),
       "a program takes all of a static libpython");
    autofree char *again = rewrite_config_script(script);
    ok(!again, "once");
}

/* A free-threaded prefix as "make install" leaves it, of files that say what is tested. */
static void make_prefix(const char *dir, const char *suffix)
{
    const char *const files[][2] = {
        {"bin/python3.14%s", "\x7f"
                             "ELF"},
        {"bin/pip3", "#!/opt/ungil/versions/3.14.7%s/bin/python3.14\nimport pip\n"},
        {"bin/pip3.14", "#!/opt/ungil/versions/3.14.7%s/bin/python3.14\nimport pip\n"},
        {"bin/idle3.14", "#!/opt/ungil/versions/3.14.7%s/bin/python3.14\nimport idlelib\n"},
        {"bin/python3.14%s-config", "#!/bin/sh\necho /opt/ungil/versions/3.14.7%s/lib\n"},
        {"lib/libpython3.14%s.a", "!<arch>\n"},
        {"lib/python3.14%s/config-3.14/libpython3.14%s.a", "!<arch>\n"},
        {"lib/python3.14%s/config-3.14/Makefile", "prefix=\t/opt/ungil/versions/3.14.7%s\n"},
        {"lib/python3.14%s/_sysconfigdata__linux.py",
         "v = {'prefix': '/opt/ungil/versions/3.14.7%s', 'abs_srcdir': '/tmp/build/tree'}\n"},
        {"lib/python3.14%s/_sysconfig_vars__linux.json",
         "{\n  \"prefix\": \"/opt/ungil/versions/3.14.7%s\",\n  \"userbase\": "
         "\"/root/.local\"\n}\n"},
        {"lib/python3.14%s/abc.py", "'the same in both'\n"},
        {"lib/python3.14%s/own.py", "'of the prefix 3.14.7%s'\n"},
    };
    for (size_t i = 0; i < lengthof(files); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        autofree char *name = xasprintf(files[i][0], suffix, suffix);
        autofree char *text = xasprintf(files[i][1], suffix);
#pragma GCC diagnostic pop
        autofree char *path = path_join(dir, name);
        scratch_file(path, text, str_starts(name, "bin/") ? 0755 : 0644);
    }
    autofree char *compiled = xasprintf(
        "%s/lib/python3.14%s/__pycache__/_sysconfigdata__linux.cpython-314.pyc", dir, suffix);
    scratch_file(compiled, "stale", 0644);
}

static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_ino == sb.st_ino;
}

static char *link_target(const char *path)
{
    char target[256];
    ssize_t n = readlink(path, target, sizeof target - 1);
    return n < 0 ? NULL : xstrndup(target, (size_t)n);
}

static void tidy(void)
{
    make_prefix("t", "t");
    if (link("t/bin/python3.14t", "t/bin/python3.14") != 0)
        perror("link");
    for (int round = 0; round < 2; round++) {
        is_int(relocate_tidy("t", "3.14", "t"), 0, round ? "tidied again" : "tidied");
        is_text(link_target("t/bin/python3.14"), "python3.14t", "python3.14 leads to python3.14t");
        is_text(link_target("t/bin/python"), "python3.14", "python to that");
        is_text(link_target("t/bin/pip3.14t"), "pip3.14", "pip carries the suffix");
        is_text(link_target("t/bin/pip3"), "pip3.14", "a copy became a link");
        is_text(link_target("t/bin/idle"), "idle3.14", "idle without a version");
        is_text(link_target("t/bin/pydoc"), NULL, "no link to what there is not");
        is_text(link_target("t/bin/python-config"), "python3.14-config", "python-config");
        ok(same_file("t/lib/libpython3.14t.a", "t/lib/python3.14t/config-3.14/libpython3.14t.a"),
           "the library that was there twice is one file");
    }
    make_prefix("jit", "");
    is_int(relocate_tidy("jit", "3.14", "-jit"), 0, "a variant that upstream does not name");
    is_text(link_target("jit/bin/python3.14-jit"), "python3.14", "has its name all the same");
    is_text(link_target("jit/bin/pip3.14-jit"), "pip3.14", "and so has its pip");
}

/* A debug build's program has another name than its library. */
static void recompiled(void)
{
    scratch_file("td/bin/python3.14td", "#!/bin/sh\necho \"$@\" >\"$0.asked\"\n", 0755);
    is_int(symlink("python3.14td", "td/bin/python3"), 0, "a debug build");
    scratch_file("td/lib/python3.14t/_sysconfigdata_td_linux.py",
                 "v = {'prefix': '/opt/ungil/versions/3.14.7td'}\n", 0644);
    scratch_file("td/lib/python3.14t/__pycache__/_sysconfigdata_td_linux.cpython-314.pyc", "stale",
                 0644);
    is_int(relocate_prefix("td", "/opt/ungil/versions/3.14.7td", "/srv/3.14.7td", NULL, NULL), 0,
           "relocated");
    off_t at = 0;
    const char *asked = "td/lib/python3.14t 1 td/lib/python3.14t/_sysconfigdata_td_linux.py";
    is_int(fs_find("td/bin/python3.asked", asked, strlen(asked), &at), 1,
           "what was rewritten is compiled again");
}

/* What link-time optimisation left in libpython is gone, and a program still links with it. */
static void lto(void)
{
    if (system("command -v gcc >/dev/null && command -v objcopy >/dev/null") != 0)
        return;
    fs_mkdirs("l/lib/python3.14t/config-3.14t", 0755);
    scratch_file("l/a.c", "int answer(void) { return 42; }\n", 0644);
    scratch_file("l/m.c", "int answer(void);\nint main(void) { return answer() != 42; }\n", 0644);
    if (system("cd l && gcc -flto -ffat-lto-objects -c a.c && ar rc lib/libpython3.14t.a a.o && "
               "cp -p lib/libpython3.14t.a lib/python3.14t/config-3.14t/ && "
               "grep -q gnu.lto_ lib/libpython3.14t.a") != 0)
        return;
    is_int(relocate_tidy("l", "3.14", "t"), 0, "tidied");
    ok(system("grep -q gnu.lto_ l/lib/libpython3.14t.a") != 0, "nothing is left to optimise");
    ok(same_file("l/lib/libpython3.14t.a", "l/lib/python3.14t/config-3.14t/libpython3.14t.a"),
       "one file");
    ok(system("cd l && gcc m.c lib/libpython3.14t.a -o m && ./m") == 0, "its code is there");
}

static void relocate(void)
{
    struct stat before = {0}, after = {0};
    const char *data = "t/lib/python3.14t/_sysconfigdata__linux.py";
    stat(data, &before);
    for (int round = 0; round < 2; round++) {
        is_int(relocate_prefix("t", "/opt/ungil/versions/3.14.7t", "/a b/it's/3.14.7t",
                               "/tmp/build/tree", NULL),
               0, round ? "relocated again" : "relocated");
        is_text(scratch_read(data),
                "v = {'prefix': '/a b/it\\'s/3.14.7t', 'abs_srcdir': '/usr/src/python'}\n",
                "sysconfig data");
        is_text(scratch_read("t/lib/python3.14t/_sysconfig_vars__linux.json"),
                "{\n  \"prefix\": \"/a b/it's/3.14.7t\",\n  \"userbase\": \"~/.local\"\n}\n",
                "the same in JSON, and nobody's home");
        is_text(scratch_read("t/lib/python3.14t/config-3.14/Makefile"),
                "prefix=\t/a b/it's/3.14.7t\n", "Makefile");
        is_text(scratch_read("t/bin/python3.14t-config"), "#!/bin/sh\necho /a b/it's/3.14.7t/lib\n",
                "an unknown script");
        autofree char *pip = scratch_read("t/bin/pip3.14t");
        ok(pip && str_starts(pip, "#!/bin/sh\n'''exec'"), "pip starts its own interpreter");
    }
    stat(data, &after);
    ok(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
           before.st_mtim.tv_nsec == after.st_mtim.tv_nsec,
       "times stay");
    ok(access("t/lib/python3.14t/__pycache__/_sysconfigdata__linux.cpython-314.pyc", F_OK) < 0,
       "what was compiled from the old text is gone");
    is_int(relocate_prefix("t", "/x", "relative", NULL, NULL), E_FAILED,
           "a relative path is refused");
    is_int(relocate_prefix("t", "/x", "/new\nline", NULL, NULL), E_FAILED, "a new line is refused");
}

/* A prefix as somebody else might make it. */
static void foreign(void)
{
    static const char script[] = "#!/bin/sh\necho /x/lib\n";
    scratch_file("f/bin/script", script, 0755);
    scratch_file("f/bin/large", script, 0755);
    autofd fd = open("f/bin/large", O_WRONLY | O_APPEND | O_CLOEXEC);
    autofree char *line = xcalloc((1 << 20) + 1, 1);
    memset(line, '\n', 1 << 20);
    for (int i = 0; i < 17; i++)
        ok(write(fd, line, 1 << 20) == 1 << 20, "a script of 17 MiB");
    scratch_file("precious", "precious", 0644);
    ok(link("precious", "f/bin/script.tmp") == 0, "a name that might be taken for temporary");
    is_int(relocate_prefix("f", "/x", "/y", NULL, NULL), 0, "relocated");
    is_text(scratch_read("f/bin/script"), "#!/bin/sh\necho /y/lib\n", "what is right is made");
    is_text(scratch_read("precious"), "precious", "the other name is not written to");
    autofree char *large = scratch_read("f/bin/large");
    ok(large && str_starts(large, script), "what is no script of an interpreter stays");
    is_int(relocate_prefix("f", "", "/y", NULL, NULL), E_FAILED, "no path is no absolute one");
    ok(rename("f/bin", "elsewhere") == 0 && symlink("../elsewhere", "f/bin") == 0, "bin leads out");
    is_int(relocate_prefix("f", "/y", "/z", NULL, NULL), E_INTEGRITY, "a link is not followed");
    is_text(scratch_read("elsewhere/script"), "#!/bin/sh\necho /y/lib\n", "and nothing is done");
}

/* A program with the prefix compiled in twice as the build does it, and once as it does not. */
static void make_program(const char *path, const char *prefix)
{
    autofree char *padded = relocate_padded_prefix(prefix);
    FILE *f = fopen(path, "w");
    for (int i = 0; f && i < 2; i++)
        fwrite(padded, 1, strlen(padded) + 1, f);
    if (!f || fwrite(prefix, 1, strlen(prefix) + 1, f) == 0 || fclose(f) != 0)
        perror(path);
    chmod(path, 0555);
}

/* The prefix stands twice in it; what was not padded is as it was. */
static void holds_prefix(const char *path, const char *prefix, const char *built, size_t size)
{
    autofree char *data = NULL;
    size_t n = 0;
    fs_read(path, &data, &n);
    is_int((long long)n, (long long)size, "its size stays");
    if (n < 800)
        return;
    is_str(data, prefix, "a C string with the prefix");
    is_str(data + 401, prefix, "each time");
    is_str(data + 802, built, "and nothing else changed");
    ok(data[strlen(prefix)] == 0 && data[399] == 0, "no slashes are left");
}

static void binaries(void)
{
    const char *built = "/opt/ungil/versions/3.14.7t", *program = "b/bin/python3.14t";
    const char *twin = "b/lib/libpython3.14t.a";
    const char *other = "b/lib/python3.14t/config-3.14t/libpython3.14t.a";
    autostrv changed = {0};
    struct stat before = {0}, after = {0};
    fs_mkdirs("b/bin", 0755);
    fs_mkdirs("b/lib/python3.14t/config-3.14t", 0755);
    make_program(program, built);
    make_program(twin, built);
    ok(link(twin, other) == 0, "a library twice");
    stat(program, &before);
    size_t size = (size_t)before.st_size;
    is_int(relocate_binaries("b", built, "/home/x y/3.14.7t", &changed), 0, "moved");
    autofree char *names = strv_join(&changed, " ");
    is_str(names,
           "bin/python3.14t lib/libpython3.14t.a lib/python3.14t/config-3.14t/libpython3.14t.a",
           "all names of what was written");
    holds_prefix(program, "/home/x y/3.14.7t", built, size);
    holds_prefix(twin, "/home/x y/3.14.7t", built, size);
    stat(program, &after);
    ok(after.st_mode == before.st_mode && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec &&
           after.st_mtim.tv_sec == before.st_mtim.tv_sec,
       "mode and times stay");
    ok(same_file(twin, other), "still one file");
    strv_free(&changed);
    is_int(relocate_binaries("b", built, "/home/x y/3.14.7t", &changed), 0, "again");
    is_int((long)changed.n, 0, "nothing is left to write");
    holds_prefix(program, "/home/x y/3.14.7t", built, size);
    is_int(relocate_binaries("b", "/home/x y/3.14.7t", "/srv/3.14.7t", NULL), 0, "moved on");
    holds_prefix(program, "/srv/3.14.7t", built, size);
    ok(unlink(other) == 0 && fs_copy_file(twin, other) == 0, "two files, as in a copy");
    is_int(relocate_binaries("b", "/srv/3.14.7t", built, NULL), 0, "moved back");
    holds_prefix(twin, built, built, size);
    holds_prefix(other, built, built, size);
    is_int(relocate_binaries("b", built, "/srv/3.14.7t", NULL), 0, "and there again");
    autofree char *deep = relocate_padded_prefix("/deep");
    is_int(relocate_binaries("b", "/srv/3.14.7t", deep, NULL), 0, "no room for this one");
    holds_prefix(program, "/srv/3.14.7t", built, size);
}

/* A program that still runs, as the interpreter's helpers do for a moment. */
static void running(void)
{
    const char *built = "/opt/ungil/versions/3.14.7t", *program = "r/bin/python3.14t";
    autofree char *sleep_program = fs_find_program("sleep"), *field = relocate_padded_prefix(built);
    fs_mkdirs("r/bin", 0755);
    fs_mkdirs("r/lib", 0755);
    ok(sleep_program && fs_copy_file(sleep_program, program) == 0 && chmod(program, 0755) == 0,
       "a program");
    FILE *f = fopen(program, "a");
    ok(f && fputs(field, f) >= 0 && fclose(f) == 0, "that holds a prefix");
    struct proc proc = PROC_INIT;
    struct proc_opts opts = PROC_OPTS_INIT;
    autostrv argv = {0};
    strv_addf(&argv, "%s/%s", scratch_dir, program);
    strv_add(&argv, "0.5");
    is_int(proc_spawn(&proc, &argv, &opts), 0, "runs");
    ok(open(program, O_WRONLY | O_CLOEXEC) < 0 && errno == ETXTBSY, "and cannot be written to");
    is_int(relocate_binaries("r", built, "/srv/3.14.7t", NULL), 0, "is waited for");
    off_t at = 0;
    is_int(fs_find(program, "/srv/3.14.7t", strlen("/srv/3.14.7t"), &at), 1, "and moved");
    int status = 0;
    is_int(proc_wait(&proc, 5, &status), 0, "it has ended");
}

/* A .pyc's header: magic, flags, time and size of the source. */
static void make_pyc(const char *path, const char *source, const char *rest)
{
    struct stat st = {0};
    stat(source, &st);
    unsigned char h[16] = {0x2b, 0x0e, 0x0d, 0x0a};
    for (int i = 0; i < 4; i++) {
        h[8 + i] = (unsigned char)(st.st_mtime >> (8 * i));
        h[12 + i] = (unsigned char)(st.st_size >> (8 * i));
    }
    scratch_file(path, "", 0644);
    FILE *f = fopen(path, "w");
    if (!f || fwrite(h, 16, 1, f) != 1 || fputs(rest, f) < 0 || fclose(f) != 0)
        perror(path);
}

static void share(void)
{
    unsigned long long saved = 0;
    make_prefix("g", "");
    struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    utimensat(AT_FDCWD, "g/lib/python3.14/abc.py", old, 0);
    make_pyc("g/lib/python3.14/__pycache__/abc.cpython-314.pyc", "g/lib/python3.14/abc.py",
             "for g");
    make_pyc("t/lib/python3.14t/__pycache__/abc.cpython-314.pyc", "t/lib/python3.14t/abc.py",
             "for t");
    make_pyc("g/lib/python3.14/__pycache__/own.cpython-314.pyc", "g/lib/python3.14/own.py",
             "for g");
    make_pyc("t/lib/python3.14t/__pycache__/own.cpython-314.pyc", "t/lib/python3.14t/own.py",
             "for t");
    is_int(relocate_share("t", "g", &saved), 0, "shared");
    ok(same_file("t/lib/python3.14t/abc.py", "g/lib/python3.14/abc.py"), "equal files are one");
    ok(same_file("t/lib/python3.14t/__pycache__/abc.cpython-314.pyc",
                 "g/lib/python3.14/__pycache__/abc.cpython-314.pyc"),
       "and so is what was compiled from them");
    ok(!same_file("t/lib/python3.14t/own.py", "g/lib/python3.14/own.py"),
       "different files are two");
    ok(!same_file("t/lib/python3.14t/__pycache__/own.cpython-314.pyc",
                  "g/lib/python3.14/__pycache__/own.cpython-314.pyc"),
       "and so is what was compiled from them");
    ok(saved > 0, "what was saved is told");
    saved = 0;
    is_int(relocate_share("g", "t", &saved), 0, "shared the other way");
    is_int((long long)saved, 0, "nothing is left to save");
    is_int(relocate_share("g", "nowhere", &saved), 0, "without a companion nothing happens");
}

int main(void)
{
    proc_init();
    scratch_enter();
    paths();
    shebangs();
    data_files();
    tidy();
    relocate();
    recompiled();
    foreign();
    binaries();
    running();
    lto();
    share();
    return tap_done();
}
