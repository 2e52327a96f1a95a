/* ungil training list|export|import|remove. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"
#include "cli/cmd.h"
#include "cli/table.h"
#include "core/cache.h"
#include "core/dirs.h"
#include "core/text_json.h"
#include "core/toolchain.h"
#include "core/training.h"

static void options(struct optset *set)
{
    opt_add_json(set);
}

enum { SHORT_KEY = 12, LEAST_PREFIX = 4 };

/* What there is, and what was chosen of it. */
struct entries {
    struct training_entry *list;
    size_t n;
};

static void entries_free(struct entries *e)
{
    training_list_free(e->list, e->n);
}
#define autoentries __attribute__((cleanup(entries_free))) struct entries

static int load(struct entries *e)
{
    autofree char *cache = dirs_cache(NULL);
    return training_list(cache, &e->list, &e->n);
}

static int see_uses(int rc)
{
    return err_hint(rc, "ungil training list, ungil training export FILE [KEY|NAME]..., ungil "
                        "training import FILE, ungil training remove KEY|NAME...");
}

/* ---- list ---- */

/* A value of what the data depends on; owned. */
static char *value_of(const struct training_entry *e, const char *name)
{
    return e->key_text ? training_value(e->key_text, name) : NULL;
}

/* What identifies the compiler best; owned. */
static char *compiler_of(const struct training_entry *e)
{
    static const char *const names[] = {"compiler", "version", "cc"};
    char *value = NULL;
    for (size_t i = 0; i < lengthof(names) && !value; i++)
        value = value_of(e, names[i]);
    return value;
}

static json_t *entry_json(const struct training_entry *e)
{
    autofree char *name = value_of(e, "name"), *release = value_of(e, "release");
    autofree char *variant = value_of(e, "variant"), *preset = value_of(e, "preset");
    autofree char *compiler = compiler_of(e);
    const struct training_facts *f = &e->facts;
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:o}", "key", e->key,
        "name", text_json(name), "release", text_json(release), "variant", text_json(variant),
        "preset", text_json(preset), "compiler", text_json(compiler), "files", (json_int_t)f->files,
        "bytes", (json_int_t)f->bytes, "date", text_json(f->date), "origin", text_json(f->origin),
        "tests", text_json(f->tests), "missing", (json_int_t)f->missing, "used",
        (json_int_t)e->used.tv_sec, "damage", text_json(e->damage));
}

static void entry_row(struct table *t, const struct training_entry *e)
{
    autofree char *release = value_of(e, "release"), *variant = value_of(e, "variant");
    autofree char *preset = value_of(e, "preset"), *compiler = compiler_of(e);
    autofree char *key = xstrndup(e->key, SHORT_KEY);
    autofree char *day = xstrndup(e->facts.date ? e->facts.date : "", strlen("2026-08-05"));
    char size[16];
    table_row(t, (const char *[]){key, release, variant, preset, compiler,
                                  str_bytes(size, e->facts.bytes), day,
                                  e->damage ? "damaged" : e->facts.origin});
}

static int training_verb_list(const struct strv *operands)
{
    autoentries all = {0};
    int rc = operands->n == 0
                 ? load(&all)
                 : see_uses(fail(E_USAGE, "training list: \"%s\" is one argument too many",
                                 operands->v[0]));
    if (rc < 0)
        return rc;
    if (common.json) {
        json_t *array = json_array();
        for (size_t i = 0; i < all.n; i++)
            json_array_append_new(array, entry_json(&all.list[i]));
        return print_json(json_pack("{s:i, s:o}", "format", 1, "training", array));
    }
    if (all.n == 0) {
        autofree char *cache = dirs_cache("training");
        note("there is no training data in %s", cache);
        return 0;
    }
    struct table *t = table_new("KEY|RELEASE|VARIANT|PRESET|COMPILER|>SIZE|DATE|ORIGIN");
    for (size_t i = 0; i < all.n; i++)
        entry_row(t, &all.list[i]);
    table_print(t);
    table_free(t);
    return 0;
}

/* ---- choosing ---- */

static bool is_prefix(const char *word)
{
    size_t n = strlen(word);
    return n >= LEAST_PREFIX && strspn(word, "0123456789abcdef") == n;
}

