#include "core/registry_ask.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "core/progress.h"
#include "core/text_json.h"
#include "io/http_common.h"

enum { WORDS = 300, ANSWER_LIMIT = OCI_MANIFEST_LIMIT };

static struct ask *ask_of(struct http_request *q)
{
    return (struct ask *)q;
}

static int on_begin(struct http_request *q);
static int on_ended(struct http_request *q);

void ask_init(struct ask *a, struct registry *r, enum scope scope, const char *what, ...)
{
    va_list ap;
    va_start(ap, what);
    *a = (struct ask){.http = HTTP_REQUEST_INIT, .r = r, .scope = scope};
    a->what = xvasprintf(what, ap);
    va_end(ap);
    a->http.begin = on_begin;
    a->http.ended = on_ended;
    a->http.limit = ANSWER_LIMIT;
}

void ask_free(struct ask *a)
{
    http_request_free(&a->http);
    free(a->what);
    free(a->url);
    free(a->authorization);
    free(a->used);
    free(a->token_scope);
    strv_free(&a->headers);
}

void ask_url(struct ask *a, const char *method, char *url)
{
    a->http.method = method;
    a->http.has_body = a->http.patient = false;
    a->http.data = NULL;
    a->http.offset = a->http.size = 0;
    a->redirects = 0;
    a->renewed = false;
    a->challenges = 0;
    str_set(&a->url, url);
    strv_free(&a->headers);
    str_set(&a->http.url, xstrdup(url));
}

void ask_header(struct ask *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    strv_take(&a->headers, xvasprintf(fmt, ap));
    va_end(ap);
}

void ask_body(struct ask *a, const char *media_type, const void *data, size_t size)
{
    a->http.has_body = true;
    a->http.data = size ? data : "";
    a->http.size = size;
    ask_header(a, "Content-Type: %s", media_type);
}

/* ---- Words ---- */

/* The registry's own text, for a terminal: without control characters, and not too long. */
static void add_printable(struct str *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c && out->len < WORDS; c++) {
        bool c1 = *c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0; /* U+0080 ... U+009F */
        /* U+202A ... U+202E and U+2066 ... U+2069 turn the direction of what follows */
        bool turn = *c == 0xe2 && ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
                                   (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
        if (*c < ' ' || *c == 0x7f || c1 || turn) {
            str_add(out, " ");
            c += turn ? 2 : c1;
        } else {
            str_addn(out, c, 1);
        }
    }
    while (out->len >= WORDS && out->len > 0 && (out->s[out->len - 1] & 0x80))
        out->s[--out->len] = '\0'; /* no half of a character */
    if (out->len >= WORDS - 4)
        str_add(out, "…");
}

/* ": CODE: message; CODE: message" of the body's "errors"; "" when there are none. Owned. */
static char *words_of(struct ask *a)
{
    struct str out = {0};
    size_t i;
    json_t *error,
        *json = json_loadb(a->http.body.s ? a->http.body.s : "", a->http.body.len, 0, NULL);
    json_array_foreach(json_object_get(json, "errors"), i, error)
    {
        str_add(&out, i ? "; " : ": ");
        add_printable(&out, json_text(error, "code"));
        if (*json_text(error, "code") && *json_text(error, "message"))
            str_add(&out, ": ");
        add_printable(&out, json_text(error, "message"));
        if (out.len >= WORDS)
            break;
    }
    json_decref(json);
    return str_take(&out);
}

int ask_fail(struct ask *a, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    autofree char *why = xvasprintf(fmt, ap);
    va_end(ap);
    return fail((enum err)code, "%s: cannot %s: %s", a->r->name, a->what, why);
}

/* Another host than the registry has answered. */
static bool elsewhere(const struct ask *a)
{
    autofree char *origin = http_url_origin(a->http.url);
    return !str_eq(origin, a->r->origin);
}

int ask_refused(struct ask *a)
{
    long status = a->http.status;
    autofree char *words = words_of(a);
    autofree char *origin = http_url_origin(a->http.url);
    bool other = a->r->origin && elsewhere(a);
    bool login = status == 401 || status == 403;
    enum err code = status == 404                                              ? E_NOTFOUND
                    : login || status >= 500 || status == 429 || status == 408 ? E_UNREACHABLE
                                                                               : E_FAILED;
    int rc = ask_fail(a, code, "%s%sstatus %ld%s", other ? origin : "", other ? " answers " : "",
                      status, words);
    if (other)
        return rc;
    if (login)
        return auth_hint(a->r, rc);
    if (status == 413 || status == 507)
        return err_hint(rc, "the registry takes no more or nothing so large: ask who runs it");
    if (status == 405)
        return err_hint(rc, "the registry may be a mirror, which can only be read");
    return rc;
}

char *ask_media_type(const struct ask *a)
{
    const char *type = http_header(&a->http, "Content-Type", 0);
    char *own = type ? xstrndup(type, strcspn(type, ";")) : xstrdup("");
    char *trimmed = str_trim(own);
    memmove(own, trimmed, strlen(trimmed) + 1);
    return own;
}

