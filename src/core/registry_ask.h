/* Asking a registry: one request with all that it takes until there is an answer that means
 * something: the login, redirects, further tries. Part of registry.c and its neighbours. */
#ifndef UNGIL_CORE_REGISTRY_ASK_H
#define UNGIL_CORE_REGISTRY_ASK_H

#include "core/registry.h"
#include "core/registry_credentials.h"
#include "io/http_request.h"

enum scope { SCOPE_PULL, SCOPE_PUSH };

enum { REGISTRY_PARALLEL = 4 }; /* blobs at a time */

enum auth { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct token; /* of registry_auth.c */

struct registry {
    struct oci_ref ref;
    char *name;
    struct registry_opts opts;
    struct http_session *http;
    char *base;   /* "https://HOST"; NULL: it was not asked yet */
    char *origin; /* of `base`; Authorization goes there only */
    /* registry_auth.c */
    enum auth auth;
    char *realm, *service; /* where tokens are had, and for what */
    bool looked_for_login;
    struct credentials login;
    struct token *tokens;
};

struct ask {
    struct http_request http; /* first: the one is the other */
    struct registry *r;
    char *what;          /* owned: "get the manifest 3.14"; for messages */
    char *url;           /* owned: where each try begins */
    struct strv headers; /* without Authorization */
    enum scope scope;
    const char *from;    /* another repository that is read; borrowed, NULL: none */
    char *authorization; /* owned: a header of its own in place of the registry's; "": none */
    bool probe;          /* it finds out how to log in; no login, and one try */
    int tries, redirects;
    bool renewed;      /* the login was renewed for it */
    int challenges;    /* how often it was answered with 401 */
    char *token_scope; /* owned: what the registry says that it needs; NULL: see `scope` */
    char *used;        /* the Authorization that it sent last */

    int (*ready)(struct ask *a); /* as http_request's begin; may be NULL */
    /* An answer that is neither 401, nor a redirect, nor a reason for another try; or the transfer
     * was STOPPED. As http_request's ended. */
    int (*done)(struct ask *a);
    /* May be NULL. Another try is to be made after a failure: it may be another request. */
    int (*broken)(struct ask *a);
    /* May be NULL. 401 although it was sent with a login that is new. */
    int (*denied)(struct ask *a);
};

/* `what` is printf style. Before it is run, ask_url and `done` must be set. */
void ask_init(struct ask *a, struct registry *r, enum scope scope, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
void ask_free(struct ask *a);
/* Another request for the same purpose: no headers, no body, as many tries left as there were.
 * The URL is owned by `a` from now on. */
void ask_url(struct ask *a, const char *method, char *url);
void ask_header(struct ask *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ask_body(struct ask *a, const char *media_type, const void *data, size_t size);
/* Runs it alone. With no `done`, until there is an answer, which is in a->http. */
int ask_run(struct ask *a);
/* The error for an answer that is not wanted: status and the registry's own words. */
int ask_refused(struct ask *a);
/* What went wrong with an answer, in words, with registry and purpose in front. */
int ask_fail(struct ask *a, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The answer's JSON; E_UNREACHABLE when it is a web page or another thing. Owned. */
int ask_json(struct ask *a, json_t **json);
/* The URL that the answer's `header` names, for the next request: E_UNREACHABLE when it has none,
 * or leads from https to http. Owned. */
int ask_location(struct ask *a, const char *location, char **url);
/* The Content-Type without parameters; owned, "" when there is none. */
char *ask_media_type(const struct ask *a);

/* "BASE/v2/REPOSITORY/" and the rest (printf style); owned. Call registry_reach before. */
char *registry_url(const struct registry *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Whether and how the registry answers at /v2/; asked once. */
int registry_reach(struct registry *r);

/* ---- registry_auth.c ---- */

/* The Authorization header that `a` should be sent with ("Bearer …", NULL: none); owned. May ask
 * for a token. */
int auth_header(struct ask *a, char **value);
/* From the WWW-Authenticate of a 401: how to log in, and for `a` to what scope. HTTP_GO when it is
 * worth to ask again, once; else the error. */
int auth_challenge(struct ask *a);
/* How to log in, for the whole registry; 0 or an error. */
int auth_learn(struct ask *a);
/* For messages: whose login was used. Adds a hint to the recorded error and returns `rc`. */
int auth_hint(struct registry *r, int rc);
void auth_free(struct registry *r);

#endif
