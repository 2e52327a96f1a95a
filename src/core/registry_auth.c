/* Logging in to a registry: challenges (RFC 9110), Basic, and the tokens of distribution's token
 * specification, with a password (GET) or a refresh token (POST, oauth2). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "core/registry_ask.h"
#include "core/text_json.h"
#include "io/http_common.h"

struct token {
    char *scope; /* "repository:NAME:pull …" */
    char *text;
    double expires; /* clock_now */
    struct token *next;
};

enum {
    LIFETIME = 60, /* seconds, where the server says none: the specification */
    CHALLENGES = 8 /* of one request: others may have used up the tokens it was given */
};

static void token_free(struct token *t)
{
    free(t->scope);
    free(t->text);
    free(t);
}

void auth_free(struct registry *r)
{
    for (struct token *t = r->tokens, *next; t; t = next) {
        next = t->next;
        token_free(t);
    }
    free(r->realm);
    free(r->service);
    credentials_free(&r->login);
}

int auth_hint(struct registry *r, int rc)
{
    const struct credentials *c = &r->login;
    if (c->identity)
        return err_hint(rc, "the login was the token from %s; log in again: docker login %s",
                        c->from, r->ref.host);
    if (c->user)
        return err_hint(rc, "the login was %s's, from %s; another one: docker login %s", c->user,
                        c->from, r->ref.host);
    if (c->looked_in && *c->looked_in)
        return err_hint(rc, "there was no login for %s in %s: docker login %s, or skopeo login %s",
                        r->ref.host, c->looked_in, r->ref.host, r->ref.host);
    return err_hint(rc, "nobody was logged in: docker login %s, or skopeo login %s", r->ref.host,
                    r->ref.host);
}

static int find_login(struct registry *r)
{
    if (r->looked_for_login)
        return 0;
    int rc = credentials_find(r->ref.host, r->ref.repository, &r->login);
    r->looked_for_login = rc == 0;
    return rc;
}

/* ---- Challenges ---- */

struct challenge {
    enum auth kind;
    char *realm, *service, *scope;
};

static void challenge_free(struct challenge *c)
{
    free(c->realm);
    free(c->service);
    free(c->scope);
    *c = (struct challenge){0};
}

static const char *skip_token(const char *s)
{
    while (*s && (isalnum((unsigned char)*s) || strchr("!#$%&'*+-.^_`|~", *s)))
        s++;
    return s;
}

/* KEY=VALUE or KEY="VALUE"; what follows, NULL when there is none. */
static const char *read_parameter(const char *s, char **key, char **value)
{
    const char *end = skip_token(s), *v = end + strspn(end, " \t");
    *key = *value = NULL;
    if (end == s || *v != '=')
        return NULL;
    v += 1 + strspn(v + 1, " \t");
    struct str text = {0};
    if (*v == '"') {
        for (v++; *v && *v != '"'; v++) {
            if (*v == '\\' && v[1])
                v++;
            str_addn(&text, v, 1);
        }
        v += *v == '"';
    } else {
        const char *stop = v + strcspn(v, ", \t");
        str_addn(&text, v, (size_t)(stop - v));
        v = stop;
    }
    *key = xstrndup(s, (size_t)(end - s));
    *value = str_take(&text);
    return v;
}

/* One header, which may hold several challenges. The best of all goes to *best. */
static void read_challenges(const char *s, struct challenge *best)
{
    struct challenge now = {0};
    for (;;) {
        s += strspn(s, ", \t");
        char *key, *value;
        const char *next = read_parameter(s, &key, &value);
        if (next) {
            char **at = strcasecmp(key, "realm") == 0     ? &now.realm
                        : strcasecmp(key, "service") == 0 ? &now.service
                        : strcasecmp(key, "scope") == 0   ? &now.scope
                                                          : NULL;
            if (at)
                str_set(at, steal(&value));
            free(key);
            free(value);
            s = next;
            continue;
        }
        /* the next scheme, or the end: what came before is complete */
        if (now.kind > best->kind && (now.kind == AUTH_BASIC || now.realm)) {
            challenge_free(best);
            *best = now;
            now = (struct challenge){0};
        }
        challenge_free(&now);
        const char *end = skip_token(s);
        if (end == s)
            return;
        size_t n = (size_t)(end - s);
        if (n == 6 && strncasecmp(s, "Bearer", n) == 0)
            now.kind = AUTH_BEARER;
        else if (n == 5 && strncasecmp(s, "Basic", n) == 0)
            now.kind = AUTH_BASIC;
        s = end;
    }
}

