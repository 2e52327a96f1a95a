/* Blobs to a registry. Each goes through these questions:
 *
 *     HEAD blobs/DIGEST            is it there?
 *     POST blobs/uploads/          an upload, or a mount from another repository
 *     PUT LOCATION?digest=         all of it; or, where it is large or the registry wants chunks,
 *     PATCH LOCATION               a chunk, again and again;
 *     GET LOCATION                 after a break: where does it stand?
 *     PUT LOCATION?digest=         the end of the chunks
 *
 * The registry may forget an upload at any time; then it begins again, which counts as a try. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "core/progress.h"
#include "core/registry_ask.h"
#include "io/http_common.h"

static const unsigned long long chunks_from = 64ull << 20, chunk_size = 16ull << 20; /* bytes */
#define BYTES_TYPE "application/octet-stream"

enum stage { HEAD, MOUNT, POST, WHOLE, CHUNK, STANDING, CLOSING };

struct put {
    struct ask ask; /* first */
    struct oci_descriptor d;
    const char *path; /* NULL: `data` */
    const void *data;
    const char *from; /* borrowed, NULL: no mount */
    enum stage stage;
    char *location;          /* owned: the upload, from the registry's last answer */
    unsigned long long min;  /* OCI-Chunk-Min-Length */
    unsigned long long have; /* bytes that the registry says it has */
    unsigned long long size; /* of the chunk under way */
    int fd;
    bool no_chunks; /* the registry has refused them */
    bool sent, over;
};

static struct put *put_of(struct ask *a)
{
    return (struct put *)a;
}

/* ---- Questions ---- */

static int ask_head(struct put *p)
{
    p->stage = HEAD;
    ask_url(&p->ask, "HEAD", registry_url(p->ask.r, "blobs/%s", p->d.digest));
    return HTTP_GO;
}

static int ask_post(struct put *p, bool mount)
{
    p->stage = mount ? MOUNT : POST;
    p->have = 0;
    p->ask.from = mount ? p->from : NULL;
    str_set(&p->ask.token_scope, NULL);
    if (mount) {
        autofree char *from = http_url_escape(p->from);
        ask_url(&p->ask, "POST",
                registry_url(p->ask.r, "blobs/uploads/?mount=%s&from=%s", p->d.digest, from));
    } else {
        ask_url(&p->ask, "POST", registry_url(p->ask.r, "blobs/uploads/"));
    }
    ask_body(&p->ask, BYTES_TYPE, NULL, 0);
    return HTTP_GO;
}

/* A body of the blob's bytes from `have` on. */
static void set_body(struct put *p, unsigned long long size)
{
    ask_body(&p->ask, BYTES_TYPE, p->data ? (const char *)p->data + p->have : NULL, size);
    if (!p->data)
        p->ask.http.data = size ? NULL : "";
    p->ask.http.body_fd = p->fd;
    p->ask.http.offset = p->have;
}

static char *closing_url(const struct put *p)
{
    return xasprintf("%s%cdigest=%s", p->location, strchr(p->location, '?') ? '&' : '?',
                     p->d.digest);
}

static int ask_whole(struct put *p)
{
    p->stage = WHOLE;
    p->have = 0;
    ask_url(&p->ask, "PUT", closing_url(p));
    set_body(p, p->d.size);
    p->ask.http.patient = true;
    return HTTP_GO;
}

static int ask_closing(struct put *p)
{
    p->stage = CLOSING;
    ask_url(&p->ask, "PUT", closing_url(p));
    ask_body(&p->ask, BYTES_TYPE, NULL, 0);
    p->ask.http.patient = true;
    return HTTP_GO;
}

static int ask_chunk(struct put *p)
{
    unsigned long long left = p->d.size - p->have;
    unsigned long long size = p->min > chunk_size ? p->min : chunk_size;
    if (left == 0)
        return ask_closing(p);
    p->stage = CHUNK;
    p->size = left < size ? left : size;
    ask_url(&p->ask, "PATCH", xstrdup(p->location));
    set_body(p, p->size);
    ask_header(&p->ask, "Content-Range: %llu-%llu", p->have, p->have + p->size - 1);
    return HTTP_GO;
}

static int ask_standing(struct put *p)
{
    p->stage = STANDING;
    ask_url(&p->ask, "GET", xstrdup(p->location));
    return HTTP_GO;
}

/* ---- Answers ---- */

