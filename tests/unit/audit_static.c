/* Extension modules are read for what they declare; whatever the file is, there is an answer or an
 * error. With arguments: prints what is found in those files, for tests/70-audit-static.bats. */
#include "core/audit_static.h"

#include "base/clock.h"
#include "base/err.h"
#include "extension.h"
#include "tap.h"

static void is_answer(const char *file, const char *flags, const char *answer, const char *init,
                      const char *why)
{
    json_t *r = NULL;
    printf("# %s: %s\n", file, flags);
    if (!ok(extension_compile(file, flags), "the module is compiled") ||
        !is_int(audit_static_file(file, &r), 0, "and read"))
        return;
    is_str(json_string_value(json_object_get(r, "module")), "spam", "its name");
    is_str(json_string_value(json_object_get(r, "answer")), answer, "what it declares");
    is_str(json_string_value(json_object_get(r, "init")), init, "how it is initialised");
    const char *said = json_string_value(json_object_get(r, "why"));
    if (!ok(strstr(said, why), "with why"))
        printf("# %s (not said: %s)\n", said, why);
    json_decref(r);
}

static void answers(void)
{
    static const char T[] = "spam.cpython-314t-x86_64-linux-gnu.so";
    is_answer(T, "-DMODULE=spam -DGIL=1", "declares", "multi-phase", "Py_MOD_GIL_NOT_USED");
    is_answer(T, "-DMODULE=spam -DGIL=0", "does not declare", "multi-phase", "Py_MOD_GIL_USED");
    is_answer(T, "-DMODULE=spam", "does not declare", "multi-phase", "no Py_mod_gil");
    is_answer(T, "-DMODULE=spam -DSINGLE", "does not declare", "single-phase", "without");
    is_answer(T, "-DMODULE=spam -DGIL=1 -DEXPORT", "declares", "multi-phase", "spam");
    is_answer("spam.so", "-DMODULE=spam -DWITH_GIL -DGIL=1", "declares", "multi-phase", "spam");
    is_answer("spam.so", "-DMODULE=spam -DWITH_GIL", "does not declare", "multi-phase", "spam");
    is_answer("spam.so", "-DMODULE=spam -DGIL=1 -O0 -Wl,-z,norelro", "declares", "multi-phase", "");
    is_answer("spam.so", "-DMODULE=spam -DGIL=1 -O2 -fno-plt -s", "declares", "multi-phase", "");
    is_answer("spam.so", "-DMODULE=spam -DGIL=2", "cannot tell", "multi-phase", "neither");
    is_answer("spam.so", "-DMODULE=spam -DNO_SLOTS", "does not declare", "multi-phase", "no slots");
}

static void is_abi(const char *file, const char *flags, const char *abi, const char *note)
{
    json_t *r = NULL;
    printf("# %s: %s\n", file, flags);
    if (!ok(extension_compile(file, flags), "the module is compiled") ||
        !is_int(audit_static_file(file, &r), 0, "and read"))
        return;
    is_str(json_string_value(json_object_get(r, "abi")), abi, "what it is built for");
    const char *said = json_string_value(json_object_get(r, "abi_note"));
    ok(note ? said && strstr(said, note) : !said, "what its name and contents do not agree on");
    json_decref(r);
}

static void abis(void)
{
    is_abi("spam.cpython-314t-x86_64-linux-gnu.so", "-DMODULE=spam", "cp314t", NULL);
    is_abi("spam.cpython-314-x86_64-linux-gnu.so", "-DMODULE=spam -DWITH_GIL", "cp314", NULL);
    is_abi("spam.cpython-314-x86_64-linux-gnu.so", "-DMODULE=spam", "cp314", "without the GIL");
    is_abi("spam.cpython-313t.so", "-DMODULE=spam -DWITH_GIL", "cp313t", "with the GIL");
    is_abi("spam.abi3.so", "-DMODULE=spam -DWITH_GIL", "abi3", NULL);
    is_abi("spam.abi3t.so", "-DMODULE=spam", "abi3t", "free-threaded builds only");
    is_abi("spam.so", "-DMODULE=spam", NULL, NULL);
}

static void errors(const char *self)
{
    json_t *r = NULL;
    scratch_file("text.so", "#!/bin/sh\necho no module\n", 0644);
    scratch_file("empty.so", "", 0644);
    fs_mkdirs("directory.so", 0755);
    is_int(audit_static_file("there-is-none.so", &r), E_FAILED, "no such file");
    is_int(audit_static_file("text.so", &r), E_INTEGRITY, "a script");
    ok(strstr(err_message(), "not an ELF file") && err_hint_text(), "is not an ELF file");
    is_int(audit_static_file("empty.so", &r), E_INTEGRITY, "an empty file");
    is_int(audit_static_file("directory.so", &r), E_INTEGRITY, "a directory");
    is_int(audit_static_file(self, &r), E_NOTFOUND, "a program");
    if (ok(extension_compile("library.so", "-DMODULE=spam -DPyInit_spam=function"), "a library"))
        is_int(audit_static_file("library.so", &r), E_NOTFOUND, "is not an extension module");
    ok(strstr(err_message(), "PyInit_"), "and why");
    ok(r == NULL, "no result comes with an error");
}