static int read_answer(struct ask *a, struct challenge *c)
{
    const char *header;
    *c = (struct challenge){0};
    for (size_t i = 0; (header = http_header(&a->http, "WWW-Authenticate", i)); i++)
        read_challenges(header, c);
    if (c->kind == AUTH_NONE)
        return ask_fail(a, E_FAILED,
                        "it wants a login of a kind that ungil does not know (neither Basic nor "
                        "Bearer)");
    autofree char *origin = c->kind == AUTH_BEARER ? http_url_origin(c->realm) : NULL;
    if (c->kind == AUTH_BEARER && !origin)
        return ask_fail(a, E_FAILED, "its token server is no address of HTTP");
    if (c->kind == AUTH_BEARER && str_starts(a->http.url, "https:") && str_starts(origin, "http:"))
        return ask_fail(a, E_FAILED, "it wants the login to be sent to %s, in the clear", origin);
    return 0;
}

static void take_challenge(struct registry *r, struct challenge *c)
{
    r->auth = c->kind;
    str_set(&r->realm, steal(&c->realm));
    str_set(&r->service, steal(&c->service));
}

int auth_learn(struct ask *a)
{
    struct challenge c;
    int rc = read_answer(a, &c);
    if (rc == 0)
        take_challenge(a->r, &c);
    challenge_free(&c);
    return rc;
}

/* ---- Tokens ---- */

/* What `a` needs, as the specification writes it; owned. */
static char *scope_of(const struct ask *a)
{
    const char *own = a->r->ref.repository;
    const char *rights = a->scope == SCOPE_PUSH ? "pull,push" : "pull";
    if (a->from)
        return xasprintf("repository:%s:%s repository:%s:pull", own, rights, a->from);
    return xasprintf("repository:%s:%s", own, rights);
}

static struct token **find_token(struct registry *r, const char *scope)
{
    struct token **at = &r->tokens;
    while (*at && strcmp((*at)->scope, scope) != 0)
        at = &(*at)->next;
    return at;
}

static void forget_token(struct registry *r, const char *scope)
{
    struct token **at = find_token(r, scope), *t = *at;
    if (!t)
        return;
    *at = t->next;
    token_free(t);
}

/* "service=…&scope=…&scope=…"; owned. */
static char *token_query(const struct registry *r, const char *scope, bool oauth)
{
    struct str q = {0};
    autofree char *service = http_url_escape(r->service ? r->service : "");
    autofree char *all = http_url_escape(scope);
    str_addf(&q, "service=%s&client_id=" PACKAGE_NAME, service);
    if (oauth) {
        autofree char *identity = http_url_escape(r->login.identity);
        str_addf(&q, "&grant_type=refresh_token&refresh_token=%s&scope=%s", identity, all);
        return str_take(&q);
    }
    if (r->login.user) {
        autofree char *user = http_url_escape(r->login.user);
        str_addf(&q, "&account=%s", user);
    }
    autostrv words = {0};
    strv_split(&words, scope);
    for (size_t i = 0; i < words.n; i++) {
        autofree char *one = http_url_escape(words.v[i]);
        str_addf(&q, "&scope=%s", one);
    }
    return str_take(&q);
}

static char *basic(const struct credentials *c)
{
    autofree char *pair = xasprintf("%s:%s", c->user, c->password ? c->password : "");
    autofree char *coded = base64_encode(pair);
    return xasprintf("Basic %s", coded);
}

