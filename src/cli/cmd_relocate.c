/* ungil relocate [NAME]...: interpreters whose root was moved. */
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/moved.h"
#include "core/receipt.h"
#include "core/text_json.h"

static bool dry_run;

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"dry-run", 'n', OPT_FLAG, &dry_run, NULL,
                              "Only say which files would be rewritten."});
    opt_add_lock_wait(set);
    opt_add_root(set);
    opt_add_json(set);
}

static int relocate_one(struct store *s, struct receipt *r, json_t *answer)
{
    autostrv files = {0};
    autofree char *prefix = store_prefix(s, r->name);
    autofree char *then = xstrdup(json_text(r->json, "root_prefix"));
    bool moved = moved_is(s, r);
    int rc = moved ? moved_relocate(s, r, dry_run, &files) : 0;
    if (rc < 0)
        return rc;
    if (!common.json && !moved)
        note("%s: nothing to do: it is where its files say", r->name);
    for (size_t i = 0; !common.json && i < files.n; i++)
        printf("%s/%s\n", prefix, files.v[i]);
    if (!common.json && moved)
        note("%s: %zu files %s, of %s", r->name, files.n,
             dry_run ? "name the old place" : "name the new place now", then);
    json_array_append_new(answer, json_pack("{s:s, s:o, s:o, s:b, s:o}", "name", r->name, "from",
                                            text_json(then), "to", text_json(prefix), "relocated",
                                            moved && !dry_run, "files", texts_json(&files)));
    return 0;
}

static int relocate_all(struct store *s, json_t *answer)
{
    struct receipt **list = NULL;
    size_t n = 0;
    int rc = store_list(s, &list, &n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = relocate_one(s, list[i], answer);
    if (rc == 0 && n == 0)
        note("nothing is installed in %s", s->root);
    store_list_free(list, n);
    return rc;
}

static int relocate_named(struct store *s, const struct strv *names, json_t *answer)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < names->n; i++) {
        struct receipt *r = NULL;
        rc = store_find(s, names->v[i], &r);
        if (rc == 0)
            rc = relocate_one(s, r, answer);
        receipt_free(r);
    }
    return rc;
}

static int run(const struct strv *operands)
{
    autostore s;
    root_open(&s);
    int rc = root_lock(&s);
    if (rc < 0)
        return rc;
    json_t *answer = json_array();
    rc = operands->n ? relocate_named(&s, operands, answer) : relocate_all(&s, answer);
    if (rc == 0 && common.json)
        rc = print_json(json_pack("{s:i, s:O}", "format", 1, "relocated", answer));
    json_decref(answer);
    return rc;
}

const struct verb cmd_relocate = {
    .name = "relocate",
    .usage = "relocate [OPTION]... [NAME]...",
    .summary = "Make interpreters right for where they were moved to",
    .description =
        "Scripts, pkg-config files and build-details.json find their place by themselves, and a "
        "root that was moved with mv goes on running. What cannot (the variables of sysconfig, "
        "the Makefile below config-*, and the prefix that is compiled in for programs that embed "
        "Python) is rewritten here, in a copy that then takes the interpreter's place in one "
        "step. The files are printed. Without NAME: all that are installed. Virtual environments "
        "name their interpreter and have to be made again: python -m venv --upgrade DIR.\n\n"
        "With --json: format (1) and relocated: an array of name, from, to, relocated, files.",
    .run = run,
    .options = options,
};