/* The one key that begins so, or else all whose interpreter is called so. */
static int choose(const struct entries *all, const char *verb, const char *word, struct strv *keys)
{
    autostrv found = {0};
    for (size_t i = 0; i < all->n && is_prefix(word); i++)
        if (str_starts(all->list[i].key, word))
            strv_add(&found, all->list[i].key);
    if (found.n > 1) {
        int rc = fail(E_USAGE, "training %s: %zu keys begin with \"%s\"", verb, found.n, word);
        return err_hint(rc, "give more digits: %.16s or %.16s", found.v[0], found.v[1]);
    }
    for (size_t i = 0; i < all->n && found.n == 0; i++) {
        autofree char *name = value_of(&all->list[i], "name");
        if (str_eq(name, word))
            strv_add(&found, all->list[i].key);
    }
    if (found.n == 0) {
        int rc = fail(E_FAILED, "training %s: there is no training data \"%s\"", verb, word);
        return err_hint(rc, "\"ungil training list\" shows keys and names");
    }
    for (size_t i = 0; i < found.n; i++)
        if (!strv_has(keys, found.v[i]))
            strv_add(keys, found.v[i]);
    return 0;
}

/* What the words from `first` on mean; sorted. */
static int choose_all(const struct entries *all, const char *verb, const struct strv *words,
                      size_t first, struct strv *keys)
{
    int rc = 0;
    for (size_t i = first; rc == 0 && i < words->n; i++)
        rc = choose(all, verb, words->v[i], keys);
    strv_sort(keys);
    return rc;
}

/* ---- export, import, remove ---- */

/* A name that was meant to choose something must not become the archive. */
static int check_file(const struct strv *operands)
{
    if (operands->n == 0)
        return see_uses(fail(E_USAGE, "training export: into which FILE?"));
    const char *file = operands->v[0];
    if (str_ends(file, ".tar.zst") || str_ends(file, ".tar.gz"))
        return 0;
    return err_hint(fail(E_USAGE, "training export: FILE is \"%s\"", file),
                    "its name must end in .tar.zst or .tar.gz, which says how it is packed");
}

static int training_verb_export(const struct strv *operands)
{
    autoentries all = {0};
    autostrv keys = {0};
    autofree char *cache = dirs_cache(NULL);
    int rc = check_file(operands);
    if (rc == 0)
        rc = load(&all);
    if (rc == 0 && all.n == 0)
        rc = err_hint(fail(E_FAILED, "there is no training data in %s", cache),
                      "a build with profile-guided optimisation makes some: ungil install "
                      "--preset release");
    for (size_t i = 0; rc == 0 && operands->n == 1 && i < all.n; i++)
        strv_add(&keys, all.list[i].key);
    if (rc == 0)
        rc = choose_all(&all, "export", operands, 1, &keys);
    if (rc == 0)
        rc = training_export(cache, &keys, operands->v[0]);
    if (rc < 0)
        return rc;
    if (common.json)
        return print_json(json_pack("{s:i, s:o, s:o}", "format", 1, "file",
                                    text_json(operands->v[0]), "exported", texts_json(&keys)));
    printf("%s: training data of %zu build%s; \"ungil training import\" takes it in elsewhere\n",
           operands->v[0], keys.n, keys.n == 1 ? "" : "s");
    return 0;
}

/* It may be for another machine that uses this store, or for a compiler that comes later. */
static void tell_misfits(const struct strv *imported)
{
    autoentries all = {0};
    autostrv env = {0};
    autofree char *toolchain = NULL;
    proc_clean_environment(&env);
    if (load(&all) < 0 || toolchain_describe(&env, env_get(&env, "CC"), &toolchain) < 0) {
        if (!proc_interrupted())
            err_clear();
        return;
    }
    for (size_t i = 0; i < all.n; i++) {
        const struct training_entry *e = &all.list[i];
        if (e->damage || !strv_has(imported, e->key))
            continue;
        autofree char *why = training_misfit(e->key_text, toolchain);
        if (why)
            note("%.*s is kept; nothing here will use it with this compiler: %s", SHORT_KEY, e->key,
                 why);
    }
}

