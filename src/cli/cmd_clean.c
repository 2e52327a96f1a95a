/* ungil clean: caches and stale stages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/dirs.h"
#include "core/text_json.h"

/* --dry-run, --all */
static bool dry_run, all;

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"dry-run", 'n', OPT_FLAG, &dry_run, NULL,
                              "Only say what would be deleted, and how big it is."});
    opt_add(set,
            (struct opt){"all", 0, OPT_FLAG, &all, NULL,
                         "Everything in the cache, also what later builds gain from: how long they "
                         "take here."});
    opt_add_lock_wait(set);
    opt_add_root(set);
    opt_add_json(set);
}

static const char aside_suffix[] = ".removed";

/* What can be had again from the network, or is only of interest after a failure. */
static bool is_disposable(const char *name)
{
    static const char *const names[] = {"apt", "build", "git", "log", "tarballs"};
    for (size_t i = 0; i < lengthof(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return str_ends(name, aside_suffix);
}

struct cleaning {
    json_t *items;
    unsigned long long total;
};

static void count(struct cleaning *c, const char *path, unsigned long long bytes)
{
    char text[16];
    c->total += bytes;
    json_array_append_new(
        c->items, json_pack("{s:o, s:I}", "path", text_json(path), "bytes", (json_int_t)bytes));
    if (!common.json)
        printf("%9s  %s\n", str_bytes(text, bytes), path);
}

/* Out of sight in one step: an interrupted clean must not leave half a build tree to go on with. */
static int remove_entry(const char *path)
{
    autofree char *aside = xasprintf("%s%s", path, aside_suffix);
    if (str_ends(path, aside_suffix) || fs_remove_tree(aside) < 0 || rename(path, aside) < 0)
        return fs_remove_tree(path);
    return fs_remove_tree(aside);
}

static int clean_cache(struct cleaning *c)
{
    autofree char *cache = dirs_cache(NULL);
    autostrv names = {0};
    int rc = fs_list(cache, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *path = path_join(cache, names.v[i]);
        unsigned long long bytes;
        if (!all && !is_disposable(names.v[i]))
            continue;
        rc = fs_usage(path, &bytes);
        if (rc == 0 && !dry_run)
            rc = remove_entry(path);
        if (rc == 0)
            count(c, path, bytes);
    }
    return rc;
}

static int clean_stage(struct cleaning *c, const struct store *s)
{
    unsigned long long bytes = 0;
    int rc = store_clean_stage(s, !dry_run, &bytes);
    if (rc == 0 && bytes > 0)
        count(c, s->stage, bytes);
    return rc;
}

static int clean(struct cleaning *c)
{
    autostore s;
    root_open(&s);
    int rc = 0;
    /* Locked, so that nobody builds meanwhile; but a root that is not there stays so. */
    if (!dry_run && fs_is_dir(s.root)) {
        /* Before the lock: taking it sweeps the stages, and their bytes are to be told. */
        unsigned long long stale = 0;
        rc = store_clean_stage(&s, false, &stale);
        if (rc == 0)
            rc = root_lock(&s);
        if (rc == 0 && stale > 0)
            count(c, s.stage, stale);
        if (rc == 0)
            rc = store_clean_stage(&s, true, &stale);
    } else {
        rc = clean_stage(c, &s);
    }
    return rc < 0 ? rc : clean_cache(c);
}

static int run(const struct strv *operands)
{
    if (operands->n > 0)
        return err_hint(fail(E_USAGE, "clean: \"%s\" is one argument too many", operands->v[0]),
                        "\"ungil remove NAME\" removes an interpreter");
    struct cleaning c = {.items = json_array()};
    int rc = clean(&c);
    if (rc < 0) {
        json_decref(c.items);
        return rc;
    }
    if (common.json)
        return print_json(json_pack("{s:i, s:b, s:I, s:o}", "format", 1, "deleted", !dry_run,
                                    "bytes", (json_int_t)c.total, "items", c.items));
    json_decref(c.items);
    char text[16];
    note(dry_run ? "%s would be freed" : "%s freed", str_bytes(text, c.total));
    return 0;
}

const struct verb cmd_clean = {
    .name = "clean",
    .usage = "clean [OPTION]...",
    .summary = "Delete caches, logs and half-made prefixes",
    .description =
        "Installed interpreters are not touched. Deletes downloads, fetched git objects, "
        "build trees and logs in ~/.cache/ungil, and what ungil left in ROOT/stage, "
        "prefixes kept with --keep-failed included. A later installation of the same "
        "thing needs the network again. Waits while another ungil works on ROOT.",
    .run = run,
    .options = options,
};
