/* Blobs from a registry, a few at a time, each through its part (io/part.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "core/progress.h"
#include "core/registry_ask.h"
#include "io/part.h"

static const double lock_pause = 0.2; /* seconds until a lock is tried again */

/* What became of the body's first bytes. */
enum body { BODY_NONE, BODY_TAKEN, BODY_LIES, BODY_UNWRITABLE, BODY_TOO_LONG };

struct get {
    struct ask ask; /* first */
    const struct registry_blob *blob;
    struct part part;
    enum body body;
    int why; /* errno of BODY_UNWRITABLE */
    bool told, over;
};

static struct get *get_of(struct ask *a)
{
    return (struct get *)a;
}

/* ---- Before a try ---- */

/* What is at the final name is this blob. */
static bool is_there(const struct registry_blob *blob)
{
    struct oci_descriptor d;
    struct stat st;
    if (lstat(blob->path, &st) < 0 || !S_ISREG(st.st_mode) ||
        (unsigned long long)st.st_size != blob->d.size)
        return false;
    if (oci_describe_file("", blob->path, &d) < 0) {
        err_clear();
        return false;
    }
    return strcmp(d.digest, blob->d.digest) == 0;
}

static int open_part(struct get *g)
{
    autofree char *dir = path_dir(g->blob->path);
    int rc = fs_mkdirs(dir, 0777);
    if (rc == 0)
        rc = part_open(&g->part, g->blob->path);
    if (rc == 1) {
        if (!g->told)
            note("another ungil is downloading %s: waiting for it", g->blob->path);
        g->told = true;
        g->ask.http.delay = lock_pause;
        return HTTP_WAIT;
    }
    if (rc == 0)
        rc = part_read(&g->part);
    return rc < 0 ? rc : HTTP_GO;
}

static int finish(struct get *g)
{
    int rc = part_rename(&g->part, g->blob->path);
    part_close(&g->part);
    g->over = rc == 0;
    return rc < 0 ? rc : HTTP_DONE;
}

/* The part has as many bytes as it should. HTTP_GO: what was there before was something else. */
static int check_whole(struct get *g)
{
    char hex[SHA256_HEX];
    digest_hex(g->part.digest, hex);
    if (strcmp(hex, g->blob->d.digest + strlen("sha256:")) == 0)
        return finish(g);
    if (g->part.from_before) {
        detail("%s: what was there already does not fit, from the beginning", g->part.path);
        return part_restart(&g->part) < 0 ? part_cannot_write(&g->part) : HTTP_GO;
    }
    unlink(g->part.path);
    return ask_fail(&g->ask, E_INTEGRITY, "what came has the SHA-256 %s; nothing of it was kept",
                    hex);
}

static int on_ready(struct ask *a)
{
    struct get *g = get_of(a);
    if (g->part.fd < 0) {
        if (is_there(g->blob)) {
            g->over = true;
            return HTTP_DONE;
        }
        int next = open_part(g);
        if (next != HTTP_GO)
            return next;
        if (g->part.have > g->blob->d.size && part_restart(&g->part) < 0)
            return part_cannot_write(&g->part);
        if (g->part.from_before && g->part.have == g->blob->d.size) {
            next = check_whole(g);
            if (next != HTTP_GO)
                return next;
        }
    }
    g->body = BODY_NONE;
    strv_free(&a->headers);
    if (g->part.have > 0)
        ask_header(a, "Range: bytes=%llu-", g->part.have);
    return HTTP_GO;
}

/* ---- The body ---- */

static enum body begin_body(struct get *g)
{
    unsigned long long start;
    const char *range = http_header(&g->ask.http, "Content-Range", 0);
    if (g->ask.http.status == 206)
        return range && sscanf(range, "bytes %llu-", &start) == 1 && start == g->part.have
                   ? BODY_TAKEN
                   : BODY_LIES;
    /* The whole blob: a server without ranges, or the part was empty. */
    if (g->part.have > 0 && part_restart(&g->part) < 0) {
        g->why = errno;
        return BODY_UNWRITABLE;
    }
    return BODY_TAKEN;
}

static bool on_write(struct http_request *q, const void *data, size_t n)
{
    struct get *g = (struct get *)q;
    if (g->body == BODY_NONE)
        g->body = begin_body(g);
    if (g->body == BODY_TAKEN && g->part.have + n > g->blob->d.size)
        g->body = BODY_TOO_LONG;
    if (g->body == BODY_TAKEN && part_add(&g->part, data, n) < 0) {
        g->why = errno;
        g->body = BODY_UNWRITABLE;
    }
    return g->body == BODY_TAKEN;
}

