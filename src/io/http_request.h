/* Requests of any kind by libcurl, several at a time over connections that are kept: what a client
 * of a protocol on top of HTTP needs (core/registry.h). Nothing is followed, tried again or decided
 * here: `ended` says what an answer means, and may ask for another try. A signal ends it at once.
 *
 * Time limits, certificate authorities, proxies: as http.h says. */
#ifndef UNGIL_IO_HTTP_REQUEST_H
#define UNGIL_IO_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct http_session;
int http_session_new(struct http_session **out);
void http_session_free(struct http_session *s);
/* Bytes of bodies that came and went. */
void http_session_traffic(const struct http_session *s, unsigned long long *received,
                          unsigned long long *sent);

enum http_result {
    HTTP_ANSWERED, /* `status` says how; the body is as whole as the server told */
    HTTP_BROKEN,   /* it broke off or came to a halt: another try could help */
    HTTP_DOWN,     /* the host is not there, or not what it should be */
    HTTP_STOPPED,  /* by `write`, or the body is beyond `limit` */
};

/* What `begin` and `ended` want next; or they return an error, which ends the whole run. */
enum http_next {
    HTTP_DONE = 0,
    HTTP_GO = 1,   /* send it (again), after `delay` seconds */
    HTTP_WAIT = 2, /* of `begin`: ask again after `delay` seconds */
};

struct http_transfer;

struct http_request {
    /* Asked. The url and the headers are owned, all else borrowed. */
    const char *method;
    char *url;
    struct strv headers; /* "Name: value" */
    bool has_body;       /* `size` bytes of `data`, or, NULL, of body_fd from `offset` on */
    const void *data;
    int body_fd;
    unsigned long long offset, size;
    size_t limit;  /* bytes of an answer that are kept in `body`, if nothing else takes them */
    bool patient;  /* the answer may take long once all is sent: ten times the limit */
    bool tls_only; /* this must not go out in the clear: http:// is an error */

    /* May be NULL: before each try, to do and decide what should wait until it is its turn. */
    int (*begin)(struct http_request *q);
    /* May be NULL: takes a piece of the body of a status 2xx; false stops the transfer. */
    bool (*write)(struct http_request *q, const void *data, size_t n);
    int (*ended)(struct http_request *q);
    double delay; /* seconds; zeroed when it is used */

    /* Answered. Borrowed until the next try, or http_request_free. */
    enum http_result result;
    long status;     /* 0: no answer */
    bool untrusted;  /* DOWN because its certificate is not good */
    struct str body; /* what `write` did not take; of a failure at most 64 KiB */
    struct http_transfer *transfer;
};
#define HTTP_REQUEST_INIT                                                                          \
    {                                                                                              \
        .method = "GET", .body_fd = -1                                                             \
    }
void http_request_free(struct http_request *q); /* what it owns, not itself */

/* In the answer to `q`: the header's value, or of several with that name the number `index` (from
 * 0); NULL: there is none. Borrowed until the next try. */
const char *http_header(const struct http_request *q, const char *name, size_t index);
/* Seconds of Retry-After, 0: none. */
long http_retry_after(const struct http_request *q);
/* Bytes of the body that went out in this try. */
unsigned long long http_sent(const struct http_request *q);
/* Why `q` is BROKEN or DOWN: records the error (E_UNREACHABLE) and returns it. `verb`: "get". */
int http_why(const struct http_request *q, const char *verb);

/* Runs all n to their end, at most `parallel` at a time, in this order. `tick` (may be NULL) is
 * called a few times a second. 0; or the first error of `begin` or `ended`, or E_SIGNAL: then what
 * was under way is dropped. May be called by `begin` and `ended` for others on the same session;
 * the transfers that are under way go on meanwhile. */
int http_run(struct http_session *s, struct http_request *const *list, size_t n, size_t parallel,
             void (*tick)(void *arg), void *arg);

#endif
