/* A download ends well from a server that means well, and says what is the matter with others. */
#include "io/http.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/err.h"
#include "scratch.h"
#include "server.h"
#include "tap.h"

enum { SIZE = 400000 };

static struct server plain, tls;
static char *data; /* what is served as "file" */
static char digest[SHA256_HEX];
static bool host_down;
static unsigned long long progress_now, progress_total;

static void on_progress(void *arg, unsigned long long now, unsigned long long total)
{
    (void)arg;
    progress_now = now;
    progress_total = total;
}

/* Downloads URL/MODE/file to "got"; the digest is pinned. */
static int get(const struct server *s, const char *mode)
{
    char got[SHA256_HEX] = "";
    const struct http_progress progress = {.update = on_progress};
    autofree char *url = xasprintf("%s/%s/file", s->url, mode);
    printf("# %s\n", mode);
    return http_download(url, "got", digest, got, &progress, &host_down);
}

static void clean(void)
{
    unlink("got");
    unlink("got.part");
    int n;
    free(server_requests(&plain, &n));
}

static void whole_and_asked(int rc, int requests)
{
    int n;
    char hex[SHA256_HEX] = "";
    if (!is_int(rc, 0, "it comes"))
        printf("# %s\n", err_message());
    digest_file("got", hex);
    is_str(hex, digest, "it is whole");
    ok(!fs_exists("got.part"), "no part is left");
    autofree char *log = server_requests(&plain, &n);
    if (!is_int(n, requests, "with this many requests"))
        printf("# %s\n", log);
    unlink("got");
}

