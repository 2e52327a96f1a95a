#include "core/install_registry.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "core/bundle_registry.h"
#include "core/install.h"
#include "core/plan.h"
#include "core/receipt.h"
#include "core/store.h"

/* Whether it is installed from equal inputs. */
static int is_installed(const struct plan *plan, const struct pin *pin, const struct variant *v,
                        const struct store *store, bool *there)
{
    struct receipt **installed;
    size_t n;
    autofree char *name = plan_name(pin->release, v);
    *there = false;
    int rc = store_list(store, &installed, &n);
    if (rc < 0)
        return rc;
    const struct receipt *r = receipt_named(installed, n, name);
    *there = r && plan_equals(plan, pin, v, r);
    store_list_free(installed, n);
    return 0;
}

static int try_one(const struct plan *plan, const struct pin *pin, const struct variant *v,
                   struct bundle_remote *remote, const struct install_opts *opts,
                   const struct store *store, json_t *report)
{
    bool there;
    autofree char *name = plan_name(pin->release, v), *inputs = plan_inputs(plan, pin, v);
    const struct remote_key key = {.name = name, .inputs = inputs};
    int rc = is_installed(plan, pin, v, store, &there);
    return rc < 0 || there ? rc : bundle_remote_install(remote, &key, opts, report);
}

/* All variants of the first release that it has one of. */
static int try_all(const struct plan *plan, struct bundle_remote *remote,
                   const struct install_opts *opts, const struct store *store, json_t *report)
{
    size_t found = 0;
    for (size_t c = 0; c < plan->n_candidates && found == 0; c++)
        for (size_t v = 0; v < plan->n_variants; v++) {
            int rc =
                try_one(plan, plan->candidates[c], plan->variants[v], remote, opts, store, report);
            if (rc < 0 && rc != E_NOTFOUND)
                return rc;
            found += rc == 0;
            err_clear();
        }
    return 0;
}

int install_from_registry(const struct plan *plan, const struct install_opts *opts,
                          const struct store *store, json_t *report)
{
    struct bundle_remote *remote;
    int rc = bundle_remote_open(opts->registry, &opts->remote, &remote);
    if (rc == 0)
        rc = try_all(plan, remote, opts, store, report);
    bundle_remote_close(remote);
    if (rc == E_UNREACHABLE || rc == E_FAILED) {
        warn_of_error("; building");
        rc = 0;
    }
    return rc;
}

int install_push(const char *const *names, size_t n, const struct install_opts *opts,
                 const struct store *store)
{
    static const bool parts[BUNDLE_PARTS] = {[BUNDLE_MAIN] = true};
    struct receipt **receipts = xcalloc(n, sizeof *receipts);
    json_t *report = NULL;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = store_find(store, names[i], &receipts[i]);
    if (rc == 0)
        rc = bundle_push(store, receipts, n, parts, false, opts->registry, &opts->remote, &report);
    for (size_t i = 0; i < n; i++)
        receipt_free(receipts[i]);
    free(receipts);
    json_decref(report);
    return rc < 0 ? err_context(rc, "installed, but not pushed") : 0;
}
