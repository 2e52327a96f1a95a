#include "io/http_error.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/str.h"

static const char *verb(const struct http_failure *f)
{
    return f->verb ? f->verb : "get";
}

static const char check_network[] = "check the network; behind a proxy, set https_proxy";

static int host_is_down(struct http_failure *f, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int host_is_down(struct http_failure *f, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    autofree char *what = xvasprintf(fmt, ap);
    va_end(ap);
    f->host_down = true;
    return err_hint(fail(E_UNREACHABLE, "cannot %s %s: %s", verb(f), f->shown, what), "%s", hint);
}

static int tls_failed(struct http_failure *f)
{
    const char *file = getenv("SSL_CERT_FILE");
    if (f->code == CURLE_SSL_CACERT_BADFILE)
        return host_is_down(f,
                            "install the package ca-certificates, or correct SSL_CERT_FILE in the "
                            "environment",
                            "the certificate authorities in %s cannot be read",
                            file && *file ? file : "this system's files");
    return host_is_down(f,
                        "install the package ca-certificates and check this machine's date; "
                        "SSL_CERT_FILE names the certificate of a company's own authority",
                        "%s cannot prove who it is (%s)", f->host, f->reason);
}

/* 0 when there was a connection. Another try is not made without one: whoever has no network
 * should not wait for five. */
static int no_connection(struct http_failure *f)
{
    if (f->proxy_status >= 400)
        return host_is_down(
            f, "check https_proxy; a login goes there, too: http://USER:PASSWORD@HOST",
            "the proxy refuses to connect to %s (status %ld)", f->host, f->proxy_status);
    switch (f->code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return host_is_down(f, "check the network and the name; behind a proxy, set https_proxy",
                            "no host \"%s\" can be found", f->host);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return host_is_down(f, "check https_proxy, http_proxy and all_proxy in the environment",
                            "the proxy's name cannot be found (%s)", f->reason);
    case CURLE_COULDNT_CONNECT:
        return host_is_down(f,
                            "nothing answers at this port, or the network does not lead there; "
                            "behind a proxy, set https_proxy",
                            "no connection to %s (%s)", f->host, f->reason);
    case CURLE_OPERATION_TIMEDOUT:
        return f->connected ? 0 : host_is_down(f, check_network, "%s does not answer", f->host);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ISSUER_ERROR:
        return tls_failed(f);
    default:
        return 0;
    }
}

static int refused(struct http_failure *f)
{
    static const struct {
        long status;
        const char *meaning;
    } known[] = {
        {401, " (a login is needed)"},
        {403, " (forbidden)"},
        {404, " (there is no such file)"},
        {407, " (the proxy wants a login)"},
        {408, " (time-out)"},
        {410, " (it is gone)"},
        {416, " (no such range)"},
        {429, " (too many requests)"},
        {500, " (an error of the server)"},
        {502, " (bad gateway)"},
        {503, " (the server is busy)"},
        {504, " (gateway time-out)"},
    };
    const char *meaning = "";
    for (size_t i = 0; i < lengthof(known); i++)
        if (known[i].status == f->status)
            meaning = known[i].meaning;
    f->again = f->status == 408 || f->status == 429 || f->status >= 500;
    return fail(f->status == 404 || f->status == 410 ? E_NOTFOUND : E_UNREACHABLE,
                "cannot get %s: status %ld%s", f->shown, f->status, meaning);
}

static int broke_off(struct http_failure *f)
{
    char have[16], total[16];
    autofree char *of = f->total ? xasprintf(" of %s", str_bytes(total, f->total)) : xstrdup("");
    f->again = true;
    if (f->code == CURLE_OPERATION_TIMEDOUT)
        return fail(E_UNREACHABLE, "cannot %s %s: the transfer came to a halt after %s%s", verb(f),
                    f->shown, str_bytes(have, f->have), of);
    return fail(E_UNREACHABLE, "cannot %s %s: the transfer broke off after %s%s (%s)", verb(f),
                f->shown, str_bytes(have, f->have), of, f->reason);
}

int http_explain(struct http_failure *f)
{
    int rc = no_connection(f);
    if (rc < 0)
        return rc;
    switch (f->code) {
    case CURLE_URL_MALFORMAT:
        return fail(E_USAGE, "\"%s\" is no URL", f->shown);
    case CURLE_FILE_COULDNT_READ_FILE:
        return fail(E_NOTFOUND, "cannot read %s: no such file, or no permission", f->shown);
    case CURLE_TOO_MANY_REDIRECTS:
        return fail(E_UNREACHABLE,
                    "cannot get %s: it redirects more than %d times, perhaps in a circle", f->shown,
                    f->redirects);
    case CURLE_UNSUPPORTED_PROTOCOL:
        return fail(E_UNREACHABLE, "cannot get %s: it redirects to a protocol that is not allowed",
                    f->shown);
    default:
        return f->status ? refused(f) : broke_off(f);
    }
}
