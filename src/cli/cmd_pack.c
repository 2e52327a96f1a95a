/* ungil pack NAME...: bundles of installed interpreters. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/parts.h"
#include "cli/progress.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/bundle.h"
#include "core/dirs.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/text_json.h"

static const char *output; /* --output: a file or a directory */
static const char *parts;  /* --part */

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"output", 'o', OPT_STRING, &output, "FILE",
                              "Write it here; with a directory, below it. Without this option: "
                              "NAME-PLATFORM.tar.zst in the working directory."});
    opt_add_parts(set, &parts);
    opt_add_root(set);
    opt_add_json(set);
}

/* One file cannot hold several bundles. */
static int check_output(size_t bundles)
{
    struct stat st;
    if (bundles < 2 || !output || str_ends(output, "/") ||
        (stat(output, &st) == 0 && S_ISDIR(st.st_mode)))
        return 0;
    return err_hint(
        fail(E_USAGE, "pack --output: %s is one file, for %zu bundles", output, bundles),
        "give a directory that is there");
}

static int pack_one(const struct store *s, const struct receipt *r, enum bundle_part part,
                    bool optional, json_t *packed)
{
    autofree char *cache = dirs_cache(NULL);
    struct bundle_made made;
    const struct progress *display = progress_display_begin();
    progress_stage(display, r->name, "pack", -1);
    int rc = bundle_pack(s, r, part, output, cache, display, &made);
    progress_done(display, r->name, NULL, 0);
    progress_display_end();
    if (rc == E_NOTFOUND && optional) {
        err_clear();
        return 0;
    }
    if (rc < 0)
        return rc;
    char size[16];
    if (!common.json)
        printf("%s  %s  %s\n", made.sha256, made.file, str_bytes(size, made.bytes));
    json_array_append_new(packed,
                          json_pack("{s:s, s:s, s:o, s:s, s:I}", "name", r->name, "part",
                                    bundle_part_names[part], "file", text_json(made.file), "sha256",
                                    made.sha256, "bytes", (json_int_t)made.bytes));
    bundle_made_free(&made);
    return 0;
}

static int pack_name(const struct store *s, const char *name, const bool chosen[BUNDLE_PARTS],
                     bool all, json_t *packed)
{
    struct receipt *r = NULL;
    int rc = store_find(s, name, &r);
    for (int part = 0; rc == 0 && part < BUNDLE_PARTS; part++)
        if (chosen[part])
            rc = pack_one(s, r, (enum bundle_part)part, all, packed);
    receipt_free(r);
    return rc;
}

static int run(const struct strv *operands)
{
    bool chosen[BUNDLE_PARTS] = {false}, all;
    size_t n = 0;
    if (operands->n == 0)
        return err_hint(fail(E_USAGE, "pack: which NAME?"), "\"ungil list\" shows the names");
    int rc = parts_chosen("pack", parts, chosen, &all);
    for (int part = 0; part < BUNDLE_PARTS; part++)
        n += chosen[part];
    if (rc == 0)
        rc = check_output(n * operands->n);
    autostore s;
    root_open(&s);
    json_t *packed = json_array();
    for (size_t i = 0; rc == 0 && i < operands->n; i++)
        rc = pack_name(&s, operands->v[i], chosen, all, packed);
    if (rc == 0 && common.json)
        rc = print_json(json_pack("{s:i, s:O}", "format", 1, "packed", packed));
    json_decref(packed);
    return rc;
}

const struct verb cmd_pack = {
    .name = "pack",
    .usage = "pack [OPTION]... NAME...",
    .summary = "Pack installed interpreters into bundles",
    .description =
        "A bundle is one file, NAME-PLATFORM.tar.zst, from which \"ungil install FILE\" makes the "
        "same interpreter on another machine, under any root, without a compiler. Equal "
        "interpreters make equal bundles, byte for byte, wherever and whenever they are packed: "
        "its SHA-256 is printed in front of the file's name.\n\n"
        "What was added to the prefix since it was installed, with pip or by hand, is not packed; "
        "a file that was changed is an error. What few need is a bundle of its own, which "
        "\"ungil install\" adds to the interpreter that is installed: the static library, for "
        "programs that embed Python; debugging information; the test suite.\n\n"
        "The file is a pax tar, packed with zstd, of the directory NAME: ungil.json, ungil.mtree "
        "(the manifest, with the SHA-256 of every file), then the rest, sorted, owned by 0, with "
        "the time of the release.\n\n"
        "With --json: format (1) and packed: an array of name, part, file, sha256, bytes.",
    .run = run,
    .options = options,
};
