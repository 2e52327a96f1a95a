/* ungil clean: caches and stale stages. */
#include <stdio.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/cache.h"
#include "core/dirs.h"
#include "core/text_json.h"

/* --dry-run, --all, --training */
static bool dry_run, all, training;

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"dry-run", 'n', OPT_FLAG, &dry_run, NULL,
                              "Only say what would be deleted, and how big it is."});
    opt_add(set, (struct opt){
                     "all", 0, OPT_FLAG, &all, NULL,
                     "Everything in the cache, also what later builds gain from: what configure "
                     "found out, training data, how long they take here, and the bundles that lock "
                     "files name."});
    opt_add(set, (struct opt){"training", 0, OPT_FLAG, &training, NULL,
                              "Training data and nothing else; \"ungil training remove\" deletes "
                              "some of it."});
    opt_add_lock_wait(set);
    opt_add_root(set);
    opt_add_json(set);
}

struct cleaning {
    json_t *items, *kept;
    unsigned long long total;
};

static void count(void *arg, const char *path, unsigned long long bytes)
{
    struct cleaning *c = arg;
    char text[16];
    c->total += bytes;
    json_array_append_new(
        c->items, json_pack("{s:o, s:I}", "path", text_json(path), "bytes", (json_int_t)bytes));
    if (!common.json)
        printf("%9s  %s\n", str_bytes(text, bytes), path);
}

static void keep(void *arg, const char *path)
{
    struct cleaning *c = arg;
    json_array_append_new(c->kept, text_json(path));
    note("%s stays: another ungil is using it", path);
}

static int clean_cache(struct cleaning *c)
{
    autofree char *cache = dirs_cache(NULL);
    struct cache_clean what = {.dry_run = dry_run,
                               .all = all,
                               .training = training && !all,
                               .gone = count,
                               .kept = keep,
                               .arg = c};
    return cache_clean(cache, &what);
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
    if (training && !all)
        return clean_cache(c);
    autostore s;
    root_open(&s);
    int rc = 0;
    /* Locked for its stages, which a build may be using; but a root that is not there stays so. */
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
    struct cleaning c = {.items = json_array(), .kept = json_array()};
    int rc = clean(&c);
    json_t *report = json_pack("{s:i, s:b, s:I, s:o, s:o}", "format", 1, "deleted", !dry_run,
                               "bytes", (json_int_t)c.total, "items", c.items, "kept", c.kept);
    if (rc == 0 && common.json)
        return print_json(report);
    json_decref(report);
    if (rc < 0)
        return rc;
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
        "thing needs the network again. What later builds gain from stays without --all. Waits "
        "while another ungil works on ROOT. Of what an ungil with another root is using, nothing "
        "is deleted: while it fetches or builds, only other builds' trees are.",
    .run = run,
    .options = options,
};
