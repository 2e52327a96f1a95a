/* A repository on a registry: where it is, and its manifests, tags and what refers to them are in
 * registry_refer.c; the blobs in registry_get.c and registry_put.c. */
#include "core/registry.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "core/registry_ask.h"
#include "io/http_common.h"

int registry_open(const struct oci_ref *ref, const struct registry_opts *opts,
                  struct registry **out)
{
    struct http_session *session;
    int rc = http_session_new(&session);
    if (rc < 0)
        return rc;
    struct registry *r = xcalloc(1, sizeof *r);
    r->http = session;
    r->opts = *opts;
    /* docker.io/NAME is short for what everybody sees there as docker.io/library/NAME */
    bool library = str_eq(ref->host, "docker.io") && !strchr(ref->repository, '/');
    r->ref = (struct oci_ref){.host = xstrdup(ref->host),
                              .repository =
                                  xasprintf("%s%s", library ? "library/" : "", ref->repository)};
    r->name = xasprintf("%s/%s", ref->host, ref->repository);
    *out = r;
    return 0;
}

void registry_close(struct registry *r)
{
    if (!r)
        return;
    auth_free(r);
    http_session_free(r->http);
    oci_ref_free(&r->ref);
    free(r->name);
    free(r->base);
    free(r->origin);
    free(r);
}

const char *registry_name(const struct registry *r)
{
    return r->name;
}

void registry_traffic(const struct registry *r, unsigned long long *received,
                      unsigned long long *sent)
{
    http_session_traffic(r->http, received, sent);
}

char *registry_url(const struct registry *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    autofree char *rest = xvasprintf(fmt, ap);
    va_end(ap);
    return xasprintf("%s/v2/%s/%s", r->base, r->ref.repository, rest);
}

/* ---- The first question ---- */

static bool is_this_machine(const char *host)
{
    autofree char *name =
        *host == '[' ? xstrndup(host, strcspn(host, "]") + 1) : xstrndup(host, strcspn(host, ":"));
    return str_eq(name, "localhost") || str_eq(name, "[::1]") ||
           (str_starts(name, "127.") && strspn(name, "0123456789.") == strlen(name));
}

/* docker.io is a name that only clients know. */
static const char *host_of(const struct registry *r)
{
    return str_eq(r->ref.host, "docker.io") ? "registry-1.docker.io" : r->ref.host;
}

static int judge_probe(struct ask *a)
{
    autofree char *type = ask_media_type(a);
    if (a->http.status == 401)
        return auth_learn(a);
    if (a->http.status != 200) {
        int rc = ask_refused(a);
        return err_hint(rc == E_NOTFOUND ? E_UNREACHABLE : rc,
                        "check the host's name: it answers, but not as a registry does");
    }
    if (str_eq(type, "text/html"))
        return err_hint(ask_fail(a, E_UNREACHABLE, "a web page (text/html) is no answer"),
                        "check the host's name: something that is no registry, or a proxy, "
                        "answers");
    return 0;
}

/* Asks /v2/ by this scheme. *other: whether another scheme could help. */
static int probe(struct registry *r, const char *scheme, bool *other)
{
    struct ask a;
    ask_init(&a, r, SCOPE_PULL, "talk to the registry");
    autofree char *base = xasprintf("%s://%s", scheme, host_of(r));
    str_set(&r->origin, http_url_origin(base));
    ask_url(&a, "GET", xasprintf("%s/v2/", base));
    a.probe = true;
    int rc = ask_run(&a);
    *other = rc == E_UNREACHABLE && a.http.status == 0 && !a.http.untrusted;
    if (rc == 0) {
        r->base = xstrdup(base);
        rc = judge_probe(&a);
    }
    if (rc < 0)
        str_set(&r->base, NULL);
    ask_free(&a);
    return rc;
}

int registry_reach(struct registry *r)
{
    bool other, clear = r->opts.plain_http || is_this_machine(r->ref.host);
    if (r->base)
        return 0;
    int rc = probe(r, "https", &other);
    if (rc == 0 || !other)
        return rc;
    if (!clear) {
        autofree char *hint = xstrdup(err_hint_text());
        return err_hint(rc, "%s; a registry without TLS needs --plain-http", hint ? hint : "");
    }
    detail("%s does not speak TLS: asking it by HTTP", r->ref.host);
    err_clear();
    return probe(r, "http", &other);
}
