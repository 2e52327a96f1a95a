/* What downloads (http.c) and requests (http_request.c) have in common: time limits, certificate
 * authorities, pauses between tries, names for messages; and the rules of URLs. Theirs alone, but
 * for the functions about URLs. */
#ifndef UNGIL_IO_HTTP_COMMON_H
#define UNGIL_IO_HTTP_COMMON_H

#include <stdbool.h>

enum { HTTP_TRIES = 5, HTTP_REDIRECTS = 5 };

/* Opens libcurl, once. 0 or E_FAILED. */
int http_load(void);

struct http_limits {
    double base;  /* seconds of the first pause between tries: UNGIL_RETRY_BASE, 1 */
    double stall; /* seconds that a connection, or a transfer without bytes, may take:
                     UNGIL_HTTP_STALL, 30 */
};
struct http_limits http_limits(void);

/* On a CURL * (void, so that this header needs no libcurl): whom to trust, how long to wait, no
 * signals of its own, ungil's name; `message` (CURL_ERROR_SIZE bytes) is told what goes wrong. */
void http_set_common(void *easy, const struct http_limits *limits, char *message);

/* Seconds before try number `next` (2, 3, ...); `retry_after` is what the server asks for, of which
 * a minute at most is granted. */
double http_delay(const struct http_limits *limits, int next, long retry_after);

struct http_failure;
/* Fills in what curl knows about this transfer's end: reason, status of the proxy, connection. */
void http_look(void *easy, int code, const char *message, struct http_failure *f);

/* The URL without user and password; its host. Both owned. */
void http_name_url(const char *url, char **shown, char **host);

/* The absolute URL that `location` means in an answer to `url`; owned, NULL: it is none. */
char *http_url_join(const char *url, const char *location);
/* "https://host:443", in small letters and with the port; owned, NULL: it is no http(s) URL. */
char *http_url_origin(const char *url);
/* Percent-encodes all but letters, digits and "-._~"; owned. */
char *http_url_escape(const char *text);

#endif
