/* Images, see image.h: copies of the interpreters become layers, then configuration and manifest
 * say what they are, then all of it goes to where it was asked for. */
#include "core/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/bundle_copy.h"
#include "core/cache.h"
#include "core/dirs.h"
#include "core/image_base.h"
#include "core/image_config.h"
#include "core/image_layer.h"
#include "core/image_out.h"
#include "core/image_rootfs.h"
#include "core/image_specs.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/store.h"
#include "core/text_json.h"

static const char root_inside[] = "/opt/ungil"; /* where all prefixes are configured for */

struct making {
    const struct image_opts *opts;
    char *work;             /* what is in the making */
    struct receipt **found; /* the interpreters, newest first */
    struct bundle_copy *copies;
    json_t **runtimes; /* borrowed from the copies */
    struct image_layer *layers;
    size_t n, n_layers;
    struct image_base base;
    bool has_base;
    json_t *files; /* of the root file system; NULL with a base */
    long created;
};

static void making_free(struct making *m)
{
    for (size_t i = 0; m->copies && i < m->n; i++)
        bundle_copy_free(&m->copies[i]);
    for (size_t i = 0; m->layers && i < m->n_layers; i++)
        image_layer_free(&m->layers[i]);
    store_list_free(m->found, m->n);
    if (m->has_base)
        image_base_free(&m->base);
    json_decref(m->files);
    free(m->copies);
    free(m->runtimes);
    free(m->layers);
    if (m->work)
        fs_remove_tree(m->work);
    free(m->work);
}

/* ---- Layers ---- */

static int begin_work(struct making *m)
{
    autofree char *dir = path_join(m->opts->cache, "image");
    int rc = cache_use(m->opts->cache);
    if (rc == 0)
        rc = fs_mkdirs(dir, 0755);
    return rc == 0 ? fs_mkdtemp(dir, "image", &m->work) : rc;
}

static int add_layer(struct making *m, const char *dir, const char *below, long mtime,
                     const char *what)
{
    return image_layer_write(dir, below, mtime, m->work, what, &m->layers[m->n_layers++]);
}

static int add_interpreter(struct making *m, size_t i)
{
    struct bundle_copy *c = &m->copies[i];
    const char *name = m->found[i]->name;
    double start = clock_now();
    progress_stage(m->opts->progress, name, "pack", -1);
    int rc = bundle_copy_make(m->opts->store, m->found[i], BUNDLE_MAIN, m->opts->cache, c);
    if (rc == 0)
        rc = image_receipt(c);
    if (rc < 0)
        return rc;
    autofree char *what = xasprintf("CPython %s", name);
    autofree char *prefix = dirs_configured_prefix(name);
    m->runtimes[i] = json_object_get(c->json, "runtime");
    rc = add_layer(m, c->dir, prefix + 1, c->mtime, what);
    if (rc == 0)
        progress_done(m->opts->progress, name, "pack", clock_now() - start);
    return rc;
}

static int add_interpreters(struct making *m)
{
    int rc = 0;
    m->copies = xcalloc(m->n, sizeof *m->copies);
    m->runtimes = xcalloc(m->n, sizeof(json_t *));
    m->layers = xcalloc(m->n + 2, sizeof *m->layers);
    for (size_t i = 0; rc == 0 && i < m->n; i++)
        rc = add_interpreter(m, i);
    return rc;
}

/* The links of a root that holds just these. */
static int add_links(struct making *m)
{
    autofree char *root = path_join(m->work, "root");
    struct store s;
    store_open(&s, root);
    int rc = fs_mkdirs(s.versions, 0755);
    for (size_t i = 0; rc == 0 && i < m->n; i++) {
        autofree char *prefix = store_prefix(&s, m->found[i]->name);
        if (symlink(m->copies[i].dir, prefix) < 0)
            rc = fail_errno(E_FAILED, "cannot make the link %s", prefix);
    }
    if (rc == 0)
        rc = store_link_as(&s, root_inside);
    autofree char *below = path_join(root_inside + 1, "bin");
    if (rc == 0)
        rc = add_layer(m, s.bin, below, m->copies[0].mtime, "links");
    store_close(&s);
    return rc;
}

