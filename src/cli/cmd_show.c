/* ungil show NAME: the receipt, for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/cmd.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/bench.h"
#include "core/receipt.h"

static void options(struct optset *set)
{
    opt_add_root(set);
    opt_add_json(set);
}

static const char *get(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* "  label      text", wrapped below itself; nothing without text. */
static void line(const char *label, const char *text)
{
    if (!text || !*text)
        return;
    int column = printf("  %-11s", label);
    const int indent = column;
    for (const char *word = text; *word;) {
        int n = (int)strcspn(word, " ");
        if (column + 1 + n > 79 && column > indent)
            column = printf("\n%*s", indent, "") - 1;
        column += printf(" %.*s", n, word);
        word += n;
        word += strspn(word, " ");
    }
    putchar('\n');
}

static void lines(const char *label, json_t *array)
{
    size_t i;
    json_t *text;
    json_array_foreach(array, i, text) line(i == 0 ? label : "", json_string_value(text));
}

static void show_source(json_t *source)
{
    const char *commit = get(source, "commit"), *sha256 = get(source, "sha256");
    const char *pinned = json_is_true(json_object_get(source, "pinned"))
                             ? "equal to the recipe's pin"
                             : "not pinned: accepted with --unpinned";
    autofree char *from =
        xasprintf("%s, %s", get(source, "provider") ? get(source, "provider") : "?",
                  get(source, "location") ? get(source, "location") : "?");
    line("source", from);
    if (commit)
        line("commit", commit);
    line("tree", get(source, "tree"));
    if (sha256)
        line("SHA-256", sha256);
    line("date", get(source, "date"));
    line("", pinned);
    lines("tried", json_object_get(source, "tried"));
}

static void show_build(json_t *build)
{
    autostr words = {0};
    const char *name;
    json_t *value;
    line("compiler", get(build, "compiler"));
    line("configure", get(build, "configure"));
    json_object_foreach(json_object_get(build, "environment"), name, value)
        str_addf(&words, "%s%s=%s", words.len ? " " : "", name, json_string_value(value));
    line("environment", words.s);
    line("built on", get(build, "host"));
    size_t i;
    autostr stages = {0}, missing = {0};
    json_array_foreach(json_object_get(build, "stages"), i, value)
        str_addf(&stages, "%s%s s", i ? ", " : "", json_string_value(value));
    line("stages", stages.s);
    json_array_foreach(json_object_get(build, "missing"), i, value)
        str_addf(&missing, "%s%s", i ? ", " : "", json_string_value(value));
    line("not built", missing.s);
}

static void show_proof(json_t *verify)
{
    json_t *check, *checks = json_object_get(verify, "checks");
    autostr passed = {0};
    size_t i;
    line("proof", get(verify, "verdict"));
    json_array_foreach(checks, i, check)
    {
        const char *name = get(check, "check"), *verdict = get(check, "verdict"),
                   *why = get(check, "reason");
        if (!name || !verdict)
            continue;
        if (strcmp(verdict, "pass") == 0) {
            str_addf(&passed, "%s%s", passed.len ? ", " : "", name);
            continue;
        }
        autofree char *text =
            xasprintf("%s: %s%s%s", name, verdict, why ? ": " : "", why ? why : "");
        line("", text);
    }
    line("  passed", passed.s);
}

static void show(const struct store *s, const struct receipt *r)
{
    autofree char *prefix = store_prefix(s, r->name), *python = root_python(s, r);
    autofree char *installed = xasprintf("%s by ungil %s", r->installed,
                                         get(r->json, "ungil") ? get(r->json, "ungil") : "?");
    json_t *bench = json_object_get(r->json, "bench"), *recipe = json_object_get(r->json, "recipe");
    bool pair = !*r->suffix || str_eq(r->suffix, "t");
    printf("%s: CPython %s, %s, %s%s%spreset %s\n", r->name, r->release,
           r->free_threaded ? "free-threaded" : "with the GIL", pair ? "" : "variant ",
           pair ? "" : r->variant, pair ? "" : ", ", r->preset);
    line("prefix", prefix);
    line("program", python);
    line("installed", installed);
    line("asked for", get(json_object_get(r->json, "requested"), "spec"));
    show_source(json_object_get(r->json, "source"));
    line("recipe", get(recipe, "file"));
    show_build(json_object_get(r->json, "build"));
    line("manifest", get(json_object_get(r->json, "manifest"), "digest"));
    show_proof(json_object_get(r->json, "verify"));
    if (json_is_object(bench)) {
        autofree char *table = bench_table(bench, false);
        printf("\n%s", table);
    }
}

static int run(const struct strv *operands)
{
    if (operands->n != 1)
        return err_hint(fail(E_USAGE, "show: give one NAME"), "\"ungil list\" shows the names");
    autostore s;
    struct receipt *r;
    int rc = root_find(&s, operands->v[0], &r);
    if (rc < 0)
        return rc;
    if (common.json)
        rc = print_json(json_incref(r->json));
    else
        show(&s, r);
    receipt_free(r);
    return rc;
}

const struct verb cmd_show = {
    .name = "show",
    .usage = "show [OPTION]... NAME",
    .summary = "Tell everything about one installed interpreter",
    .description =
        "Prints the receipt: where the source came from and what it was compared with, how it was "
        "built, what was proven, and what was measured. NAME is a name that \"ungil list\" shows, "
        "or a series: its newest installed release. --json prints the receipt itself.",
    .run = run,
    .options = options,
};
