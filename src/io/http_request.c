#include "io/http_request.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dl.h"
#include "base/err.h"
#include "base/proc.h"
#include "io/http_common.h"
#include "io/http_error.h"

#define REQUEST_FUNCTIONS(X)                                                                       \
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
    X(multi_remove_handle)                                                                         \
    X(slist_append)                                                                                \
    X(slist_free_all)

DL_API(curl, curl_, REQUEST_FUNCTIONS)

enum { REFUSAL_LIMIT = 64 << 10, PATIENCE = 10, POLL_MS = 200, BUFFER = 256 << 10 };

struct http_session {
    CURLM *multi;
    struct http_limits limits;
    struct http_transfer *under_way; /* a list */
    unsigned long long received, sent;
};

/* One try of a request. */
struct http_transfer {
    struct http_session *session;
    struct http_request *q;
    CURL *easy;
    struct curl_slist *headers;
    struct http_transfer *next;
    char message[CURL_ERROR_SIZE];
    bool ended;
    CURLcode code;
    bool stopped;                  /* by us: the body is not wanted */
    unsigned long long have, sent; /* bytes of the bodies */
    double moved;                  /* when a byte came or went last */
};

int http_session_new(struct http_session **out)
{
    int rc = http_load();
    if (rc == 0)
        rc = DL_LOAD(curl, LIBCURL_SONAME);
    if (rc < 0)
        return rc;
    struct http_session *s = xcalloc(1, sizeof *s);
    s->limits = http_limits();
    s->multi = curl.multi_init();
    if (!s->multi) {
        free(s);
        return fail(E_FAILED, "cannot start libcurl");
    }
    *out = s;
    return 0;
}

/* ---- One try ---- */

static size_t on_write(char *data, size_t size, size_t n, void *arg)
{
    struct http_transfer *t = arg;
    struct http_request *q = t->q;
    size_t bytes = size * n;
    curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &q->status);
    t->have += bytes;
    t->session->received += bytes;
    t->moved = clock_now();
    bool good = q->status >= 200 && q->status < 300;
    if (good && q->write) {
        t->stopped = !q->write(q, data, bytes);
    } else {
        size_t limit = good ? q->limit : REFUSAL_LIMIT;
        t->stopped = q->body.len + bytes > limit;
        str_addn(&q->body, data, t->stopped ? limit - q->body.len : bytes);
    }
    return t->stopped ? (bytes ? 0 : 1) : bytes;
}

static size_t on_read(char *buffer, size_t size, size_t n, void *arg)
{
    struct http_transfer *t = arg;
    struct http_request *q = t->q;
    unsigned long long left = q->size - t->sent;
    size_t bytes = size * n < left ? size * n : (size_t)left;
    if (q->data) {
        memcpy(buffer, (const char *)q->data + t->sent, bytes);
    } else if (bytes) {
        ssize_t got = pread(q->body_fd, buffer, bytes, (off_t)(q->offset + t->sent));
        if (got <= 0) /* it has become shorter, or cannot be read */
            return CURL_READFUNC_ABORT;
        bytes = (size_t)got;
    }
    t->sent += bytes;
    t->session->sent += bytes;
    t->moved = clock_now();
    return bytes;
}

