/* A recipe means what it says, and every mistake in one is an error that says where. */
#include "core/recipe.h"

#include "base/err.h"
#include "scratch.h"
#include "tap.h"

#define HEX8  "0123abcd"
#define HEX40 HEX8 HEX8 HEX8 HEX8 HEX8
#define HEX64 HEX40 HEX8 HEX8 HEX8

static const char head[] = "[recipe]\n"                                        /* 1 */
                           "series = 3.14\n"                                   /* 2 */
                           "tag = v{release}\n"                                /* 3 */
                           "providers = git tarball\n"                         /* 4 */
                           "git = https://example.invalid/c.git\n"             /* 5 */
                           "tarball = https://example.invalid/{base}/{file}\n" /* 6 */
                           "[variant gil]\n"                                   /* 7 */
                           "[variant ft]\n"                                    /* 8 */
                           "suffix = t\n"                                      /* 9 */
                           "configure = --disable-gil  --with-x\n"             /* 10 */
                           "free-threaded = yes\n"                             /* 11 */
                           "[preset quick]\n"                                  /* 12 */
                           "environment = CFLAGS=-O2\n"                        /* 13 */
                           "[pin 3.14.9]\n"                                    /* 14 */
                           "sha256-tar.xz = " HEX64 "\n"                       /* 15 */
                           "[pin 3.14.10]\n"                                   /* 16 */
                           "commit = " HEX40 "\n"                              /* 17 */
                           "tree = " HEX40 "\n"                                /* 18 */
                           "date = 2026-08-05\n"; /* 19; more begins in line 20 */

static void good(void)
{
    struct recipe *r = NULL;
    if (!is_int(recipe_load_text("r.ini", head, &r), 0, "a good recipe")) {
        printf("# %s\n", err_message());
        return;
    }
    is_str(r->series, "3.14", "series");
    is_int((long long)r->n_variants, 2, "two variants, one of them without a key");
    const struct variant *ft = recipe_variant_by_suffix(r, "t");
    ok(ft && ft->free_threaded && ft->configure.n == 2, "the free-threaded one");
    ok(recipe_variant_by_suffix(r, "") == recipe_variant_by_id(r, "gil"), "the other");
    ok(!recipe_variant_by_id(r, "jit") && !recipe_preset(r, "fast") && !recipe_pin(r, "3.14.1"),
       "and no more");
    is_str(r->pins[0].release, "3.14.10", "the newest pin comes first");
    char *text = recipe_tag(r, "3.14.9");
    is_str(text, "v3.14.9", "the tag");
    free(text);
    text = recipe_tarball_url(r, "3.14.0rc2", NULL, "Python-3.14.0rc2.tar.xz");
    is_str(text, "https://example.invalid/3.14.0/Python-3.14.0rc2.tar.xz", "a candidate's URL");
    free(text);
    text = recipe_tarball_url(r, "3.14.9", "http://mirror.invalid/py/", "f.tar.xz");
    is_str(text, "http://mirror.invalid/py/f.tar.xz", "a mirror's");
    free(text);
    is_str(recipe_preset(r, NULL)->id, "quick", "the default preset is the first one");
    recipe_free(r);
    recipe_free(NULL);
    autofree char *other = xasprintf("%s[preset slow]\n[recipe]\npreset = slow\n", head);
    is_int(recipe_load_text("r.ini", other, &r), 0, "a recipe may say which preset is the default");
    is_str(recipe_preset(r, NULL)->id, "slow", "another than the first one");
    recipe_free(r);
}

/* The good recipe and `more` make an error that has all of `parts` (a '|' between them). */
static void bad(const char *more, const char *parts)
{
    struct recipe *r = NULL;
    autofree char *text = xasprintf("%s%s", head, more);
    autofree char *list = xstrdup(parts);
    int rc = recipe_load_text("r.ini", text, &r);
    if (!is_int(rc, E_USAGE, "a bad recipe"))
        printf("# accepted: %s\n", more);
    recipe_free(rc == 0 ? r : NULL);
    autofree char *said =
        xasprintf("%s (%s)", err_message(), err_hint_text() ? err_hint_text() : "");
    for (char *save = NULL, *p = strtok_r(list, "|", &save); p; p = strtok_r(NULL, "|", &save))
        if (!ok(strstr(said, p), "and the message says where and what"))
            printf("# lacks: %s\n# has: %s\n", p, said);
}

static void in_lines(void)
{
    char line[260];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\0';
    autofree char *wide = xasprintf("[modules]\nrequire = %s\n", line);
    bad(wide, "r.ini:21|too long");
    line[70] = '\0';
    autofree char *section = xasprintf("[variant %s]\n", line);
    bad(section, "r.ini:20|too long");
    bad("[modules]\nrequire = ssl\n  zlib\n", "r.ini:22|white space");
    bad("[modules]\nno equals sign\n", "r.ini:21");
    bad("[modules\n", "r.ini:20");
    struct recipe *r = NULL;
    is_int(recipe_load_text("r.ini", "series = 3.14\n", &r), E_USAGE, "a key before any section");
    ok(strstr(err_message(), "r.ini:1"), "is found in line 1");
    is_int(recipe_load_text("r.ini", "", &r), E_USAGE, "an empty recipe");
    is_int(recipe_load_text("r.ini", "; a comment\n", &r), E_USAGE, "one of comments");
}