static int over(struct put *p)
{
    const char *said = http_header(&p->ask.http, "Docker-Content-Digest", 0);
    if (said && str_starts(said, "sha256:") && strcmp(said, p->d.digest) != 0)
        return ask_fail(&p->ask, E_INTEGRITY, "the registry says that it got %s",
                        oci_is_digest(said) ? said : "something else");
    p->over = true;
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    return HTTP_DONE;
}

static int take_location(struct put *p)
{
    char *url;
    const char *location = http_header(&p->ask.http, "Location", 0);
    if (!location && p->location)
        return 0; /* it is where it was */
    int rc = ask_location(&p->ask, location, &url);
    if (rc == 0)
        str_set(&p->location, url);
    return rc;
}

/* Where the registry stands by the Range of its answer ("0-99", after which 100 is next); the
 * number of bytes that it has. "0-0" is also what distribution says of an empty upload. */
static unsigned long long standing(const struct put *p, unsigned long long otherwise)
{
    unsigned long long first, last;
    const char *range = http_header(&p->ask.http, "Range", 0);
    if (!range)
        return otherwise;
    if (str_starts(range, "bytes="))
        range += strlen("bytes=");
    if (sscanf(range, "%llu-%llu", &first, &last) != 2 || first != 0)
        return otherwise;
    return last == 0 ? 0 : last + 1;
}

/* One more try, from the beginning. */
static int begin_again(struct put *p, const char *why)
{
    struct http_limits limits = http_limits();
    detail("%s: %s: %s, from the beginning", p->ask.r->name, p->d.digest, why);
    if (++p->ask.tries >= HTTP_TRIES)
        return ask_refused(&p->ask);
    p->ask.http.delay = http_delay(&limits, p->ask.tries + 1, 0);
    return ask_head(p);
}

static int on_started(struct put *p)
{
    long status = p->ask.http.status;
    if (p->stage == MOUNT && status == 201)
        return over(p);
    if (p->stage == MOUNT && status != 202)
        return ask_post(p,
                        false); /* it cannot or may not; what is wrong, the other POST will tell */
    if (status != 202)
        return ask_refused(&p->ask);
    str_set(&p->location, NULL);
    int rc = take_location(p);
    if (rc < 0)
        return rc;
    const char *min = http_header(&p->ask.http, "OCI-Chunk-Min-Length", 0);
    p->min = min ? strtoull(min, NULL, 10) : 0;
    bool chunks = !p->no_chunks && p->d.size > p->min && (p->min > 0 || p->d.size >= chunks_from);
    p->sent = true;
    return chunks ? ask_chunk(p) : ask_whole(p);
}

static int on_chunk(struct put *p)
{
    long status = p->ask.http.status;
    if (status == 416)
        return ++p->ask.tries >= HTTP_TRIES ? ask_refused(&p->ask) : ask_standing(p);
    if (status == 404)
        return begin_again(p, "the upload is gone");
    if (status != 201 && status != 202 && status != 204) {
        if (p->have > 0 || p->no_chunks || status == 403 || status == 413)
            return ask_refused(&p->ask);
        p->no_chunks = true; /* this registry takes it whole only */
        return ask_post(p, false);
    }
    int rc = take_location(p);
    if (rc < 0)
        return rc;
    unsigned long long now = standing(p, p->have + p->size);
    if (now > p->d.size || now > p->have + p->size)
        return begin_again(p, "the registry has more than was sent");
    if (now > p->have)
        p->ask.tries = 0;
    else if (++p->ask.tries >= HTTP_TRIES)
        return ask_fail(&p->ask, E_UNREACHABLE, "the registry takes nothing of a chunk");
    p->have = now;
    return ask_chunk(p);
}

static int on_standing(struct put *p)
{
    long status = p->ask.http.status;
    if (status != 204 && status != 200 && status != 202)
        return begin_again(p, "the upload is gone");
    int rc = take_location(p);
    if (rc < 0)
        return rc;
    p->have = standing(p, 0);
    if (p->have > p->d.size)
        return begin_again(p, "the registry has more than was sent");
    detail("%s: %s goes on from byte %llu", p->ask.r->name, p->d.digest, p->have);
    return ask_chunk(p);
}

static int on_done(struct ask *a)
{
    struct put *p = put_of(a);
    long status = a->http.status;
    switch (p->stage) {
    case HEAD:
        if (status == 200)
            return over(p);
        if (status == 403)
            return ask_refused(a);
        return ask_post(p, p->from && a->tries == 0);
    case MOUNT:
    case POST:
        return on_started(p);
    case CHUNK:
        return on_chunk(p);
    case STANDING:
        return on_standing(p);
    case WHOLE:
    case CLOSING:
        if (status == 201 || status == 204)
            return over(p);
        /* perhaps because an earlier try was taken after all, and only its answer was lost */
        return status == 404 ? begin_again(p, "the upload is gone") : ask_refused(a);
    }
    return HTTP_DONE;
}

