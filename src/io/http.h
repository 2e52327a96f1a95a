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

/* Downloads `url` to `path` through `path`.part: resumed by Range when a part is there, 5 tries
 * with exponential backoff and jitter on 408, 429, 5xx, time-outs and broken transfers, Retry-After
 * honoured (at most 60 s), no retry on other 4xx, low-speed abort, proxies and
 * SSL_CERT_FILE/SSL_CERT_DIR as curl knows them, at most 5 redirects, https never to http. SHA-256
 * while it streams: with `expected` (hex) set and a different digest: E_INTEGRITY and nothing is
 * kept. E_NOTFOUND on 404/410 and absent file://; E_UNREACHABLE otherwise, `*host_down` (may be
 * NULL) set when the host itself (DNS, connection, TLS) is the reason. `got` receives the digest.
 */
int http_download(const char *url, const char *path, const char *expected, char got[SHA256_HEX],
                  const struct http_progress *progress, bool *host_down);

#endif
