/* Bundles in a registry: which tags lead to them, and what an index says of each.
 *
 * A bundle is an OCI artifact of its own: an image manifest with artifactType BUNDLE_ARTIFACT, the
 * receipt as its config, the prefix as layers (bundle_layers.h). Tags lead to indexes of them, one
 * entry for each variant, part and platform:
 *
 *   3.14.7, 3.14     the pair of a release; of the newest release of the series
 *   3.14.7t, 3.14t   one variant
 *   inputs-HEX       what was built from these inputs (plan_inputs): what UNGIL_REGISTRY asks for
 *   manifest-HEX     what has just these files: what a lock file asks for
 */
#ifndef UNGIL_CORE_BUNDLE_INDEX_H
#define UNGIL_CORE_BUNDLE_INDEX_H

#include <jansson.h>
#include <stdbool.h>

#include "core/oci.h"
#include "core/registry.h"

#define BUNDLE_ARTIFACT    "application/vnd.ungil.bundle.v1"
#define BUNDLE_CONFIG_TYPE "application/vnd.ungil.receipt.v1+json"

/* An entry of an index, from the receipt inside a bundle (its ungil.json) and the descriptor of its
 * manifest. Owned. */
json_t *index_entry(json_t *receipt, const struct oci_descriptor *d);
/* Its annotations, and those of the manifest itself. Owned. */
json_t *index_annotations(json_t *receipt);
const char *index_text(json_t *entry, const char *key); /* "name": its annotation; borrowed */

/* Puts these entries (borrowed array) under every tag that they belong under, and under `tag`
 * (NULL: no other one), in place of those of the same series, variant, part and platform; a tag of
 * a series keeps newer releases. *tags (owned array) names the tags that lead to them now, with the
 * digest of each index. */
int index_publish(struct registry *r, const char *tag, json_t *entries, json_t **tags);
char *index_inputs_tag(const char *inputs); /* owned */
char *index_manifest_tag(const char *manifest);

/* What is wanted of it; NULL: any. */
struct index_wish {
    const char *name, *variant, *inputs, *manifest, *platform; /* platform: "x86_64-linux-gnu" */
    const char *part;
};
/* The entries of the index that `reference` leads to which are wanted; where it leads to a bundle
 * itself, that one. *entries is owned. E_NOTFOUND when the repository has no such reference;
 * E_FAILED when it holds nothing of the wish, saying what it holds. */
int index_resolve(struct registry *r, const char *reference, const struct index_wish *wish,
                  json_t **entries);
/* The same for one who only asks whether it is there: E_NOTFOUND also when nothing is of the wish,
 * and what the repository holds otherwise is not asked for. */
int index_find(struct registry *r, const char *reference, const struct index_wish *wish,
               json_t **entries);

#endif
