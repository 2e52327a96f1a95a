/* What went wrong with a transfer, in words. Part of http.c and http_request.c, which alone use it.
 */
#ifndef UNGIL_IO_HTTP_ERROR_H
#define UNGIL_IO_HTTP_ERROR_H

#include <stdbool.h>

struct http_failure {
    const char *verb;   /* "cannot VERB URL"; NULL: get */
    const char *shown;  /* the URL, for people */
    const char *host;   /* whom curl talked to last */
    const char *reason; /* curl's own words */
    int code;           /* CURLcode */
    long status;        /* HTTP status that refuses; 0: none did */
    long proxy_status;  /* of the proxy's answer to CONNECT; 0: none */
    bool connected;     /* name, connection and TLS were good */
    unsigned long long have, total;
    int redirects; /* the limit */
    /* filled in */
    bool again;     /* another try could help */
    bool host_down; /* the host itself is the reason */
};

/* Records the error and returns it. */
int http_explain(struct http_failure *f);

#endif
