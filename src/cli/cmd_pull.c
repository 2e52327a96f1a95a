/* ungil pull oci://HOST/REPOSITORY[:TAG]: bundles from a registry as files. */
#include <stdio.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "cli/cmd.h"
#include "cli/parts.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "core/bundle_registry.h"
#include "core/dirs.h"
#include "core/oci.h"

static const char *parts, *output, *platform;
static struct remote_opts remote;

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"output", 'o', OPT_STRING, &output, "DIR",
                              "Write the files below this directory, instead of the working "
                              "directory; it is made."});
    opt_add(set, (struct opt){"platform", 0, OPT_STRING, &platform, "PLATFORM",
                              "For another platform than this machine's: x86_64-linux-gnu, "
                              "aarch64-linux-gnu; all: for all that there are."});
    opt_add_parts(set, &parts);
    opt_add_verify_key(set, &remote.verify);
    opt_add_plain_http(set, &remote.plain_http);
    opt_add_json(set);
}

static void print_pulled(json_t *report)
{
    json_t *one;
    size_t i;
    char size[16];
    json_array_foreach(json_object_get(report, "pulled"), i, one) printf(
        "%s  %s  %s\n", json_string_value(json_object_get(one, "sha256")),
        json_string_value(json_object_get(one, "file")),
        str_bytes(size, (unsigned long long)json_integer_value(json_object_get(one, "bytes"))));
}

static int run(const struct strv *operands)
{
    bool chosen[BUNDLE_PARTS] = {false}, all;
    if (operands->n != 1 || !oci_is_ref(operands->v[0]))
        return err_hint(fail(E_USAGE, "pull: which bundle?"),
                        "name one reference: oci://HOST/REPOSITORY:3.14.7");
    int rc = parts_chosen("pull", parts, chosen, &all);
    if (rc == 0 && output)
        rc = fs_mkdirs(output, 0755);
    if (rc < 0)
        return rc;
    autofree char *cache = dirs_cache(NULL);
    json_t *report = NULL;
    remote.cache = cache;
    remote.progress = progress_display_begin();
    rc = bundle_pull(operands->v[0], platform, chosen, output, &remote, &report);
    progress_display_end();
    if (rc == 0 && common.json)
        rc = print_json(json_incref(report));
    else if (rc == 0)
        print_pulled(report);
    json_decref(report);
    return rc;
}

const struct verb cmd_pull = {
    .name = "pull",
    .usage = "pull [OPTION]... oci://HOST[:PORT]/REPOSITORY[:TAG]",
    .summary = "Get bundles from an OCI registry as files",
    .description =
        "Gets what \"ungil push\" put there, and writes the same files as \"ungil pack\" does "
        "where it was built, to the byte: for machines that reach no registry. \"ungil install "
        "oci://...\" needs no file in between. A tag as 3.14.7 leads to both variants; "
        "\"@sha256:...\" names one bundle for ever.\n\n"
        "Everything that comes is compared with its digest. Layers stay in the cache, so that the "
        "next release costs only what is new in it; what was not used for 30 days is deleted.\n\n"
        "With --json: format (1); pulled: an array of name, part, file, sha256, bytes; "
        "received_bytes.",
    .run = run,
    .options = options,
};
