/* HTTP(S) and file:// by libcurl. */
#ifndef UNGIL_IO_HTTP_H
#define UNGIL_IO_HTTP_H

#include <stdbool.h>

#include "io/digest.h"

struct http_progress {
    void (*update)(void *arg, unsigned long long now,
                   unsigned long long total); /* bytes; total 0: not known */
    void *arg;
};

/* Downloads `url` to `path` (its directory is made) through `path`.part, which is kept when the
 * download fails half-way, so that the next call goes on from there by Range. That needs `expected`
 * (SHA-256, hex), because only the digest tells whether the old half belongs to the new one;
 * without it a part that lies there is thrown away. Two processes may download to the same path:
 * one waits for the other.
 *
 * 5 tries with exponential backoff and jitter on 408, 429, 5xx, stalled and broken transfers;
 * Retry-After is honoured (at most 60 s). No second try on other 4xx, nor when the host does not
 * exist, does not answer or has no valid certificate. At most 5 redirects, https never to http, and
 * never to file://. Proxies as curl knows them (https_proxy, http_proxy, all_proxy, no_proxy);
 * SSL_CERT_FILE and SSL_CERT_DIR name other certificate authorities.
 *
 * The digest is made while it streams: when it is not `expected`, the result is E_INTEGRITY and
 * nothing is kept. E_NOTFOUND on 404, 410 and a file:// that is not there; E_UNREACHABLE otherwise,
 * with `*host_down` (may be NULL) set when the host itself (name, connection, TLS) is the reason;
 * E_FAILED when it cannot be written; E_SIGNAL within a second of a signal; E_USAGE for what is no
 * URL. `got` receives the digest.
 *
 * For tests and bad networks: UNGIL_RETRY_BASE is the first pause in seconds (1; it doubles with
 * each try), UNGIL_HTTP_STALL how long in seconds a connection may take, or a transfer stay below
 * 1000 bytes a second (30). */
int http_download(const char *url, const char *path, const char *expected, char got[SHA256_HEX],
                  const struct http_progress *progress, bool *host_down);

#endif