int ask_json(struct ask *a, json_t **json)
{
    autofree char *type = ask_media_type(a);
    *json = json_loadb(a->http.body.s ? a->http.body.s : "", a->http.body.len, 0, NULL);
    if (json_is_object(*json))
        return 0;
    json_decref(*json);
    *json = NULL;
    autostr shown = {0};
    add_printable(&shown, type);
    return err_hint(ask_fail(a, E_UNREACHABLE, "the answer is no JSON object (%s)",
                             shown.len ? shown.s : "of no type"),
                    "check the host's name: something that is no registry, or a proxy, answers");
}

/* ---- Where to ask next ---- */

int ask_location(struct ask *a, const char *location, char **url)
{
    autofree char *joined = location ? http_url_join(a->http.url, location) : NULL;
    autofree char *origin = joined ? http_url_origin(joined) : NULL;
    *url = NULL;
    if (!location)
        return ask_fail(a, E_UNREACHABLE, "the answer (status %ld) does not say where to go on",
                        a->http.status);
    if (!origin)
        return ask_fail(a, E_UNREACHABLE, "it is sent to what is no address of HTTP");
    if (str_starts(a->http.url, "https:") && str_starts(joined, "http:")) {
        /* A registry behind a proxy that speaks TLS for it: the same host, which does not know. */
        autofree char *secure = xasprintf("https%s", joined + strlen("http"));
        autofree char *host = NULL, *shown = NULL, *secure_host = NULL, *secure_shown = NULL;
        http_name_url(a->r->base ? a->r->base : "", &shown, &host);
        http_name_url(secure, &secure_shown, &secure_host);
        if (!str_eq(host, secure_host))
            return ask_fail(a, E_UNREACHABLE, "it is sent from https to %s, in the clear", origin);
        *url = steal(&secure);
        return 0;
    }
    *url = steal(&joined);
    return 0;
}

static int follow(struct ask *a)
{
    char *url;
    if (++a->redirects > HTTP_REDIRECTS)
        return ask_fail(a, E_UNREACHABLE, "it redirects more than %d times, perhaps in a circle",
                        HTTP_REDIRECTS);
    int rc = ask_location(a, http_header(&a->http, "Location", 0), &url);
    if (rc < 0)
        return rc;
    str_set(&a->http.url, url);
    return HTTP_GO;
}

static bool is_redirect(const struct ask *a)
{
    long status = a->http.status;
    bool reads = str_eq(a->http.method, "GET") || str_eq(a->http.method, "HEAD");
    return status == 307 || status == 308 ||
           (reads && (status == 301 || status == 302 || status == 303));
}

/* ---- Tries ---- */

static int on_begin(struct http_request *q)
{
    struct ask *a = ask_of(q);
    int next = a->ready ? a->ready(a) : HTTP_GO;
    if (next != HTTP_GO)
        return next;
    char *value = NULL;
    if (a->authorization)
        value = *a->authorization ? xstrdup(a->authorization) : NULL;
    else if (a->r->auth != AUTH_NONE && !elsewhere(a)) {
        int rc = auth_header(a, &value);
        if (rc < 0)
            return rc;
    }
    str_set(&a->used, value);
    strv_free(&q->headers);
    strv_addv(&q->headers, &a->headers);
    if (value)
        strv_addf(&q->headers, "Authorization: %s", value);
    q->tls_only = str_starts(a->url, "https:");
    return HTTP_GO;
}

/* The error is recorded. */
static int try_again(struct ask *a, int rc)
{
    struct http_limits limits = http_limits();
    if (a->probe && a->http.result == HTTP_BROKEN)
        return rc;
    if (++a->tries >= HTTP_TRIES)
        return err_hint(err_context(rc, "after %d tries", HTTP_TRIES),
                        "try again later: it goes on from what is there already");
    a->http.delay = http_delay(&limits, a->tries + 1, http_retry_after(&a->http));
    note("%s; try %d of %d in %.1f s", err_message(), a->tries + 1, HTTP_TRIES, a->http.delay);
    str_set(&a->http.url, xstrdup(a->url));
    a->redirects = 0;
    return a->broken ? a->broken(a) : HTTP_GO;
}

static int on_ended(struct http_request *q)
{
    struct ask *a = ask_of(q);
    const char *verb = q->has_body && q->size ? "send to" : "get";
    if (q->result == HTTP_DOWN)
        return err_context(http_why(q, verb), "%s", a->r->name);
    if (q->result == HTTP_BROKEN)
        return try_again(a, err_context(http_why(q, verb), "%s", a->r->name));
    if (q->result == HTTP_STOPPED && !q->write)
        return ask_fail(a, E_INTEGRITY, "the answer has more than %zu bytes", q->limit);
    if (q->result == HTTP_STOPPED)
        return a->done(a);
    if (is_redirect(a))
        return follow(a);
    if (q->status == 401 && !a->probe && !a->authorization && !elsewhere(a))
        return auth_challenge(a);
    if (q->status == 408 || q->status == 429 || q->status >= 500)
        return try_again(a, ask_refused(a));
    return a->done ? a->done(a) : HTTP_DONE;
}

static void tick(void *arg)
{
    const struct registry *r = arg;
    progress_tick(r->opts.progress);
}

int ask_run(struct ask *a)
{
    struct http_request *list[] = {&a->http};
    return http_run(a->r->http, list, 1, 1, tick, a->r);
}
