/* A manifest finds every change of a prefix, speaks of nothing else, and is mtree(5) to others. */
#include "core/manifest.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/proc.h"
#include "scratch.h"
#include "tap.h"

static const char hello_digest[] =
    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; /* of "hello" */

static void make_prefix(const char *dir)
{
    static const char *const names[] = {"bin/python3.14", "lib/module.py",
                                        "lib/with space #=\\*[x].py",
                                        "lib/na\xc3\xafve-\xe2\x82\xac.py", "lib/broken-\xff.py"};
    for (size_t i = 0; i < lengthof(names); i++) {
        autofree char *path = path_join(dir, names[i]);
        scratch_file(path, "hello", i == 0 ? 0755 : 0644);
    }
    autofree char *link = path_join(dir, "bin/python3");
    autofree char *empty = path_join(dir, "share/empty");
    if (symlink("python3.14", link) != 0 || fs_mkdirs(empty, 0755) < 0)
        perror(dir);
}

static struct manifest_report check(const char *dir)
{
    struct manifest_report r;
    is_int(manifest_check(dir, &r), 0, "the manifest can be checked");
    return r;
}

static void unchanged(void)
{
    char *digest = NULL, *again = NULL;
    make_prefix("a");
    make_prefix("b");
    is_int(manifest_write("a", &digest), 0, "written");
    is_int(manifest_write("b", &again), 0, "written for an equal tree");
    is_str(again, digest, "equal trees have equal manifests");
    free(again);
    again = NULL;
    is_int(manifest_write("a", &again), 0, "written a second time");
    is_str(again, digest, "it does not list itself");
    struct manifest_report r = check("a");
    is_int((long long)r.checked, 10, "10 entries: 5 files, 1 link, 4 directories");
    is_int((long long)(r.changed.n + r.missing.n + r.extra.n), 0, "nothing differs");
    manifest_report_free(&r);
    autofree char *text = scratch_read("a/ungil.mtree");
    ok(strstr(text, hello_digest), "it has SHA-256 digests");
    ok(!strstr(text, "time="), "it has no times");
    ok(!strstr(text, "uid="), "it has no owners");
    free(digest);
    free(again);
}

static void readable_by_bsdtar(void)
{
    autofree char *bsdtar = fs_find_program("bsdtar");
    if (!bsdtar) {
        ok(1, "bsdtar reads it # SKIP there is no bsdtar");
        return;
    }
    autostrv argv = {0};
    strv_add(&argv, bsdtar);
    strv_split(&argv, "-tf a/ungil.mtree");
    struct proc_opts o = PROC_OPTS_INIT;
    autofree char *out = NULL;
    int status = -1;
    is_int(proc_capture(&argv, &o, 20, 65536, &out, &status), 0, "bsdtar runs");
    ok(proc_ok(status), "bsdtar reads it");
    ok(out && strstr(out, "with space #=\\\\*[x].py"), "a name that had to be escaped comes back");
}

/* Whether one of the texts begins with `start`. */
static int has(const struct strv *l, const char *start)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_starts(l->v[i], start))
            return 1;
    for (size_t i = 0; i < l->n; i++)
        printf("# there is: %s\n", l->v[i]);
    return 0;
}