/* The token and how long it lives. */
static int read_token(struct ask *a, const char *scope)
{
    json_t *json;
    int rc = ask_json(a, &json);
    if (rc < 0)
        return rc;
    const char *text = json_text(json, "token");
    double lifetime = json_number(json, "expires_in");
    if (!*text)
        text = json_text(json, "access_token");
    bool good = *text && strcspn(text, "\r\n") == strlen(text);
    if (good) {
        struct token *t = xcalloc(1, sizeof *t);
        /* A little before its end: the request takes its time, too. */
        *t = (struct token){.scope = xstrdup(scope),
                            .text = xstrdup(text),
                            .expires = clock_now() + 0.9 * (lifetime > 0 ? lifetime : LIFETIME),
                            .next = a->r->tokens};
        a->r->tokens = t;
    }
    json_decref(json);
    return good ? 0 : ask_fail(a, E_UNREACHABLE, "the answer has no token");
}

static int fetch_token(struct registry *r, const char *scope)
{
    int rc = find_login(r);
    if (rc < 0)
        return rc;
    bool oauth = r->login.identity != NULL;
    autofree char *query = token_query(r, scope, oauth);
    autofree char *origin = http_url_origin(r->realm);
    struct ask a;
    ask_init(&a, r, SCOPE_PULL, "get a token from %s", origin);
    ask_url(&a, oauth ? "POST" : "GET",
            oauth ? xstrdup(r->realm)
                  : xasprintf("%s%c%s", r->realm, strchr(r->realm, '?') ? '&' : '?', query));
    a.authorization = r->login.user ? basic(&r->login) : xstrdup("");
    if (oauth)
        ask_body(&a, "application/x-www-form-urlencoded", query, strlen(query));
    rc = ask_run(&a);
    if (rc == 0 && a.http.status == 200)
        rc = read_token(&a, scope);
    else if (rc == 0) {
        rc = ask_refused(&a);
        rc = auth_hint(r, rc == E_NOTFOUND ? E_UNREACHABLE : rc);
    }
    ask_free(&a);
    return rc;
}

int auth_header(struct ask *a, char **value)
{
    struct registry *r = a->r;
    int rc = 0;
    *value = NULL;
    if (r->auth == AUTH_BASIC) {
        rc = find_login(r);
        if (rc == 0 && r->login.user)
            *value = basic(&r->login);
        return rc;
    }
    autofree char *scope = a->token_scope ? xstrdup(a->token_scope) : scope_of(a);
    struct token *t = *find_token(r, scope);
    if (t && t->expires <= clock_now())
        forget_token(r, scope), t = NULL;
    if (!t)
        rc = fetch_token(r, scope);
    if (rc < 0)
        return rc;
    *value = xasprintf("Bearer %s", (*find_token(r, scope))->text);
    return 0;
}

static int denied(struct ask *a)
{
    return a->denied ? a->denied(a) : ask_refused(a);
}

int auth_challenge(struct ask *a)
{
    struct registry *r = a->r;
    struct challenge c;
    int rc = find_login(r);
    if (rc < 0)
        return rc;
    if (a->renewed || ++a->challenges > CHALLENGES)
        return denied(a);
    rc = read_answer(a, &c);
    if (rc < 0)
        return rc;
    bool bearer = c.kind == AUTH_BEARER;
    if (bearer && c.scope && *c.scope)
        str_set(&a->token_scope, xstrdup(c.scope));
    take_challenge(r, &c);
    challenge_free(&c);
    if (!bearer) {
        a->renewed = true;
        /* the same password once more would be refused again */
        autofree char *again = r->login.user ? basic(&r->login) : NULL;
        return !again || str_eq(a->used, again) ? denied(a) : HTTP_GO;
    }
    autofree char *scope = a->token_scope ? xstrdup(a->token_scope) : scope_of(a);
    struct token *t = *find_token(r, scope);
    /* Another request may have had a new one already. That one can be at its end, too, when this
     * request is sent again: then it is renewed for this one. */
    bool others = t && !(a->used && str_eq(a->used + strcspn(a->used, " ") + 1, t->text));
    if (t && !others)
        forget_token(r, scope);
    a->renewed = !others;
    return HTTP_GO;
}