/* The same file with the number of another machine in its header. */
static void other_machine(void)
{
    static const struct {
        unsigned char id, other;
        const char *name;
    } machines[] = {{0xf3, 0, "riscv64"}, {183, 0, "aarch64"}, {0xff, 0xef, "machine 61439"}};
    autofree char *data = NULL;
    size_t size = 0;
    if (!ok(extension_compile("spam.so", "-DMODULE=spam -DGIL=1"), "a module is compiled") ||
        fs_read("spam.so", &data, &size) < 0)
        return;
    for (size_t i = 0; i < lengthof(machines); i++) {
        json_t *r = NULL;
        data[18] = (char)machines[i].id;
        data[19] = (char)machines[i].other;
        fs_write_atomic("spam.so", data, size, 0644);
        is_int(audit_static_file("spam.so", &r), 0, "a file for another machine is read");
        is_str(json_string_value(json_object_get(r, "machine")), machines[i].name, "which");
        is_str(json_string_value(json_object_get(r, "answer")), "cannot tell", "and no guess made");
        json_decref(r);
    }
}

/* An answer, or one of the errors for damaged files. */
static bool is_bounded(const char *file, bool *answered)
{
    json_t *r = NULL;
    err_clear();
    int rc = audit_static_file(file, &r);
    *answered = rc == 0;
    bool good = rc == 0 ? json_is_string(json_object_get(r, "answer"))
                        : (rc == E_INTEGRITY || rc == E_NOTFOUND) && *err_message();
    json_decref(r);
    return good;
}

/* Changed in place: thousands of new files would take their time on a disk. */
static void damaged(const char *flags)
{
    autofree char *data = NULL;
    size_t size = 0, bad = 0, answered = 0;
    bool yes;
    printf("# damaged: %s\n", flags);
    if (!ok(extension_compile("fuzz.so", flags), "a module is compiled") ||
        fs_read("fuzz.so", &data, &size) < 0)
        return;
    autofd fd = open("fuzz.so", O_RDWR | O_CLOEXEC);
    for (size_t i = 0; i < size; i++) {
        char changed = (char)(data[i] ^ (i % 3 ? 1 << i % 8 : 0xff));
        bad += pwrite(fd, &changed, 1, (off_t)i) != 1 || !is_bounded("fuzz.so", &yes);
        answered += yes;
        bad += pwrite(fd, data + i, 1, (off_t)i) != 1;
    }
    is_int((long long)bad, 0, "every byte changed once: an answer or an error");
    ok(answered > 0 && answered < size, "some of each");
    answered = bad = 0;
    for (size_t n = size / 64; n-- > 0;) {
        bad += ftruncate(fd, (off_t)n * 64) != 0 || !is_bounded("fuzz.so", &yes);
        answered += yes;
    }
    is_int((long long)bad, 0, "cut short at every 64th byte: an answer or an error");
    /* Behind the segments are only symbols for debuggers, and section headers. */
    ok(answered * 64 < size, "and often an error");
}

/* 200 small modules, and whose they are. */
static void tree(void)
{
    autofree char *data = NULL, *record = NULL;
    autostr list = {0};
    size_t size = 0;
    fs_mkdirs("site/pkg", 0755);
    if (!ok(extension_compile("m.so", "-DMODULE=spam -DGIL=1"), "a module is compiled") ||
        fs_read("m.so", &data, &size) < 0)
        return;
    for (int i = 0; i < 200; i++) {
        autofree char *file = xasprintf("site/pkg/m%03d.so", i);
        fs_write_atomic(file, data, size, 0644);
        str_addf(&list, i % 2 ? "\"pkg/m%03d.so\",sha256=x,1\r\n" : "pkg/m%03d.so,,\n", i);
    }
    record = str_take(&list);
    scratch_file("site/My_Pkg-1.5.dist-info/RECORD", record, 0644);
    scratch_file("site/My_Pkg-1.5.dist-info/METADATA", "Name: My.Pkg\nVersion: 1.5\n", 0644);
    scratch_file("site/other.so", "no ELF file", 0644);
    fs_symlink_replace("pkg/m000.so", "site/link.so");
    json_t *results = json_array();
    double start = clock_now();
    is_int(audit_static_tree("site", results), 0, "a tree is read");
    double each = (clock_now() - start) / 200;
    is_int((long long)json_array_size(results), 201, "every module in it once, no link");
    printf("# %.2f ms each\n", each * 1000);
    ok(each < 0.005, "in 5 ms each");
    const json_t *first = json_array_get(results, 1), *last = json_array_get(results, 200);
    is_str(json_string_value(json_object_get(json_array_get(results, 0), "relative")), "other.so",
           "in the order of paths");
    ok(json_object_get(json_array_get(results, 0), "error"), "what cannot be read is in it");
    is_str(json_string_value(json_object_get(first, "distribution")), "My.Pkg", "whose it is");
    is_str(json_string_value(json_object_get(last, "version")), "1.5", "also by a quoted path");
    json_decref(results);
    is_int(audit_static_tree("there-is-none", NULL), E_FAILED, "no such directory");
}

static int print(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        json_t *r = NULL;
        int rc = str_ends(argv[i], ".whl") ? audit_static_wheel(argv[i], &r)
                                           : audit_static_file(argv[i], &r);
        if (rc < 0)
            printf("%s\terror %d\t%s\n", path_base(argv[i]), rc, err_message());
        else
            printf("%s\t%s\t%s\t%s\n", json_string_value(json_object_get(r, "module")),
                   json_string_value(json_object_get(r, "answer")),
                   json_string_value(json_object_get(r, "init")),
                   json_string_value(json_object_get(r, "why")));
        json_decref(r);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (proc_init() < 0)
        return 99;
    if (argc > 1)
        return print(argc, argv);
    autofree char *self = path_absolute(argv[0]);
    scratch_enter();
    answers();
    abis();
    errors(self);
    other_machine();
    damaged("-DMODULE=fuzz -DGIL=1");
    damaged("-DMODULE=fuzz -DGIL=1 -DEXPORT -Wl,-z,pack-relative-relocs -Wl,--hash-style=sysv");
    tree();
    return tap_done();
}