static int start_over(struct get *g, const char *why)
{
    detail("%s: %s, from the beginning", g->part.path, why);
    if (part_restart(&g->part) < 0)
        return part_cannot_write(&g->part);
    if (++g->ask.tries < 3)
        return HTTP_GO;
    return ask_fail(&g->ask, E_UNREACHABLE, "the server sends other bytes than it was asked for");
}

static int on_done(struct ask *a)
{
    struct get *g = get_of(a);
    unsigned long long size = g->blob->d.size;
    if (g->body == BODY_UNWRITABLE) {
        errno = g->why;
        return part_cannot_write(&g->part);
    }
    if (a->http.status == 416 && g->part.have > 0)
        return start_over(g, "the server has no such bytes");
    if (g->body == BODY_LIES)
        return start_over(g, "the server sends other bytes");
    if (a->http.status != 200 && a->http.status != 206)
        return ask_refused(a);
    if (g->body == BODY_TOO_LONG && g->part.from_before)
        return start_over(g, "what was there already does not fit");
    if (g->body == BODY_TOO_LONG || g->part.have < size) {
        unsigned long long have = g->part.have;
        unlink(g->part.path);
        return ask_fail(a, E_INTEGRITY, "it should have %llu bytes, but %s %llu came", size,
                        have < size ? "only" : "more than", have);
    }
    return check_whole(g);
}

/* ---- All of them ---- */

struct all {
    struct registry *r;
    struct get *gets;
    size_t n;
};

static void on_tick(void *arg)
{
    struct all *all = arg;
    const struct progress *p = all->r->opts.progress;
    unsigned long long have = 0, total = 0;
    for (size_t i = 0; i < all->n; i++) {
        total += all->gets[i].blob->d.size;
        have += all->gets[i].over ? all->gets[i].blob->d.size : all->gets[i].part.have;
    }
    char a[16], b[16], text[64];
    snprintf(text, sizeof text, "%s of %s", str_bytes(a, have), str_bytes(b, total));
    progress_update(p, all->r->name, total ? (double)have / (double)total : 1, text);
    progress_tick(p);
}

int registry_blobs_get(struct registry *r, const struct registry_blob *blobs, size_t n)
{
    int rc = registry_reach(r);
    if (rc < 0 || n == 0)
        return rc;
    struct all all = {.r = r, .gets = xcalloc(n, sizeof(struct get)), .n = n};
    struct http_request **list = xcalloc(n, sizeof(struct http_request *));
    for (size_t i = 0; i < n; i++) {
        struct get *g = &all.gets[i];
        ask_init(&g->ask, r, SCOPE_PULL, "get the blob %s", blobs[i].d.digest);
        ask_url(&g->ask, "GET", registry_url(r, "blobs/%s", blobs[i].d.digest));
        g->blob = &blobs[i];
        g->part = (struct part)PART_INIT;
        g->ask.ready = on_ready;
        g->ask.done = on_done;
        g->ask.http.write = on_write;
        list[i] = &g->ask.http;
    }
    rc = http_run(r->http, list, n, REGISTRY_PARALLEL, on_tick, &all);
    for (size_t i = 0; i < n; i++) {
        struct get *g = &all.gets[i];
        if (g->part.fd >= 0 && g->part.have == 0)
            unlink(g->part.path);
        part_close(&g->part);
        ask_free(&g->ask);
    }
    free(all.gets);
    free(list);
    return rc;
}

int registry_blob_read(struct registry *r, const struct oci_descriptor *d, char **data)
{
    struct ask a;
    struct oci_descriptor got;
    int rc = registry_reach(r);
    if (rc < 0)
        return rc;
    ask_init(&a, r, SCOPE_PULL, "get the blob %s", d->digest);
    ask_url(&a, "GET", registry_url(r, "blobs/%s", d->digest));
    if (d->size > OCI_MANIFEST_LIMIT)
        rc =
            ask_fail(&a, E_INTEGRITY, "%llu bytes are announced, too many for what it is", d->size);
    a.http.limit = d->size;
    if (rc == 0)
        rc = ask_run(&a);
    if (rc == 0 && a.http.status != 200)
        rc = ask_refused(&a);
    if (rc == 0) {
        oci_describe("", a.http.body.s ? a.http.body.s : "", a.http.body.len, &got);
        if (got.size != d->size || strcmp(got.digest, d->digest) != 0)
            rc = ask_fail(&a, E_INTEGRITY, "what came has %llu bytes and the digest %s", got.size,
                          got.digest);
    }
    if (rc == 0)
        *data = str_take(&a.http.body);
    ask_free(&a);
    return rc;
}