/* The part has the first `n` bytes; or as many others. */
static void leave_part(size_t n, bool right)
{
    autofree char *text = xcalloc(1, n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = right && i < SIZE ? data[i] : 'x';
    fs_write_atomic("got.part", text, n, 0644);
}

static void failed_and_asked(int rc, int expected, int requests)
{
    int n;
    if (!is_int(rc, expected, "it fails"))
        printf("# %s\n", err_message());
    ok(!fs_exists("got"), "there is no file");
    ok(strstr(err_message(), "127.0.0.1"), "the message says from where");
    autofree char *log = server_requests(&plain, &n);
    if (!is_int(n, requests, "with this many requests"))
        printf("# %s\n", log);
}

static void well_meaning(void)
{
    whole_and_asked(get(&plain, "ok"), 1);
    is_int((long long)progress_now, SIZE, "progress: all bytes");
    is_int((long long)progress_total, SIZE, "progress: the size");
    whole_and_asked(get(&plain, "moved"), 2);
    whole_and_asked(get(&plain, "norange"), 1);
}

static void resumed(void)
{
    int n;
    leave_part(100000, true);
    is_int(get(&plain, "ok"), 0, "it goes on from a part");
    autofree char *log = server_requests(&plain, &n);
    ok(strstr(log, "bytes=100000- 206"), "by Range");
    is_int(n, 1, "in one request");
    clean();
    leave_part(SIZE, true);
    whole_and_asked(get(&plain, "ok"), 0);
    leave_part(SIZE + 5, false);
    whole_and_asked(get(&plain, "ok"), 2); /* 416, then all */
    leave_part(SIZE, false);
    whole_and_asked(get(&plain, "ok"), 2);
    leave_part(1000, false);
    whole_and_asked(get(&plain, "ok"), 2); /* the digest says that the part was another's */
    leave_part(1000, true);
    whole_and_asked(get(&plain, "norange"), 1);
    leave_part(1000, true);
    whole_and_asked(get(&plain, "liar"), 2);
    char got[SHA256_HEX];
    autofree char *url = xasprintf("%s/ok/file", plain.url);
    leave_part(1000, false);
    whole_and_asked(http_download(url, "got", NULL, got, NULL, NULL), 1);
    is_str(got, digest, "without a pin a part is not trusted");
}

static void tries(void)
{
    int n;
    whole_and_asked(get(&plain, "cut"), 2);
    whole_and_asked(get(&plain, "503x2"), 3);
    whole_and_asked(get(&plain, "408x1"), 2);
    double before = clock_now();
    whole_and_asked(get(&plain, "429"), 2);
    ok(clock_now() - before >= 2, "Retry-After was honoured");
    failed_and_asked(get(&plain, "500"), E_UNREACHABLE, 5);
    ok(strstr(err_message(), "500") && strstr(err_message(), "5 tries"), "and why");
    failed_and_asked(get(&plain, "empty"), E_UNREACHABLE, 5);
    failed_and_asked(get(&plain, "cutmore"), E_UNREACHABLE, 5);
    clean();
    failed_and_asked(get(&plain, "404"), E_NOTFOUND, 1);
    ok(!host_down, "the host is not down");
    failed_and_asked(get(&plain, "410"), E_NOTFOUND, 1);
    failed_and_asked(get(&plain, "403"), E_UNREACHABLE, 1);
    failed_and_asked(get(&plain, "loop"), E_UNREACHABLE, 6);
    ok(strstr(err_message(), "redirects"), "the message speaks of redirects");
    failed_and_asked(get(&plain, "tofile"), E_UNREACHABLE, 1);
    setenv("UNGIL_HTTP_STALL", "0.3", 1);
    before = clock_now();
    is_int(get(&plain, "stall"), E_UNREACHABLE, "a transfer that stalls is given up");
    ok(clock_now() - before < 15, "in time");
    ok(strstr(err_message(), "halt"), "and the message says so");
    ok(fs_exists("got.part"), "what came is kept");
    ok(err_hint_text() && strstr(err_hint_text(), "goes on"), "and the hint says so");
    free(server_requests(&plain, &n));
    unsetenv("UNGIL_HTTP_STALL");
    clean();
}

static void wrong_bytes(void)
{
    failed_and_asked(get(&plain, "flip"), E_INTEGRITY, 1);
    ok(strstr(err_message(), digest), "the message names the pin");
    ok(!fs_exists("got.part"), "nothing is kept");
    failed_and_asked(get(&plain, "short"), E_INTEGRITY, 1);
    ok(!fs_exists("got.part"), "nothing is kept");
}

static void no_host(void)
{
    char got[SHA256_HEX];
    is_int(http_download("http://no-such-host.invalid/f", "got", NULL, got, NULL, &host_down),
           E_UNREACHABLE, "a host that does not exist");
    ok(host_down && strstr(err_message(), "no-such-host.invalid"), "is named, and is down");
    is_int(http_download("http://me:secret@127.0.0.1:1/f", "got", NULL, got, NULL, &host_down),
           E_UNREACHABLE, "nobody listens");
    ok(host_down && strstr(err_message(), "127.0.0.1:1"), "is named, and is down");
    ok(!strstr(err_message(), "secret"), "a password is never shown");
    is_int(http_download("ftp://127.0.0.1/f", "got", NULL, got, NULL, &host_down), E_USAGE,
           "another protocol");
    is_int(http_download("3.14", "got", NULL, got, NULL, NULL), E_USAGE, "no URL at all");
    is_int(http_download("http://127.0.0.1:1:2/", "got", NULL, got, NULL, NULL), E_USAGE,
           "a malformed one");
    ok(!fs_exists("got.part"), "no empty part is left");
}

static void local(void)
{
    char got[SHA256_HEX] = "";
    autofree char *url = xasprintf("file://%s/root/file", scratch_dir);
    /* the scratch directory has a space in its name */
    autostr quoted = {0};
    for (const char *p = url; *p; p++)
        str_addf(&quoted, *p == ' ' ? "%%20" : "%c", *p);
    leave_part(1000, true);
    whole_and_asked(http_download(quoted.s, "got", digest, got, NULL, &host_down), 0);
    str_add(&quoted, ".none");
    is_int(http_download(quoted.s, "got", digest, got, NULL, &host_down), E_NOTFOUND,
           "a file that is not there");
}

static void proxied(void)
{
    int n;
    char got[SHA256_HEX] = "";
    setenv("http_proxy", plain.url, 1);
    is_int(http_download("http://upstream.invalid/ok/file", "got", digest, got, NULL, &host_down),
           0, "through a proxy");
    autofree char *log = server_requests(&plain, &n);
    ok(strstr(log, "PROXY http://upstream.invalid"), "the proxy was asked");
    setenv("http_proxy", "http://no-such-proxy.invalid:3128", 1);
    is_int(get(&plain, "ok"), E_UNREACHABLE, "a proxy that does not exist");
    ok(host_down && err_hint_text() && strstr(err_hint_text(), "http_proxy"), "is hinted at");
    unsetenv("http_proxy");
    clean();
}

static void certificates(void)
{
    if (!tls.url) {
        ok(1, "TLS # SKIP there is no openssl program");
        return;
    }
    is_int(get(&tls, "ok"), E_UNREACHABLE, "a certificate that nobody signed");
    ok(host_down && strstr(err_message(), "prove"), "is refused, in words");
    ok(err_hint_text() && strstr(err_hint_text(), "SSL_CERT_FILE"), "with a hint");
    setenv("SSL_CERT_FILE", "certificate.pem", 1);
    is_int(get(&tls, "ok"), 0, "SSL_CERT_FILE makes it a good one");
    unlink("got");
    is_int(get(&tls, "tohttp"), E_UNREACHABLE, "https never becomes http");
    setenv("SSL_CERT_FILE", "there-is-none.pem", 1);
    is_int(get(&tls, "ok"), E_UNREACHABLE, "an SSL_CERT_FILE that is not there");
    ok(strstr(err_message(), "there-is-none.pem"), "is named");
    unsetenv("SSL_CERT_FILE");
    clean();
}

/* Runs `body` in a child; its result as an exit status. */
static int in_child(int (*body)(void), int signo, double *seconds)
{
    fflush(stdout);
    double before = clock_now();
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL); /* it stays ignored where the tests run in the background */
        proc_init();
        _exit(-body());
    }
    if (signo) {
        clock_sleep(0.7);
        before = clock_now();
        kill(pid, signo);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    *seconds = clock_now() - before;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : 1;
}

