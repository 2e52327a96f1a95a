/* Downloads by libcurl, see http.h. A download is up to 5 tries; a try is one transfer, driven
 * through the multi interface so that a signal ends it at once. http_error.c puts in words what
 * went wrong, and says whether another try could help. */
#include "io/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "io/http_common.h"
#include "io/http_error.h"
#include "io/part.h"

#define CURL_FUNCTIONS(X)                                                                          \
    X(easy_cleanup)                                                                                \
    X(easy_getinfo)                                                                                \
    X(easy_header)                                                                                 \
    X(easy_init)                                                                                   \
    X(easy_setopt)                                                                                 \
    X(multi_add_handle)                                                                            \
    X(multi_cleanup)                                                                               \
    X(multi_info_read)                                                                             \
    X(multi_init)                                                                                  \
    X(multi_perform)                                                                               \
    X(multi_poll)                                                                                  \
    X(multi_remove_handle)

DL_API(curl, curl_, CURL_FUNCTIONS)

static const unsigned long long size_limit = 4ull << 30; /* for a server that never ends */

/* What a try came to. */
enum outcome { DONE, FAILED, AGAIN_LATER, AGAIN_NOW };

/* What became of the body's first bytes. */
enum body { BODY_NONE, BODY_TAKEN, BODY_REFUSED, BODY_LIES, BODY_UNWRITABLE, BODY_TOO_LARGE };

struct download {
    const char *url, *expected;
    const struct http_progress *progress;
    struct http_limits limits;
    char *shown; /* the URL for messages: without a password */
    struct part part;
    unsigned long long total; /* of the whole; 0: not known */
    bool host_down;
    int rc; /* the error that a try recorded */
    /* one try */
    CURL *easy;
    char message[CURL_ERROR_SIZE];
    enum body body;
    int why; /* errno of BODY_UNWRITABLE */
};

/* ---- The part ---- */

static int start_over(struct download *d)
{
    d->total = 0;
    return part_restart(&d->part);
}

/* Opens and locks the part; waits for another process that is writing it. */
static int open_part(struct download *d, const char *path)
{
    for (bool told = false;; told = true) {
        int rc = part_open(&d->part, path);
        if (rc <= 0)
            return rc;
        if (proc_check() < 0)
            return E_SIGNAL;
        if (!told)
            note("another ungil is downloading %s: waiting for it", d->shown);
        clock_sleep(0.2);
    }
}

/* Digests what an earlier run left behind; drops it when nothing could tell whether it fits. */
static int read_part(struct download *d)
{
    if (d->expected)
        return part_read(&d->part);
    return start_over(d) < 0 ? part_cannot_write(&d->part) : 0;
}

/* ---- The body ---- */

/* Whether the server sends the bytes that were asked for. */
static bool range_fits(struct download *d)
{
    struct curl_header *h;
    unsigned long long start, end, total = 0;
    if (curl.easy_header(d->easy, "Content-Range", 0, CURLH_HEADER, -1, &h) != CURLHE_OK ||
        sscanf(h->value, "bytes %llu-%llu/%llu", &start, &end, &total) < 2)
        return false;
    bool same = d->total == 0 || total == 0 || total == d->total;
    d->total = total;
    return same && start == d->part.have;
}

static enum body begin_body(struct download *d)
{
    long status = 0;
    curl_off_t length = -1;
    curl.easy_getinfo(d->easy, CURLINFO_RESPONSE_CODE, &status);
    curl.easy_getinfo(d->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (status == 206)
        return range_fits(d) ? BODY_TAKEN : BODY_LIES;
    if (status != 200 && !(status == 0 && str_starts(d->url, "file:")))
        return BODY_REFUSED;
    /* The whole file: a server without ranges, or the part was empty. */
    if (start_over(d) < 0) {
        d->why = errno;
        return BODY_UNWRITABLE;
    }
    d->total = length > 0 ? (unsigned long long)length : 0;
    return BODY_TAKEN;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct download *d = arg;
    size_t bytes = size * n;
    if (d->body == BODY_NONE)
        d->body = begin_body(d);
    if (d->body == BODY_TAKEN && d->part.have + bytes > size_limit)
        d->body = BODY_TOO_LARGE;
    if (d->body == BODY_TAKEN && part_add(&d->part, data, bytes) < 0) {
        d->why = errno;
        d->body = BODY_UNWRITABLE;
    }
    if (d->body != BODY_TAKEN)
        return bytes ? 0 : 1; /* anything but `bytes` ends the transfer */
    return bytes;
}

/* ---- One transfer ---- */

static void set_options(struct download *d)
{
    CURL *e = d->easy;
    curl.easy_setopt(e, CURLOPT_URL, d->url);
    curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https,file");
    curl.easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR,
                     str_starts(d->url, "https:") ? "https" : "http,https");
    curl.easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
    curl.easy_setopt(e, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS);
    http_set_common(e, &d->limits, d->message);
    curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl.easy_setopt(e, CURLOPT_WRITEDATA, d);
    char range[32];
    snprintf(range, sizeof range, "%llu-", d->part.have);
    if (d->part.have > 0 && !str_starts(d->url, "file:"))
        curl.easy_setopt(e, CURLOPT_RANGE, range);
}