static void changed(void)
{
    scratch_file("a/lib/module.py", "jello", 0644);               /* content, not size */
    scratch_file("a/lib/with space #=\\*[x].py", "hello!", 0644); /* size */
    chmod("a/bin/python3.14", 0700);
    unlink("a/bin/python3");
    ok(symlink("python9", "a/bin/python3") == 0, "a link is changed");
    unlink("a/lib/na\xc3\xafve-\xe2\x82\xac.py");
    unlink("a/lib/broken-\xff.py");
    ok(mkdir("a/lib/broken-\xff.py", 0755) == 0, "a file becomes a directory");
    scratch_file("a/lib/stranger.py", "", 0644);
    scratch_file("a/lib/__pycache__/module.cpython-314.pyc", "", 0644);
    scratch_file("a/ungil.json", "{}", 0644);
    struct manifest_report r = check("a");
    is_int((long long)r.changed.n, 5, "5 entries changed");
    ok(has(&r.changed, "lib/module.py: SHA-256"), "content");
    ok(has(&r.changed, "lib/with space #=\\*[x].py: size"), "size");
    ok(has(&r.changed, "bin/python3.14: mode"), "mode");
    ok(has(&r.changed, "bin/python3: link"), "link");
    ok(has(&r.changed, "lib/broken-\xff.py: type"), "type");
    is_int((long long)r.missing.n, 1, "1 is missing");
    ok(has(&r.missing, "lib/na\xc3\xafve-\xe2\x82\xac.py"), "the one with the UTF-8 name");
    is_int((long long)r.extra.n, 1, "1 is extra: no byte-code cache, no receipt");
    ok(has(&r.extra, "lib/stranger.py"), "the stranger");
    manifest_report_free(&r);
}

/* A manifest that somebody else wrote, to get out of the prefix or to fill the memory. */
static void foreign(void)
{
    static const char entry[] = " type=file mode=644 size=0 sha256digest=00\n";
    static const char *const heads[] = {"./../out", "./lib/../../out", "/out", "../out"};
    struct manifest_report r;
    for (size_t i = 0; i < lengthof(heads); i++) {
        autofree char *text = xasprintf("#mtree\n%s%s", heads[i], entry);
        scratch_file("c/ungil.mtree", text, 0644);
        int rc = manifest_check("c", &r);
        ok(rc == E_INTEGRITY || r.missing.n == 1, heads[i]);
        if (rc == 0)
            ok(!strstr(r.missing.v[0], ".."), "and it stays inside");
        manifest_report_free(&r);
    }
    autostr lines = {0};
    scratch_file("c/ungil.mtree", "#mtree\n \t/set x=1\n./a type=dir\n", 0644);
    is_int(manifest_check("c", &r), E_INTEGRITY, "/set is copied into each entry: refused");
    scratch_file("c/ungil.mtree", "#mtree\n./a a b c d e f g h\n", 0644);
    is_int(manifest_check("c", &r), E_INTEGRITY, "more words than are needed");
    str_add(&lines, "#mtree\n");
    for (int i = 0; i < 500000; i++)
        str_add(&lines, "a\n");
    scratch_file("c/ungil.mtree", lines.s, 0644);
    is_int(manifest_check("c", &r), E_INTEGRITY, "more lines than any prefix has files");
    scratch_file("c/ungil.mtree", "#mtree\n./a type=dir", 0644);
    is_int(manifest_check("c", &r), E_INTEGRITY, "cut in the middle of a line");
}

static void unusable(void)
{
    struct manifest_report r;
    is_int(fs_mkdirs("c", 0755), 0, "an empty prefix");
    is_int(manifest_check("c", &r), E_FAILED, "no manifest is an error");
    scratch_file("c/ungil.mtree", "PK\3\4 this is something else\n", 0644);
    is_int(manifest_check("c", &r), E_INTEGRITY, "another file in its place is one");
    scratch_file("c/ungil.mtree", "#mtree\n./a type=file mode=99 sha256digest=zz size=q\n", 0644);
    int rc = manifest_check("c", &r);
    ok(rc == E_INTEGRITY || r.missing.n == 1, "a damaged one never passes");
    manifest_report_free(&r);
    foreign();
    unlink("c/ungil.mtree");
    ok(mkfifo("c/fifo", 0600) == 0, "a prefix with a fifo");
    char *digest = NULL;
    is_int(manifest_write("c", &digest), E_FAILED, "has no manifest");
    ok(strstr(err_message(), "c/fifo"), "and the message names it");
    ok(!fs_exists("c/ungil.mtree"), "and nothing was written");
}

int main(void)
{
    scratch_enter();
    if (proc_init() < 0)
        return 99;
    unchanged();
    readable_by_bsdtar();
    changed();
    unusable();
    return tap_done();
}
