/* ungil push oci://HOST/REPOSITORY NAME...: bundles into a registry. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/str.h"
#include "cli/cmd.h"
#include "cli/parts.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/bundle_registry.h"
#include "core/dirs.h"
#include "core/oci.h"
#include "core/receipt.h"

static const char *parts;
static struct remote_opts remote;

static void options(struct optset *set)
{
    opt_add_parts(set, &parts);
    opt_add(set, (struct opt){"sign", 0, OPT_STRING, &remote.sign, "KEY",
                              "Sign what is pushed with the private key in this PEM file, as "
                              "\"cosign sign --key\" does; its password is taken from "
                              "COSIGN_PASSWORD."});
    opt_add_plain_http(set, &remote.plain_http);
    opt_add_root(set);
    opt_add_json(set);
}

static void print_pushed(json_t *report)
{
    json_t *one;
    size_t i;
    char size[16];
    json_array_foreach(json_object_get(report, "pushed"), i, one)
    {
        long long bytes = json_integer_value(json_object_get(one, "bytes"));
        printf("%s  %s%s%s  %s, %lld of %lld blobs new\n",
               json_string_value(json_object_get(one, "digest")),
               json_string_value(json_object_get(one, "name")), " ",
               json_string_value(json_object_get(one, "part")),
               str_bytes(size, (unsigned long long)bytes),
               json_integer_value(json_object_get(one, "sent")),
               json_integer_value(json_object_get(one, "blobs")));
    }
    json_array_foreach(json_object_get(report, "tags"), i, one)
        printf("%s  tag %s\n", json_string_value(json_object_get(one, "digest")),
               json_string_value(json_object_get(one, "tag")));
}

static int find_all(const struct store *s, const struct strv *names, struct receipt **receipts)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < names->n - 1; i++)
        rc = store_find(s, names->v[i + 1], &receipts[i]);
    return rc;
}

static int run(const struct strv *operands)
{
    bool chosen[BUNDLE_PARTS] = {false}, all;
    if (operands->n == 0 || !oci_is_ref(operands->v[0]))
        return err_hint(fail(E_USAGE, "push: where to?"),
                        "first the repository: ungil push oci://HOST/REPOSITORY NAME...");
    if (operands->n == 1)
        return err_hint(fail(E_USAGE, "push: which NAME?"), "\"ungil list\" shows the names");
    struct oci_ref ref;
    int rc = oci_ref_parse(operands->v[0], &ref);
    if (rc == 0 && ref.digest)
        rc = fail(E_USAGE, "cannot push to %s: a digest is what a push results in", operands->v[0]);
    oci_ref_free(&ref);
    if (rc == 0)
        rc = parts_chosen("push", parts, chosen, &all);
    if (rc < 0)
        return rc;
    autostore s;
    root_open(&s);
    autofree char *cache = dirs_cache(NULL);
    size_t n = operands->n - 1;
    struct receipt **receipts = xcalloc(n, sizeof *receipts);
    json_t *report = NULL;
    remote.cache = cache;
    rc = find_all(&s, operands, receipts);
    remote.progress = progress_display_begin();
    if (rc == 0)
        rc = bundle_push(&s, receipts, n, chosen, all, operands->v[0], &remote, &report);
    progress_display_end();
    if (rc == 0 && common.json)
        rc = print_json(json_incref(report));
    else if (rc == 0)
        print_pushed(report);
    for (size_t i = 0; i < n; i++)
        receipt_free(receipts[i]);
    free(receipts);
    json_decref(report);
    return rc;
}

const struct verb cmd_push = {
    .name = "push",
    .usage = "push [OPTION]... oci://HOST[:PORT]/REPOSITORY[:TAG] NAME...",
    .summary = "Put installed interpreters into an OCI registry",
    .description =
        "Any registry will do: docker-registry, Harbor, those of GitHub and GitLab and of the "
        "clouds. Each interpreter becomes an artifact in layers, of which those that the registry "
        "has already are not sent: the two variants of a release share the standard library, and "
        "a patch release shares with the one before what did not change.\n\n"
        "Tags lead to it: NAME (3.14.7t), its series (3.14t), the pair's (3.14.7 and 3.14), TAG "
        "if one is given, manifest-DIGEST and inputs-DIGEST, by which \"ungil install\" finds what "
        "it would build "
        "when UNGIL_REGISTRY names the repository. Each tag is an index with an entry for each "
        "platform: machines of several kinds push to one repository. A series' tag is never moved "
        "to an older release. Who pushes at the same moment as another may have to push again: "
        "registries cannot change an index in one step.\n\n"
        "Credentials are Docker's: $DOCKER_CONFIG/config.json or ~/.docker/config.json, as "
        "\"docker login\" and \"skopeo login\" write them, with their helpers.\n\n"
        "With --json: format (1); pushed: an array of name, part, platform, digest (of the "
        "bundle's manifest), bytes, blobs (layers and receipt), sent (those that the registry did "
        "not have); tags: an "
        "array of tag, digest; sent_bytes.",
    .run = run,
    .options = options,
};