static int stalling(void)
{
    return get(&plain, "stall");
}

static int pausing(void)
{
    setenv("UNGIL_RETRY_BASE", "30", 1);
    return get(&plain, "503");
}

static int full_disk(void)
{
    struct rlimit limit = {100000, 100000};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    return get(&plain, "ok");
}

static int second(void)
{
    return get(&plain, "cut");
}

static void other_processes(void)
{
    double seconds;
    is_int(in_child(stalling, SIGTERM, &seconds), E_SIGNAL, "a signal ends a transfer");
    ok(seconds < 1, "at once");
    is_int(in_child(pausing, SIGINT, &seconds), E_SIGNAL, "a signal ends a pause");
    ok(seconds < 1, "at once");
    clean();
    is_int(in_child(full_disk, 0, &seconds), E_FAILED, "a full disk is this machine's fault");
    clean();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(second() == 0 ? 0 : 1);
    int status = 0;
    is_int(get(&plain, "ok"), 0, "two processes, one file");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    is_int(status, 0, "both are served");
    clean();
}

static void prepare(const char *program)
{
    data = xmalloc(SIZE + 1);
    for (unsigned i = 0, x = 1; i < SIZE; i++) {
        x = x * 1103515245u + 12345u;
        data[i] = "0123456789abcdef"[x >> 28];
    }
    data[SIZE] = '\0';
    scratch_file("root/file", data, 0644);
    digest_text(data, digest);
    setenv("UNGIL_RETRY_BASE", "0.01", 1);
    setenv("no_proxy", "nowhere.invalid", 1);
    static const char *const variables[] = {"http_proxy", "https_proxy",   "all_proxy",
                                            "ALL_PROXY",  "SSL_CERT_FILE", "SSL_CERT_DIR"};
    for (size_t i = 0; i < lengthof(variables); i++)
        unsetenv(variables[i]);
    if (!server_start(&plain, program, "plain", "root", NULL, NULL)) {
        printf("1..0 # SKIP no server: is there a python3?\n");
        exit(0);
    }
    autostrv argv = {0};
    struct proc_opts o = PROC_OPTS_INIT;
    int status = -1;
    strv_split(&argv,
               "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "
               "subjectAltName=IP:127.0.0.1 -keyout key.pem -out certificate.pem");
    if (proc_capture(&argv, &o, 60, 4096, NULL, &status) == 0 && proc_ok(status))
        server_start(&tls, program, "tls", "root", "certificate.pem", "key.pem");
}

int main(void)
{
    char here[4096];
    const char *srcdir = getenv("srcdir");
    autofree char *relative = path_join(srcdir ? srcdir : ".", "tests/upstream/faulty.py");
    if (proc_init() < 0 || !getcwd(here, sizeof here))
        return 99;
    autofree char *program = path_join(here, relative);
    scratch_enter();
    prepare(program);
    well_meaning();
    resumed();
    tries();
    wrong_bytes();
    no_host();
    local();
    proxied();
    certificates();
    other_processes();
    server_stop(&plain);
    server_stop(&tls);
    free(data);
    return tap_done();
}