/* After a break the upload may stand anywhere, or be complete. */
static int on_broken(struct ask *a)
{
    struct put *p = put_of(a);
    if (p->stage == CHUNK)
        return ask_standing(p);
    if (p->stage == WHOLE)
        return ask_head(p);
    return HTTP_GO;
}

static int on_denied(struct ask *a)
{
    struct put *p = put_of(a);
    /* An answer to HEAD has no words, and a mount may be what is not allowed: POST tells. */
    return p->stage == MOUNT || p->stage == HEAD ? ask_post(p, false) : ask_refused(a);
}

/* Opens the file when it is its turn. */
static int on_ready(struct ask *a)
{
    struct put *p = put_of(a);
    struct stat st;
    if (p->data || p->fd >= 0)
        return HTTP_GO;
    p->fd = open(p->path, O_RDONLY | O_CLOEXEC);
    if (p->fd < 0 || fstat(p->fd, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", p->path);
    if ((unsigned long long)st.st_size != p->d.size)
        return fail(E_INTEGRITY, "%s has %lld bytes, but its descriptor says %llu", p->path,
                    (long long)st.st_size, p->d.size);
    if (!a->http.has_body)
        return HTTP_GO;
    a->http.body_fd = p->fd;
    return HTTP_GO;
}

/* ---- All of them ---- */

struct all {
    struct registry *r;
    struct put *puts;
    size_t n;
};

static void on_tick(void *arg)
{
    struct all *all = arg;
    unsigned long long have = 0, total = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct put *p = &all->puts[i];
        bool moving = p->stage == WHOLE || p->stage == CHUNK;
        total += p->d.size;
        have += p->over ? p->d.size : p->have + (moving ? http_sent(&p->ask.http) : 0);
    }
    char a[16], b[16], text[64];
    snprintf(text, sizeof text, "%s of %s", str_bytes(a, have), str_bytes(b, total));
    progress_update(all->r->opts.progress, all->r->name, total ? (double)have / (double)total : 1,
                    text);
    progress_tick(all->r->opts.progress);
}

static void prepare(struct put *p, struct registry *r, const struct oci_descriptor *d,
                    const char *from)
{
    ask_init(&p->ask, r, SCOPE_PUSH, "put the blob %s", d->digest);
    p->d = *d;
    p->from = from;
    p->fd = -1;
    p->ask.ready = on_ready;
    p->ask.done = on_done;
    p->ask.broken = on_broken;
    p->ask.denied = on_denied;
    ask_head(p);
}

static int run(struct all *all, size_t *sent)
{
    struct http_request **list = xcalloc(all->n, sizeof(struct http_request *));
    for (size_t i = 0; i < all->n; i++)
        list[i] = &all->puts[i].ask.http;
    int rc = http_run(all->r->http, list, all->n, REGISTRY_PARALLEL, on_tick, all);
    for (size_t i = 0; i < all->n; i++) {
        struct put *p = &all->puts[i];
        if (sent)
            *sent += p->sent;
        if (p->fd >= 0)
            close(p->fd);
        free(p->location);
        ask_free(&p->ask);
    }
    free(list);
    return rc;
}

int registry_blobs_put(struct registry *r, const struct registry_blob *blobs, size_t n,
                       const char *from, size_t *sent)
{
    if (sent)
        *sent = 0;
    int rc = registry_reach(r);
    if (rc < 0 || n == 0)
        return rc;
    struct all all = {.r = r, .puts = xcalloc(n, sizeof(struct put)), .n = n};
    for (size_t i = 0; i < n; i++) {
        prepare(&all.puts[i], r, &blobs[i].d, from);
        all.puts[i].path = blobs[i].path;
    }
    rc = run(&all, sent);
    free(all.puts);
    return rc;
}

int registry_blob_write(struct registry *r, const struct oci_descriptor *d, const void *data)
{
    int rc = registry_reach(r);
    if (rc < 0)
        return rc;
    struct put put = {0};
    struct all all = {.r = r, .puts = &put, .n = 1};
    prepare(&put, r, d, NULL);
    put.data = data;
    return run(&all, NULL);
}