static CURLcode drive(struct download *d, CURLM *multi)
{
    int running = 1, left;
    unsigned long long before = 0;
    double moved = clock_now();
    for (;;) {
        CURLMcode m = curl.multi_perform(multi, &running);
        if (d->progress && d->progress->update && d->body == BODY_TAKEN)
            d->progress->update(d->progress->arg, d->part.have, d->total);
        if (m != CURLM_OK)
            return CURLE_FAILED_INIT;
        if (!running)
            break;
        if (d->part.have != before || d->body != BODY_TAKEN)
            moved = clock_now();
        before = d->part.have;
        /* Sooner than curl's own limit, which looks at the last seconds' mean. */
        if (clock_now() - moved > d->limits.stall)
            return CURLE_OPERATION_TIMEDOUT;
        struct curl_waitfd signals = {.fd = proc_signal_fd(), .events = CURL_WAIT_POLLIN};
        curl.multi_poll(multi, &signals, signals.fd >= 0, 500, NULL);
        proc_signal_drain();
        if (proc_interrupted())
            return CURLE_ABORTED_BY_CALLBACK;
    }
    CURLMsg *msg = curl.multi_info_read(multi, &left);
    return msg ? msg->data.result : CURLE_FAILED_INIT;
}

static CURLcode transfer(struct download *d)
{
    CURLM *multi = curl.multi_init();
    CURLcode code = CURLE_FAILED_INIT;
    d->message[0] = '\0';
    d->body = BODY_NONE;
    set_options(d);
    if (multi && curl.multi_add_handle(multi, d->easy) == CURLM_OK) {
        code = drive(d, multi);
#if LIBCURL_VERSION_NUM >= 0x075700
        /* Not to wait for a name server that does not answer. */
        if (code == CURLE_ABORTED_BY_CALLBACK)
            curl.easy_setopt(d->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
        curl.multi_remove_handle(multi, d->easy);
    }
    curl.multi_cleanup(multi);
    return code;
}

/* ---- What came of it ---- */

static enum outcome give_up(struct download *d, int rc)
{
    d->rc = rc;
    return FAILED;
}

static enum outcome explained(struct download *d, CURLcode code, long status)
{
    const char *last = NULL; /* after redirects */
    autofree char *shown = NULL, *host = NULL;
    curl.easy_getinfo(d->easy, CURLINFO_EFFECTIVE_URL, &last);
    http_name_url(last && *last ? last : d->url, &shown, &host);
    struct http_failure f = {.shown = d->shown,
                             .host = host,
                             .status = d->body == BODY_REFUSED ? status : 0,
                             .have = d->part.have,
                             .total = d->total,
                             .redirects = HTTP_REDIRECTS};
    http_look(d->easy, (int)code, d->message, &f);
    d->rc = http_explain(&f);
    d->host_down = f.host_down;
    return f.again ? AGAIN_LATER : FAILED;
}

static enum outcome judge(struct download *d, CURLcode code)
{
    long status = 0;
    curl.easy_getinfo(d->easy, CURLINFO_RESPONSE_CODE, &status);
    if (proc_check() < 0)
        return give_up(d, E_SIGNAL);
    if (code == CURLE_OK && d->body == BODY_NONE)
        d->body = begin_body(d); /* a body without bytes */
    if (d->body == BODY_UNWRITABLE) {
        errno = d->why;
        return give_up(d, part_cannot_write(&d->part));
    }
    if (d->body == BODY_TOO_LARGE) {
        return give_up(d, fail(E_INTEGRITY, "%s has more than %llu GiB: this is no source archive",
                               d->shown, size_limit >> 30));
    }
    /* 416: the part is longer than the file. Either way it is of no use. */
    if (d->body == BODY_LIES || (status == 416 && d->part.have > 0)) {
        d->rc = fail(E_UNREACHABLE,
                     "cannot get %s: the server sends other bytes than it was asked for", d->shown);
        return start_over(d) == 0 ? AGAIN_NOW : give_up(d, part_cannot_write(&d->part));
    }
    return code == CURLE_OK && d->body == BODY_TAKEN ? DONE : explained(d, code, status);
}

/* ---- The tries ---- */

/* Waits before try number `next`; 0 or E_SIGNAL. */
static int pause_before(struct download *d, int next, curl_off_t retry_after)
{
    double now = clock_now(), delay = http_delay(&d->limits, next, (long)retry_after);
    note("%s; try %d of %d in %.1f s", err_message(), next, HTTP_TRIES, delay);
    for (double end = now + delay; now < end; now = clock_now()) {
        struct pollfd pf = {.fd = proc_signal_fd(), .events = POLLIN};
        poll(&pf, 1, (int)((end - now) * 1000) + 1);
        proc_signal_drain();
        if (proc_interrupted())
            return proc_check();
    }
    return 0;
}

static int not_reached(struct download *d, int rc)
{
    char have[16];
    err_context(rc, "after %d tries", HTTP_TRIES);
    if (d->part.have > 0 && d->expected)
        return err_hint(rc, "run it again: it goes on from the %s that are here",
                        str_bytes(have, d->part.have));
    return err_hint(rc, "try again later, or name another place with --mirror");
}

static int try_all(struct download *d)
{
    for (int n = 1;; n++) {
        curl_off_t retry_after = 0;
        d->easy = curl.easy_init();
        if (!d->easy)
            return fail(E_FAILED, "cannot start libcurl");
        enum outcome outcome = judge(d, transfer(d));
        curl.easy_getinfo(d->easy, CURLINFO_RETRY_AFTER, &retry_after);
        curl.easy_cleanup(d->easy);
        d->easy = NULL;
        if (outcome == DONE)
            return 0;
        if (outcome == FAILED)
            return d->rc;
        if (n == HTTP_TRIES)
            return not_reached(d, d->rc);
        if (outcome == AGAIN_LATER) {
            int rc = pause_before(d, n + 1, retry_after);
            if (rc < 0)
                return rc;
        }
    }
}

/* Until the digest is right: a part from an earlier run may be of another file, so that one more
 * download, from the beginning, decides. */
static int fetch(struct download *d, char got[SHA256_HEX])
{
    if (d->part.from_before && digest_file(d->part.path, got) == 0 && strcmp(got, d->expected) == 0)
        return 0; /* only the renaming was left to do */
    for (;;) {
        bool was_from_before = d->part.from_before;
        int rc = try_all(d);
        if (rc < 0)
            return rc;
        was_from_before = was_from_before && d->part.from_before;
        digest_hex(d->part.digest, got);
        if (!d->expected || strcmp(got, d->expected) == 0)
            return 0;
        if (was_from_before) {
            detail("%s: what was there already does not fit, from the beginning", d->shown);
            if (start_over(d) < 0)
                return part_cannot_write(&d->part);
            continue;
        }
        unlink(d->part.path);
        rc = fail(E_INTEGRITY, "%s has the SHA-256 %s, but %s is pinned", d->shown, got,
                  d->expected);
        return err_hint(rc, "it is not the file that the recipe means: nothing of it was kept; "
                            "try another mirror");
    }
}

static int check_url(const char *url, const char *shown)
{
    if (str_starts(url, "http://") || str_starts(url, "https://") || str_starts(url, "file:///"))
        return 0;
    return err_hint(fail(E_USAGE, "\"%s\" is none of http://, https:// and file:///", shown),
                    "archives come from URLs that begin so; those of a directory from file:///DIR");
}

static int download_locked(struct download *d, const char *path, char got[SHA256_HEX])
{
    int rc = open_part(d, path);
    if (rc == 0)
        rc = read_part(d);
    if (rc == 0)
        rc = fetch(d, got);
    if (rc == 0)
        rc = part_rename(&d->part, path);
    if (rc < 0 && d->part.fd >= 0 && (d->part.have == 0 || !d->expected || rc == E_INTEGRITY))
        unlink(d->part.path);
    return rc;
}

int http_download(const char *url, const char *path, const char *expected, char got[SHA256_HEX],
                  const struct http_progress *progress, bool *host_down)
{
    struct download d = {.url = url, .expected = expected, .progress = progress, .part = PART_INIT};
    autofree char *host = NULL;
    http_name_url(url, &d.shown, &host);
    d.limits = http_limits();
    autofree char *dir = path_dir(path);
    int rc = check_url(url, d.shown);
    if (rc == 0)
        rc = http_load();
    if (rc == 0)
        rc = DL_LOAD(curl, LIBCURL_SONAME);
    if (rc == 0)
        rc = fs_mkdirs(dir, 0777);
    if (rc == 0)
        rc = download_locked(&d, path, got);
    if (host_down)
        *host_down = d.host_down;
    part_close(&d.part);
    free(d.shown);
    return rc;
}
