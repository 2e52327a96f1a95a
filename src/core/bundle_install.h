/* The way of a bundle into a root, wherever it comes from. */
#ifndef UNGIL_CORE_BUNDLE_INSTALL_H
#define UNGIL_CORE_BUNDLE_INSTALL_H

#include "core/bundle_arrival.h"

struct install_opts;

/* Where it comes from; texts borrowed. */
struct bundle_origin {
    const char *label;       /* for messages */
    const char *provider;    /* for the receipt: "bundle", "registry" */
    const char *location;    /* the whole path or reference */
    const char *spec;        /* as the user named it */
    char sha256[SHA256_HEX]; /* of the file, or of the registry's manifest; set by fetch at last */
    /* What is to be done before the root is locked: getting it. */
    int (*fetch)(struct bundle_origin *o, struct arrival *a);
    /* Everything into a->prefix, an empty directory, and compared with its manifest. */
    int (*unpack)(struct bundle_origin *o, struct arrival *a);
};

/* Installs the bundle whose receipt `in` has taken, unless just this is installed. */
int bundle_bring(struct bundle_origin *from, struct arrival *in, const struct install_opts *opts,
                 json_t *report);

#endif
