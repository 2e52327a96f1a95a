/* Wheels: their names are read as the specification says, and nothing in them gets out. */
#include "core/wheel.h"

#include <jansson.h>

#include "base/err.h"
#include "base/proc.h"
#include "core/audit_static.h"
#include "extension.h"
#include "generator.h"
#include "scratch.h"
#include "tap.h"

static void good_names(void)
{
    static const struct {
        const char *file, *distribution, *version, *build, *tags;
    } names[] = {
        {"spam-1.0-py3-none-any.whl", "spam", "1.0", NULL, "py3-none-any"},
        {"/a-b/c.d/spam-1.0-py3-none-any.whl", "spam", "1.0", NULL, "py3-none-any"},
        {"six-1.16.0-py2.py3-none-any.whl", "six", "1.16.0", NULL, "py2-none-any py3-none-any"},
        {"spam-1.0-1-py3-none-any.whl", "spam", "1.0", "1", "py3-none-any"},
        {"spam-1.0-2_rc1-py3-none-any.whl", "spam", "1.0", "2_rc1", "py3-none-any"},
        {"Zope.Interface-5-cp314-cp314-linux_x86_64.whl", "zope-interface", "5", NULL,
         "cp314-cp314-linux_x86_64"},
        {"ruamel_yaml_clib-0.2.8-cp314-cp314t-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
         "ruamel-yaml-clib", "0.2.8", NULL,
         "cp314-cp314t-manylinux_2_17_x86_64 cp314-cp314t-manylinux2014_x86_64"},
        {"a-1!2.0rc1.post3.dev4+local.5-py3-none-any.whl", "a", "1!2.0rc1.post3.dev4+local.5", NULL,
         "py3-none-any"},
        {"a-2024.1-cp315-abi3.abi3t-linux_x86_64.whl", "a", "2024.1", NULL,
         "cp315-abi3-linux_x86_64 cp315-abi3t-linux_x86_64"},
        {"caf\xc3\xa9-1-py3-none-any.whl", "caf\xc3\xa9", "1", NULL, "py3-none-any"},
    };
    for (size_t i = 0; i < lengthof(names); i++) {
        autowheel w;
        autostrv tags = {0};
        printf("# %s\n", names[i].file);
        if (!is_int(wheel_parse_name(names[i].file, &w), 0, "a name of a wheel"))
            continue;
        wheel_tags(&w, &tags);
        autofree char *all = strv_join(&tags, " ");
        is_str(w.distribution, names[i].distribution, "distribution");
        is_str(w.version, names[i].version, "version");
        is_str(w.build, names[i].build, "build tag");
        is_str(all, names[i].tags, "tags");
    }
}

static void bad_names(void)
{
    static const char *const names[] = {
        "",
        ".whl",
        "spam",
        "spam.whl",
        "spam-1.0.whl",
        "spam-1.0.tar.gz",
        "spam-1.0-py3-none.whl",
        "spam-1.0-py3-none-any.zip",
        "spam-1.0-py3-none-any.whl.part",
        "spam-1.0-rc1-py3-none-any.whl",
        "spam-1.0-1-2-py3-none-any.whl",
        "spam-1.0-1-2-3-4-5-6-7-8-9-py3-none-any.whl",
        "sp__am-1.0-py3-none-any.whl",
        "sp am-1.0-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        "spam--py3-none-any.whl",
        "spam-one-py3-none-any.whl",
        "spam-1.0-py3-none-.whl",
        "spam-1.0-py3..py2-none-any.whl",
        "spam-1.0-.py3-none-any.whl",
        "spam-1.0-py3-none-a\nny.whl",
    };
    for (size_t i = 0; i < lengthof(names); i++) {
        autowheel w;
        if (!is_int(wheel_parse_name(names[i], &w), E_USAGE, "not a name of a wheel"))
            printf("# %s\n", names[i]);
        if (!ok(strlen(err_message()) > 20 && err_hint_text(), "with why, and what to do"))
            printf("# %s: %s\n", names[i], err_message());
    }
}