static void in_names(void)
{
    bad("[pin 3.14.8]\nsha265-tar.xz = " HEX64 "\n",
        "r.ini:21|[pin 3.14.8]|sha265-tar.xz|did you mean \"sha256-tar.xz\"");
    bad("[recipe]\nseries = 3.14\n", "r.ini:21|[recipe] series|second time");
    bad("[pin  3.14.9]\nsha256-tar.xz = " HEX64 "\n", "sha256-tar.xz|second time");
    bad("[varient x]\n", "r.ini:20|[varient x]|did you mean [variant]");
    bad("[modules x]\n", "r.ini:20|[modules x]");
    bad("[variant]\n", "r.ini:20|[variant ID]");
    bad("[variant a b]\n", "r.ini:20|one word");
    bad("[]\n", "r.ini:20");
    bad("[pin latest]\n", "r.ini:20|release");
    bad("[Recipe]\n", "r.ini:20|[Recipe]");
}

static void in_values(void)
{
    bad("[pin 3.14.8]\ncommit = 123\n", "r.ini:21|[pin 3.14.8] commit|40");
    bad("[pin 3.14.8]\nsha256-tgz = " HEX40 "\n", "sha256-tgz|64");
    bad("[pin 3.14.8]\nsha256-tgz = 0123ABCD" HEX40 HEX8 HEX8 "\n", "lower-case");
    bad("[pin 3.14.8]\ndate = 5 August 2026\n", "date|2026-08-05");
    bad("[recipe]\nprerelease = maybe\n", "prerelease|yes or no");
    bad("[recipe]\napt =\n", "r.ini:21|[recipe] apt|expected");
    bad("[preset p]\nenvironment = CFLAGS\n", "environment|NAME=value");
    bad("[variant d]\nsuffix = D!\n", "[variant d] suffix");
}

static void in_sense(void)
{
    bad("[variant other]\nsuffix = t\n", "[variant ft]|[variant other]|suffix");
    bad("[variant other]\n", "[variant gil]|[variant other]|suffix");
    bad("[pin 3.13.1]\nsha256-tgz = " HEX64 "\n", "[pin 3.13.1]|3.14");
    bad("[pin 3.14.8]\n", "[pin 3.14.8]");
    bad("[recipe]\npreset = fast\n", "[recipe] preset = fast|[preset fast]");
    bad("[pin 3.14.8]\ncommit = " HEX40 "\n", "[pin 3.14.8]|tree");
    struct recipe *r = NULL;
    is_int(recipe_load_text("r.ini",
                            "[recipe]\nseries = 3.14\ntag = v{release}\nproviders = apt\n"
                            "[variant gil]\n[preset quick]\n",
                            &r),
           E_USAGE, "a provider without its key");
    ok(strstr(err_message(), "apt"), "is named");
    is_int(recipe_load_text("r.ini",
                            "[recipe]\nseries = 3.14\ntag = v3.14\nproviders = apt\napt = p\n"
                            "[variant gil]\n[preset quick]\n",
                            &r),
           E_USAGE, "a tag that is the same for all");
    is_int(recipe_load_text("r.ini", "[recipe]\nseries = 3.14.7\n", &r), E_USAGE,
           "a release for a series");
}

static bool alike(const char *a, const char *b)
{
    autofree char *text =
        xasprintf("%s[variant a]\nsuffix = -a\n%s[variant b]\nsuffix = -b\n%s", head, a, b);
    struct recipe *r = NULL;
    is_int(recipe_load_text("r.ini", text, &r), 0, "two more variants");
    bool same =
        r && variants_compile_alike(recipe_variant_by_id(r, "a"), recipe_variant_by_id(r, "b"));
    recipe_free(r);
    return same;
}

static void compile_alike(void)
{
    ok(alike("", ""), "nothing is different");
    ok(alike("configure = --x\n", "configure = --disable-gil --x\n"), "nothing but the GIL is");
    ok(!alike("configure = --x\n", "configure = --y\n"), "another option");
    ok(!alike("", "configure = --with-lto\n"), "one more");
    ok(!alike("environment = CFLAGS=-g\n", ""), "another environment");
    ok(!alike("compiler = clang>=19\n", "compiler = clang>=20\n"), "another compiler");
}

static void on_disk(void)
{
    struct recipe *r = NULL;
    is_int(recipe_load("none.ini", &r), E_NOTFOUND, "no such file");
    scratch_file("recipes/3.14.ini", head, 0644);
    scratch_file("recipes/3.15.ini", head, 0644);
    scratch_file("recipes/notes.txt", "", 0644);
    setenv("UNGIL_RECIPES", "recipes", 1);
    is_int(recipe_find("3.14", &r), 0, "found by its series");
    ok(r && r->file[0] == '/', "with an absolute path");
    recipe_free(r);
    r = NULL;
    is_int(recipe_find("3.15", &r), E_USAGE, "a file that holds another series");
    ok(strstr(err_message(), "3.15") && strstr(err_message(), "3.14"), "both are named");
    is_int(recipe_find("3.8", &r), E_USAGE, "a series without a recipe");
    ok(err_hint_text() && strstr(err_hint_text(), "3.14"), "the others are listed");
    FILE *f = fopen("recipes/3.14.ini", "w");
    if (f) {
        fwrite("[recipe]\nseries\0 = 3.14\n", 1, 24, f);
        fclose(f);
    }
    is_int(recipe_find("3.14", &r), E_USAGE, "a file with a NUL");
}

int main(void)
{
    scratch_enter();
    good();
    in_lines();
    in_names();
    in_values();
    in_sense();
    compile_alike();
    on_disk();
    return tap_done();
}