/* A kept connection turned out to be dead: curl begins again on another. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct http_transfer *t = arg;
    if (origin != SEEK_SET || offset < 0 || (unsigned long long)offset > t->q->size)
        return CURL_SEEKFUNC_CANTSEEK;
    t->sent = (unsigned long long)offset;
    return CURL_SEEKFUNC_OK;
}

static void set_options(struct http_transfer *t)
{
    CURL *e = t->easy;
    struct http_request *q = t->q;
    struct http_limits limits = t->session->limits;
    if (q->patient)
        limits.stall *= PATIENCE;
    http_set_common(e, &limits, t->message);
    curl.easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(t->session->limits.stall * 1000));
    curl.easy_setopt(e, CURLOPT_URL, q->url);
    curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, q->tls_only ? "https" : "http,https");
    curl.easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl.easy_setopt(e, CURLOPT_PRIVATE, t);
    curl.easy_setopt(e, CURLOPT_BUFFERSIZE, (long)BUFFER);
    curl.easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER);
    curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, on_write);
    curl.easy_setopt(e, CURLOPT_WRITEDATA, t);
    if (strcmp(q->method, "HEAD") == 0)
        curl.easy_setopt(e, CURLOPT_NOBODY, 1L);
    if (q->has_body) {
        curl.easy_setopt(e, CURLOPT_UPLOAD, 1L);
        curl.easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->size);
        curl.easy_setopt(e, CURLOPT_READFUNCTION, on_read);
        curl.easy_setopt(e, CURLOPT_READDATA, t);
        curl.easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
        curl.easy_setopt(e, CURLOPT_SEEKDATA, t);
    }
    if (q->has_body || strcmp(q->method, "DELETE") == 0)
        curl.easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method);
    for (size_t i = 0; i < q->headers.n; i++)
        t->headers = curl.slist_append(t->headers, q->headers.v[i]);
    curl.easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
}

static void leave(struct http_transfer *t)
{
    struct http_session *s = t->session;
    for (struct http_transfer **at = &s->under_way; *at; at = &(*at)->next) {
        if (*at != t)
            continue;
        *at = t->next;
        curl.multi_remove_handle(s->multi, t->easy);
        return;
    }
}

static void drop(struct http_request *q)
{
    struct http_transfer *t = steal(&q->transfer);
    if (!t)
        return;
#if LIBCURL_VERSION_NUM >= 0x075700
    if (!t->ended) /* not to wait for a name server that does not answer */
        curl.easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    leave(t);
    curl.easy_cleanup(t->easy);
    curl.slist_free_all(t->headers);
    free(t);
}

static int start(struct http_session *s, struct http_request *q)
{
    drop(q);
    str_free(&q->body);
    q->status = 0;
    struct http_transfer *t = xcalloc(1, sizeof *t);
    *t = (struct http_transfer){.session = s, .q = q, .moved = clock_now()};
    t->easy = curl.easy_init();
    if (!t->easy) {
        free(t);
        return fail(E_FAILED, "cannot start libcurl");
    }
    q->transfer = t;
    set_options(t);
    t->next = s->under_way;
    s->under_way = t;
    return curl.multi_add_handle(s->multi, t->easy) == CURLM_OK
               ? 0
               : fail(E_FAILED, "cannot start a transfer");
}

/* ---- Its end ---- */

static void look(const struct http_transfer *t, struct http_failure *f)
{
    http_look(t->easy, (int)t->code, t->message, f);
}

int http_why(const struct http_request *q, const char *verb)
{
    const struct http_transfer *t = q->transfer;
    autofree char *shown = NULL, *host = NULL;
    http_name_url(q->url, &shown, &host);
    shown[strcspn(shown, "?#")] = '\0'; /* a signed URL is a password, too */
    struct http_failure f = {.verb = verb,
                             .shown = shown,
                             .host = host,
                             .have = t->have > t->sent ? t->have : t->sent,
                             .total = q->has_body ? q->size : 0};
    look(t, &f);
    if (t->code == CURLE_ABORTED_BY_CALLBACK && q->has_body)
        return fail(E_FAILED, "cannot %s %s: what is to be sent can no longer be read", verb,
                    shown);
    return http_explain(&f);
}

static void finish(struct http_transfer *t, CURLcode code)
{
    struct http_request *q = t->q;
    t->ended = true;
    t->code = code;
    curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &q->status);
    leave(t);
    q->untrusted = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
                   code == CURLE_SSL_ISSUER_ERROR;
    if (t->stopped && q->status >= 300)
        q->result = HTTP_ANSWERED; /* its beginning is enough */
    else if (t->stopped)
        q->result = HTTP_STOPPED;
    else if (code == CURLE_OK || (q->has_body && q->status >= 400))
        q->result = HTTP_ANSWERED; /* refused before all was sent, too */
    else {
        static const int broken[] = {CURLE_RECV_ERROR,
                                     CURLE_SEND_ERROR,
                                     CURLE_GOT_NOTHING,
                                     CURLE_PARTIAL_FILE,
                                     CURLE_HTTP2,
                                     CURLE_HTTP2_STREAM,
                                     CURLE_OPERATION_TIMEDOUT,
                                     CURLE_WEIRD_SERVER_REPLY};
        struct http_failure f = {0};
        look(t, &f);
        q->result = HTTP_DOWN;
        for (size_t i = 0; i < lengthof(broken); i++)
            if ((int)code == broken[i] && (f.connected || code != CURLE_OPERATION_TIMEDOUT))
                q->result = HTTP_BROKEN;
    }
}

