#include "io/http_common.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/dl.h"
#include "base/err.h"
#include "base/str.h"
#include "io/http_error.h"

#define COMMON_FUNCTIONS(X)                                                                        \
    X(easy_getinfo)                                                                                \
    X(easy_setopt)                                                                                 \
    X(easy_strerror)                                                                               \
    X(free)                                                                                        \
    X(global_init)                                                                                 \
    X(url)                                                                                         \
    X(url_cleanup)                                                                                 \
    X(url_get)                                                                                     \
    X(url_set)

DL_API(curl, curl_, COMMON_FUNCTIONS)

enum { RETRY_AFTER_LIMIT = 60, SLOWEST = 1000 /* bytes a second */ };

int http_load(void)
{
    static bool initialised;
    int rc = DL_LOAD(curl, LIBCURL_SONAME);
    if (rc == 0 && !initialised && curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        rc = fail(E_FAILED, "cannot start libcurl");
    initialised = rc == 0;
    return rc;
}

static double seconds_from(const char *variable, double otherwise)
{
    const char *text = getenv(variable);
    char *end;
    double value = text && *text ? strtod(text, &end) : -1;
    return value >= 0 && value < 3600 ? value : otherwise;
}

struct http_limits http_limits(void)
{
    return (struct http_limits){.base = seconds_from("UNGIL_RETRY_BASE", 1),
                                .stall = seconds_from("UNGIL_HTTP_STALL", 30)};
}

void http_set_common(void *easy, const struct http_limits *limits, char *message)
{
    CURL *e = easy;
    curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(e, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    curl.easy_setopt(e, CURLOPT_ERRORBUFFER, message);
    curl.easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(limits->stall * 1000));
    curl.easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST);
    curl.easy_setopt(e, CURLOPT_LOW_SPEED_TIME, limits->stall < 1 ? 1L : (long)limits->stall);
    /* libcurl knows the proxy variables; these two only the curl program does. */
    const char *ca_file = getenv("SSL_CERT_FILE"), *ca_dir = getenv("SSL_CERT_DIR");
    if (ca_file && *ca_file)
        curl.easy_setopt(e, CURLOPT_CAINFO, ca_file);
    if (ca_dir && *ca_dir)
        curl.easy_setopt(e, CURLOPT_CAPATH, ca_dir);
}

double http_delay(const struct http_limits *limits, int next, long retry_after)
{
    /* Jitter, so that many machines that fail together do not come back together. */
    double jitter = 0.5 + (double)((unsigned long long)(clock_now() * 1e9) % 1000) / 1000;
    double delay = limits->base * (double)(1 << (next - 2)) * jitter;
    if (retry_after > RETRY_AFTER_LIMIT)
        retry_after = RETRY_AFTER_LIMIT;
    return delay < (double)retry_after ? (double)retry_after : delay;
}

void http_look(void *easy, int code, const char *message, struct http_failure *f)
{
    curl_off_t connected = 0;
    curl.easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    curl.easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &f->proxy_status);
    f->code = code;
    f->connected = connected > 0;
    f->reason = *message ? message : curl.easy_strerror((CURLcode)code);
}

void http_name_url(const char *url, char **shown, char **host)
{
    *shown = str_public_url(url);
    const char *begin = strstr(*shown, "://");
    begin = begin ? begin + 3 : *shown;
    *host = xstrndup(begin, strcspn(begin, "/?#"));
}

/* ---- URLs, as libcurl itself reads them: whoever reads them otherwise can be misled ---- */

static char *part_of(CURLU *u, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    if (curl.url_get(u, part, &text, flags) != CURLUE_OK)
        return NULL;
    char *own = xstrdup(text);
    curl.free(text);
    return own;
}

char *http_url_join(const char *url, const char *location)
{
    CURLU *u = curl.url();
    char *joined = NULL;
    if (u && curl.url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl.url_set(u, CURLUPART_URL, location, CURLU_URLENCODE) == CURLUE_OK)
        joined = part_of(u, CURLUPART_URL, 0);
    curl.url_cleanup(u);
    return joined;
}

char *http_url_origin(const char *url)
{
    CURLU *u = curl.url();
    char *origin = NULL;
    if (u && curl.url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
        autofree char *scheme = part_of(u, CURLUPART_SCHEME, 0);
        autofree char *host = part_of(u, CURLUPART_HOST, 0);
        autofree char *port = part_of(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
        if (host && port && (str_eq(scheme, "http") || str_eq(scheme, "https")))
            origin = xasprintf("%s://%s:%s", scheme, host, port);
    }
    curl.url_cleanup(u);
    for (char *c = origin; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return origin;
}

char *http_url_escape(const char *text)
{
    struct str out = {0};
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        str_addf(&out, isalnum(*c) || strchr("-._~", *c) ? "%c" : "%%%02X", *c);
    return str_take(&out);
}