static int training_verb_import(const struct strv *operands)
{
    autostrv imported = {0}, there = {0};
    autofree char *cache = dirs_cache(NULL);
    int rc = operands->n == 1
                 ? cache_use(cache)
                 : see_uses(fail(E_USAGE, operands->n ? "training import takes one FILE"
                                                      : "training import: which FILE?"));
    if (rc == 0)
        rc = training_import(cache, operands->v[0], &imported, &there);
    if (rc < 0)
        return rc;
    if (imported.n > 0)
        tell_misfits(&imported);
    if (common.json)
        return print_json(json_pack("{s:i, s:o, s:o}", "format", 1, "imported",
                                    texts_json(&imported), "there", texts_json(&there)));
    for (size_t i = 0; i < there.n; i++)
        note("%.*s is there already and stays as it is", SHORT_KEY, there.v[i]);
    for (size_t i = 0; i < imported.n; i++)
        printf("%.*s imported\n", SHORT_KEY, imported.v[i]);
    return 0;
}

static int training_verb_remove(const struct strv *operands)
{
    autoentries all = {0};
    autostrv keys = {0};
    autofree char *cache = dirs_cache(NULL);
    int rc = operands->n > 0
                 ? load(&all)
                 : err_hint(fail(E_USAGE, "training remove: which KEY or NAME?"),
                            "\"ungil training list\" shows them, \"ungil clean --training\" "
                            "deletes all of it");
    if (rc == 0)
        rc = choose_all(&all, "remove", operands, 0, &keys);
    if (rc == 0)
        rc = training_remove(cache, &keys);
    if (rc < 0)
        return rc;
    if (common.json)
        return print_json(json_pack("{s:i, s:o}", "format", 1, "removed", texts_json(&keys)));
    for (size_t i = 0; i < keys.n; i++)
        printf("%.*s removed\n", SHORT_KEY, keys.v[i]);
    return 0;
}

static int run(const struct strv *operands)
{
    static const struct action actions[] = {{"list", training_verb_list},
                                            {"export", training_verb_export},
                                            {"import", training_verb_import},
                                            {"remove", training_verb_remove}};
    bool unknown;
    int rc = verb_action("training", actions, lengthof(actions), operands, &unknown);
    return unknown ? see_uses(rc) : rc;
}

const struct verb cmd_training = {
    .name = "training",
    .usage = "training list [OPTION]...\ntraining export [OPTION]... FILE [KEY|NAME]...\n"
             "training import [OPTION]... FILE\ntraining remove [OPTION]... KEY|NAME...",
    .summary = "List, export, import and remove training data",
    .description =
        "A profile-guided build runs part of the test suite to see which paths are taken. What it "
        "counted is kept in ~/.cache/ungil/training, and the next build that everything is equal "
        "for (source, variant, preset, compiler, flags, what configure found) is optimised with "
        "it and trains nothing. If something differs, a note says what, and the build trains "
        "anew.\n\n"
        "\"export\" writes one archive, of all or of what belongs to a NAME (3.14.7t) or a KEY; "
        "\"import\" takes it in on another machine, so that a lab trains once. KEY is what "
        "\"list\" shows or its first digits, at least 4. Everything that comes in is compared "
        "with the digests that it comes with: exit status 5, and nothing is kept of FILE. That "
        "proves it is whole, not who made it: import only from whom you would take a compiler. "
        "What is there already stays. Data of another compiler than CC is here comes in with a "
        "note. "
        "An export tells the compiler's path and flags to whoever "
        "gets it.\n\n"
        "At most 1 GiB is kept; what was used longest ago goes first. UNGIL_TRAINING_MAX sets "
        "another limit in bytes, or with K, M or G behind; 0 keeps none. \"ungil clean\" leaves "
        "training data alone, \"ungil clean --training\" deletes all of it.\n\n"
        "Each KEY is a directory: key.txt has what the data depends on, a line NAME=VALUE each, "
        "and "
        "KEY is its SHA-256; data/ has the files (*.gcda, code.profclangd) at their paths in the "
        "build tree; training.json has format (1), origin (\"trained here\" or \"imported\"), date "
        "(of the training), imported (the date, or null), tests (\"43 of 43\"), missing (how "
        "often the compiler warned that there are no counts) and files, each with path, size and "
        "sha256, sorted by path. The archive is a pax tar of KEY/data/..., KEY/key.txt and "
        "KEY/training.json, with owner 0 and time 0: from equal data an equal file.\n\n"
        "With --json: format (1) and, from \"list\", training: an array of key, name, release, "
        "variant, preset, compiler, files (how many), bytes, date, origin, tests, missing, used "
        "(seconds since 1970, when a build used it last), damage (what is wrong with it, or null); "
        "from \"export\", file and exported (keys); from \"import\", imported and there (keys); "
        "from \"remove\", removed (keys).",
    .run = run,
    .options = options,
};