static void kinds(void)
{
    static const struct {
        const char *tags, *series;
        enum wheel_kind kind;
        const char *text;
    } list[] = {
        {"py3-none-any", "3.14", WHEEL_PURE, "pure"},
        {"py2.py3-none-any", "3.14", WHEEL_PURE, "pure"},
        {"py314-none-any", "3.14", WHEEL_PURE, "pure"},
        {"py38-none-any", "3.14", WHEEL_PURE, "pure"},
        {"cp314-none-any", "3.14", WHEEL_PURE, "pure"},
        {"cp313-none-any", "3.14", WHEEL_NOT_FREE_THREADED, "no"},
        {"py315-none-any", "3.14", WHEEL_NOT_FREE_THREADED, "no"},
        {"py2-none-any", "3.14", WHEEL_NOT_FREE_THREADED, "no"},
        {"pp310-none-any", "3.14", WHEEL_NOT_FREE_THREADED, "no"},
        {"py3-none-manylinux_2_17_x86_64", "3.14", WHEEL_NO_ABI, "no ABI"},
        {"cp314-cp314t-linux_x86_64", "3.14", WHEEL_SERIES_T, "cp314t"},
        {"cp314-cp314t-linux_x86_64", "3.13", WHEEL_NOT_FREE_THREADED, "no"},
        {"cp313-cp313t-linux_x86_64", "3.13", WHEEL_SERIES_T, "cp313t"},
        {"cp313-cp313t-linux_x86_64", "3.14", WHEEL_NOT_FREE_THREADED, "no"},
        {"cp314-cp314-linux_x86_64", "3.14", WHEEL_NOT_FREE_THREADED, "no"},
        {"cp38-abi3-linux_x86_64", "3.14", WHEEL_NOT_FREE_THREADED, "no"},
        {"cp315-abi3t-linux_x86_64", "3.14", WHEEL_NOT_FREE_THREADED, "no"},
        {"cp315-abi3t-linux_x86_64", "3.15", WHEEL_ABI3T, "abi3t"},
        {"cp315-abi3.abi3t-linux_x86_64", "3.16", WHEEL_ABI3T, "abi3t"},
        {"cp316-abi3t-linux_x86_64", "3.15", WHEEL_NOT_FREE_THREADED, "no"},
        {"cp314-abi3t-linux_x86_64", "3.15", WHEEL_NOT_FREE_THREADED, "no"},
        {"cp313.cp314-cp313t.cp314t-linux_x86_64", "3.14", WHEEL_SERIES_T, "cp314t"},
    };
    for (size_t i = 0; i < lengthof(list); i++) {
        autowheel w;
        autofree char *file = xasprintf("a-1-%s.whl", list[i].tags);
        wheel_parse_name(file, &w);
        enum wheel_kind kind = wheel_free_threaded(&w, list[i].series);
        autofree char *text = wheel_kind_text(kind, list[i].series);
        if (!is_int(kind, list[i].kind, "what it is for a free-threaded interpreter"))
            printf("# %s for %s\n", list[i].tags, list[i].series);
        is_str(text, list[i].text, "in words");
    }
}

static bool has_note(const json_t *result, const char *text)
{
    size_t i;
    json_t *note;
    json_array_foreach(json_object_get(result, "notes"), i, note)
    {
        if (strstr(json_string_value(note), text))
            return true;
    }
    return false;
}

static void one_wheel(const char *file, const char *must)
{
    json_t *result = NULL;
    printf("# %s\n", file);
    int rc = audit_static_wheel(file, &result);
    if (*must && !str_starts(must, "note: ")) {
        is_int(rc, E_INTEGRITY, "a bad wheel is refused");
        if (!ok(strstr(err_message(), must), "and the message says why"))
            printf("# %s (not said: %s)\n", err_message(), must);
        ok(err_hint_text() || str_eq(must, "METADATA") || str_eq(must, "RECORD"),
           "and what can be done");
    } else if (!is_int(rc, 0, "a wheel is read")) {
        printf("# %s\n", err_message());
    } else if (*must) {
        if (!ok(has_note(result, must + 6), "what does not fit is noted"))
            json_dumpf(json_object_get(result, "notes"), stdout, 0);
    } else {
        const json_t *notes = json_object_get(result, "notes");
        if (!is_int((long long)json_array_size(notes), 0, "nothing is noted of a good one"))
            json_dumpf(notes, stdout, 0);
        const json_t *e = json_array_get(json_object_get(result, "extensions"), 0);
        if (e) {
            is_str(json_string_value(json_object_get(e, "answer")), "declares", "its extension");
            is_str(json_string_value(json_object_get(e, "distribution")), "spam", "is of spam");
            is_str(json_string_value(json_object_get(e, "file")),
                   "pkg/spam.cpython-314t-x86_64-linux-gnu.so", "by its path in the wheel");
        }
    }
    json_decref(result);
    ok(!fs_exists("/tmp/ungil-out.py") && !fs_exists("out.py"), "nothing is written outside");
}

static void left_nothing(void)
{
    autostrv left = {0};
    fs_list("tmp", &left);
    is_int((long long)left.n, 0, "and nothing is left in TMPDIR");
}

int main(void)
{
    char here[4096];
    const char *srcdir = getenv("srcdir");
    autofree char *relative = path_join(srcdir ? srcdir : ".", "tests/unit/wheels.py");
    if (proc_init() < 0 || !getcwd(here, sizeof here))
        return 99;
    autofree char *generator = path_join(here, relative);
    good_names();
    bad_names();
    kinds();
    scratch_enter();
    fs_mkdirs("tmp", 0700);
    autofree char *tmp = path_absolute("tmp");
    setenv("TMPDIR", tmp, 1);
    autostrv lines = {0};
    if (extension_compile("spam.so", "-DMODULE=spam -DGIL=1"))
        generate(generator, "spam.so", &lines);
    if (ok(lines.n > 20, "Python made the wheels"))
        for (size_t i = 0; i < lines.n; i++) {
            char *tab = strchr(lines.v[i], '\t');
            *tab = '\0';
            one_wheel(lines.v[i], tab + 1);
        }
    left_nothing();
    fs_mkdirs("directory/a-1-py3-none-any.whl", 0755);
    one_wheel("directory/a-1-py3-none-any.whl", "not a regular file");
    return tap_done();
}