const char *http_header(const struct http_request *q, const char *name, size_t index)
{
    struct curl_header *h;
    if (!q->transfer ||
        curl.easy_header(q->transfer->easy, name, index, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return NULL;
    return h->value;
}

long http_retry_after(const struct http_request *q)
{
    curl_off_t seconds = 0;
    if (q->transfer)
        curl.easy_getinfo(q->transfer->easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds > 3600 ? 3600 : (long)seconds;
}

unsigned long long http_sent(const struct http_request *q)
{
    return q->transfer ? q->transfer->sent : 0;
}

void http_request_free(struct http_request *q)
{
    drop(q);
    free(q->url);
    strv_free(&q->headers);
    str_free(&q->body);
}

void http_session_free(struct http_session *s)
{
    if (!s)
        return;
    while (s->under_way)
        drop(s->under_way->q);
    curl.multi_cleanup(s->multi);
    free(s);
}

void http_session_traffic(const struct http_session *s, unsigned long long *received,
                          unsigned long long *sent)
{
    *received = s->received;
    *sent = s->sent;
}

/* ---- All of them ---- */

/* Sooner than curl's own limit, which looks at the last seconds' mean. */
static void end_stalled(struct http_session *s)
{
    double now = clock_now();
    for (struct http_transfer *t = s->under_way, *next; t; t = next) {
        next = t->next;
        bool waits = t->have == 0 && (!t->q->has_body || t->sent == t->q->size);
        double limit = s->limits.stall * (waits && t->q->patient ? PATIENCE : 1);
        if (now - t->moved > limit + (waits ? 1 : 0))
            finish(t, CURLE_OPERATION_TIMEDOUT);
    }
}

/* Moves all transfers of the session on; waits a little for something to happen. */
static int step(struct http_session *s, int wait_ms)
{
    int running, left;
    struct curl_waitfd signals = {.fd = proc_signal_fd(), .events = CURL_WAIT_POLLIN};
    if (curl.multi_perform(s->multi, &running) != CURLM_OK)
        return fail(E_FAILED, "libcurl fails");
    bool any = false;
    for (CURLMsg *m; (m = curl.multi_info_read(s->multi, &left));) {
        struct http_transfer *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        finish(t, code);
        any = true;
    }
    end_stalled(s);
    if (!any)
        curl.multi_poll(s->multi, &signals, signals.fd > 0, wait_ms, NULL);
    proc_signal_drain();
    return proc_check();
}

/* What http_run knows of a request. */
struct turn {
    enum { WAITING, UNDER_WAY, OVER } state;
    double at; /* not before */
};

static int take_next(struct http_request *q, struct turn *turn, int next)
{
    turn->at = clock_now() + q->delay;
    q->delay = 0;
    turn->state = next == HTTP_DONE ? OVER : WAITING;
    return next < 0 ? next : 0;
}

/* Begins and ends what can be; counts those that are not over. */
static int take_turns(struct http_session *s, struct http_request *const *list, struct turn *turns,
                      size_t n, size_t parallel, size_t *open)
{
    size_t busy = 0;
    *open = 0;
    for (size_t i = 0; i < n && busy < parallel; i++) {
        struct http_request *q = list[i];
        int rc = 0;
        if (turns[i].state == UNDER_WAY && q->transfer->ended)
            rc = take_next(q, &turns[i], q->ended(q));
        if (rc == 0 && turns[i].state == WAITING && clock_now() >= turns[i].at) {
            int next = q->begin ? q->begin(q) : HTTP_GO;
            if (next == HTTP_GO)
                rc = start(s, q);
            else
                rc = take_next(q, &turns[i], next);
            if (next == HTTP_GO)
                turns[i].state = UNDER_WAY;
        }
        if (rc < 0)
            return rc;
        busy += turns[i].state != OVER;
        *open += turns[i].state != OVER;
    }
    return 0;
}

int http_run(struct http_session *s, struct http_request *const *list, size_t n, size_t parallel,
             void (*tick)(void *arg), void *arg)
{
    autofree struct turn *turns = xcalloc(n ? n : 1, sizeof *turns);
    int rc = proc_check();
    while (rc == 0) {
        size_t open;
        rc = take_turns(s, list, turns, n, parallel, &open);
        if (rc < 0 || open == 0)
            break;
        rc = step(s, POLL_MS);
        if (tick)
            tick(arg);
    }
    for (size_t i = 0; i < n && rc < 0; i++)
        drop(list[i]);
    return rc;
}
