/* ungil lock [SPEC]...: the lock file of installed interpreters. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/dirs.h"
#include "core/lockfile_work.h"

static const char *output; /* --output */
static bool check;         /* --check */

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"output", 'o', OPT_STRING, &output, "FILE",
                              "The lock file. Default: ungil.lock in the working directory."});
    opt_add(set, (struct opt){"check", 0, OPT_FLAG, &check, NULL,
                              "Write nothing: compare what is installed with the lock (FILE, or "
                              "that of -o). Exit status 5 when something differs."});
    opt_add_root(set);
    opt_add_json(set);
}

static void print_locked(json_t *report)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(report, "locked"), i, one) printf(
        "%-9s locked for %s, manifest %.12s\n", json_string_value(json_object_get(one, "name")),
        json_string_value(json_object_get(report, "platform")),
        json_string_value(json_object_get(one, "manifest")));
    note("%s %s", json_string_value(json_object_get(report, "file")),
         json_is_true(json_object_get(report, "changed")) ? "is written" : "is as it was");
}

static void print_checked(json_t *report)
{
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(report, "checked"), i, name)
        printf("%-9s is what the lock names\n", json_string_value(name));
}

static int run_check(const struct store *s, const struct strv *operands, struct lock_opts *opts)
{
    json_t *report = NULL;
    if (operands->n > 1)
        return err_hint(
            fail(E_USAGE, "lock --check: \"%s\" is one argument too many", operands->v[1]),
            "it takes one lock file, and checks all that this one names");
    if (operands->n == 1)
        opts->file = operands->v[0];
    int rc = lock_check(s, opts, &report);
    if (common.json && (rc == 0 || rc == E_INTEGRITY)) {
        int printed = print_json(json_incref(report));
        rc = printed < 0 ? printed : rc;
    } else if (rc == 0) {
        print_checked(report);
    }
    json_decref(report);
    return rc;
}

static int run(const struct strv *operands)
{
    autofree char *cache = dirs_cache(NULL);
    autostore s;
    root_open(&s);
    struct lock_opts opts = {.file = output ? output : "ungil.lock",
                             .cache = cache,
                             .progress = progress_display_begin()};
    json_t *report = NULL;
    int rc;
    if (check) {
        rc = run_check(&s, operands, &opts);
        progress_display_end();
        return rc;
    }
    rc = lock_write(&s, operands, &opts, &report);
    progress_display_end();
    if (rc == 0 && common.json)
        rc = print_json(json_incref(report));
    else if (rc == 0)
        print_locked(report);
    json_decref(report);
    return rc;
}

const struct verb cmd_lock = {
    .name = "lock",
    .usage = "lock [OPTION]... [SPEC]...\nlock --check [OPTION]... [FILE]",
    .summary = "Write down exactly which interpreters these are",
    .description =
        "Writes ungil.lock, from which \"ungil install --locked\" makes the same interpreters on "
        "another machine, byte for byte, or says why it cannot: what the release is, from which "
        "recipe, preset, compiler and libraries it was built, and the SHA-256 of what came of it. "
        "A SPEC names installed interpreters as for install: 3.14 and 3.14.7 are the pair, 3.14.7t "
        "is one of it. Without a SPEC: those that the file names already, or else all that are "
        "installed.\n\n"
        "The file is meant to be committed. Equal interpreters give equal bytes: it names no time "
        "and no machine. Where it is there already, with other platforms, this machine's platform "
        "is added to it, or written anew in it, and the others stay; then release, preset and "
        "recipe must be the same. Where it has only this platform, it is written anew.\n\n"
        "The interpreters are packed, as \"ungil pack\" does it (half a minute each), and their "
        "bundles kept in ~/.cache/ungil/bundles under their SHA-256. There \"ungil install "
        "--locked\" looks for them: carry them to where they are wanted, or build there.\n\n"
        "--check is for CI: every file of every interpreter that the lock names is read, and "
        "compared with the digest of its manifest.\n\n"
        "With --json: format (1), file, platform; changed, and locked: an array of name, sha256, "
        "manifest. With --check: equal, checked: an array of names, and differences: an array of "
        "where (a name or a release), what, lock and here (the two values, or null), files (of a "
        "manifest that differs, where the cache has the bundle: those that differ).",
    .run = run,
    .options = options,
};