/* Below all others: an image without a base stands on what this machine has. */
static int add_ground(struct making *m)
{
    if (m->has_base)
        return image_base_check(&m->base, m->runtimes, m->n, m->work);
    autofree char *dir = path_join(m->work, "rootfs");
    int rc = fs_mkdirs(dir, 0755);
    if (rc == 0)
        rc = image_rootfs(m->runtimes, m->n, dir, &m->files);
    if (rc == 0)
        rc = add_layer(m, dir, "", m->copies[0].mtime, "libraries of the system");
    if (rc < 0)
        return rc;
    struct image_layer ground = m->layers[m->n_layers - 1];
    memmove(m->layers + 1, m->layers, (m->n_layers - 1) * sizeof *m->layers);
    m->layers[0] = ground;
    return 0;
}

/* ---- Its own words ---- */

/* SOURCE_DATE_EPOCH, as reproducible-builds.org has it, else the newest release's time. */
static int find_time(struct making *m)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    char *end;
    m->created = m->copies[0].mtime;
    if (!epoch || !*epoch)
        return 0;
    errno = 0;
    m->created = strtol(epoch, &end, 10);
    if (errno || *end || *epoch < '0' || *epoch > '9' || m->created > 253402300799)
        return err_hint(fail(E_USAGE, "SOURCE_DATE_EPOCH is no time: \"%.40s\"", epoch),
                        "it is a number of seconds since 1970");
    return 0;
}

static json_t *report_of(const struct making *m, const struct image_out *out)
{
    const char *os, *architecture, *variant;
    json_t *interpreters = json_array(), *layers = json_array();
    unsigned long long size = out->config.size + out->manifest.size;
    char created[32];
    oci_platform(&os, &architecture, &variant);
    for (size_t i = 0; i < m->n; i++)
        json_array_append_new(
            interpreters,
            json_pack("{s:s, s:s, s:s}", "name", m->found[i]->name, "manifest",
                      json_text(json_object_get(m->copies[i].json, "manifest"), "digest"),
                      "verdict", m->found[i]->verdict));
    for (size_t i = 0; i < out->n; i++) {
        const struct image_layer *l = out->layers[i];
        size += l->d.size;
        json_array_append_new(layers, json_pack("{s:s, s:s, s:s, s:I, s:I}", "what", l->what,
                                                "digest", l->d.digest, "diff_id", l->diff_id,
                                                "bytes", (json_int_t)l->d.size, "unpacked",
                                                (json_int_t)l->unpacked));
    }
    json_t *files = m->files ? json_incref(m->files) : json_array();
    return json_pack("{s:i, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "format", 1,
                     "digest", out->manifest.digest, "output", text_json(out->named), "pushed",
                     text_json(out->pushed), "os", os, "architecture", architecture, "variant",
                     variant, "created", image_time(created, m->created), "bytes", (json_int_t)size,
                     "interpreters", interpreters, "layers", layers, "files", files);
}

static int put_out(struct making *m, json_t **report)
{
    const struct image_facts facts = {.copies = m->copies,
                                      .n = m->n,
                                      .layers = m->layers,
                                      .n_layers = m->n_layers,
                                      .base = m->has_base ? &m->base : NULL,
                                      .created = m->created};
    struct image_out out;
    int rc = image_out_make(&facts, &out);
    if (rc == 0 && m->opts->output)
        rc = image_out_layout(&out, m->opts->output);
    if (rc == 0 && m->opts->push)
        rc = image_out_push(&out, m->opts);
    if (rc == 0)
        *report = report_of(m, &out);
    image_out_free(&out);
    return rc;
}

int image_make(const struct image_opts *opts, json_t **report)
{
    struct making m = {.opts = opts};
    *report = NULL;
    int rc = image_specs(opts->store, opts->specs, &m.found, &m.n);
    if (rc == 0)
        rc = begin_work(&m);
    if (rc == 0 && opts->base) {
        const struct image_base_opts base = {.where = opts->base,
                                             .work = m.work,
                                             .plain_http = opts->plain_http,
                                             .progress = opts->progress};
        m.has_base = true;
        rc = image_base_open(&base, &m.base);
    }
    if (rc == 0)
        rc = add_interpreters(&m);
    if (rc == 0)
        rc = find_time(&m);
    if (rc == 0)
        rc = add_links(&m);
    if (rc == 0)
        rc = add_ground(&m);
    if (rc == 0)
        rc = put_out(&m, report);
    making_free(&m);
    return rc;
}
