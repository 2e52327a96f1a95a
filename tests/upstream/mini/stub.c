/*
 * The interpreter of the miniature CPython. It answers what ungil asks of one, and nothing else:
 *
 *   -V, -VV
 *       the version text, as CPython words it
 *   [-I -B ...] DIR/KERNEL.py JSON
 *       the answers of that kernel on descriptor 3 (see share/kernels/ungil_kernel.py): every
 *       check passes, unless a file in the control directory says otherwise
 *   -m test --pgo [--list-tests] [NAME]
 *       the names of its tests, or one of them or all
 *   anything else
 *       nothing, successfully
 *
 * VERSION, FT (0 or 1) and CONTROL (the control directory, see tests/upstream/mini.sh) come from
 * the Makefile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *channel;
static const char *parameters = "{}";

static int wished(const char *knob)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", CONTROL, knob);
    return access(path, F_OK) == 0;
}

static void check(const char *name, int good, int proof)
{
    fprintf(channel,
            "{\"check\": \"%s\", \"expected\": \"good\", \"seen\": \"%s\", \"verdict\": \"%s\", "
            "\"reason\": \"the stub says so\", \"proof\": %s}\n",
            name, good ? "good" : "bad", good ? "pass" : "fail", proof ? "true" : "false");
}

/* Each string of the list that stands under `key` in the parameters is a check that passes. */
static void check_each(const char *key)
{
    char name[64];
    const char *p = strstr(parameters, key);
    const char *end = p ? strchr(p, ']') : NULL;
    if (!p || !end)
        return;
    p += strlen(key);
    while ((p = strchr(p + 1, '"')) && p < end) {
        const char *q = strchr(p + 1, '"');
        if (!q || q > end)
            return;
        if (*(p + 1) != ':' && q - p - 1 < (long)sizeof name && p[1] != ' ') {
            snprintf(name, sizeof name, "%.*s", (int)(q - p - 1), p + 1);
            check(name, 1, 0);
        }
        p = q;
    }
}

/* The text of a scalar parameter, without quotes. */
static const char *parameter(const char *key, char *buf, size_t size)
{
    const char *p = strstr(parameters, key);
    size_t n;
    if (!p)
        return NULL;
    p += strlen(key);
    p += strspn(p, "\": ");
    n = strcspn(p, "\",}");
    snprintf(buf, size, "%.*s", (int)n, p);
    return buf;
}

static int gil = !FT; /* -X gil=1 switches it on */

static void bench(void)
{
    char kernel[32] = "", form[32] = "", mode[32] = "", workers[16] = "1", scale[32] = "1";
    parameter("\"kernel\"", kernel, sizeof kernel);
    parameter("\"form\"", form, sizeof form);
    parameter("\"mode\"", mode, sizeof mode);
    parameter("\"workers\"", workers, sizeof workers);
    parameter("\"scale\"", scale, sizeof scale);
    if (wished("slow-bench"))
        sleep(60);
    if (strstr(parameters, "\"facts\"")) {
        fprintf(channel,
                "{\"version\": \"%s stub\", \"release\": \"%s\", \"free_threaded\": %s, \"gil\": "
                "%s, \"compiler\": \"none\", "
                "\"configure\": \"\", \"flags\": {}}\n",
                VERSION, VERSION, FT ? "true" : "false", gil ? "true" : "false");
        return;
    }
    if (wished("skip-bench")) {
        fprintf(channel, "{\"kernel\": \"%s\", \"form\": \"%s\", \"skip\": \"the stub says so\"}\n",
                kernel, form);
        return;
    }
    if (strstr(parameters, "\"calibrate\"")) {
        fprintf(channel, "{\"kernel\": \"%s\", \"form\": \"%s\", \"scale\": 1.0}\n", kernel, form);
        return;
    }
    fprintf(channel,
            "{\"kernel\": \"%s\", \"form\": \"%s\", \"mode\": \"%s\", \"workers\": %s, \"scale\": "
            "%s, \"seconds\": %g, "
            "\"cpu_seconds\": 1.0, \"startup_seconds\": 0.01, \"checksum\": \"42\", "
            "\"gil_before\": %s, \"gil_after\": %s, "
            "\"workers_seen\": %s, \"bound\": true, \"version\": \"%s stub\"}\n",
            kernel, form, mode, workers, scale, gil ? 1.0 : 1.1 / atof(workers),
            gil ? "true" : "false", gil ? "true" : "false", workers, VERSION);
}

/* Whether the prefix that is looked at has what mini.sh installs as pip. */
static int has_pip(void)
{
    char prefix[4096], path[4200];
    if (!parameter("\"prefix\"", prefix, sizeof prefix))
        return 1;
    snprintf(path, sizeof path, "%s/bin/pip3", prefix);
    return access(path, X_OK) == 0;
}

static int kernel(const char *script)
{
    const char *name = strrchr(script, '/') ? strrchr(script, '/') + 1 : script;

    channel = fdopen(3, "w");
    if (!channel)
        channel = stdout;
    if (wished("dead-kernel")) /* an interpreter that crashes proves nothing */
        abort();
    if (wished("slow-verify") && strcmp(name, "bench.py") != 0)
        sleep(60);
    if (strcmp(name, "identity.py") == 0) {
        fprintf(channel, "{\"info\": {\"version\": \"%s\", \"stub\": true}}\n", VERSION);
        check("build-flag", 1, FT);
        check("abiflags", 1, FT);
        check("soabi", 1, FT);
        check("version-text", 1, FT);
        check(FT ? "gil-off" : "gil-on", !(FT && wished("gil-on")), FT);
    } else if (strcmp(name, "modules.py") == 0) {
        check_each("\"require\"");
        check_each("\"optional\"");
    } else if (strcmp(name, "variant.py") == 0) {
        check("debug", !wished("no-debug"), 0);
    } else if (strcmp(name, "parallel.py") == 0) {
        fprintf(channel, "{\"ratio\": %s}\n", FT ? "1.95" : "1.0");
        check("parallel", 1, FT);
    } else if (strcmp(name, "stdlib.py") == 0) {
        check("stdlib-together", 1, FT);
        check("stdlib-alone", 1, FT);
    } else if (strcmp(name, "venv_pip.py") == 0) {
        check("venv", 1, 0);
        check("pip", !wished("no-pip"), 0);
        check("own-pip", has_pip(), 0);
    } else if (strcmp(name, "bench.py") == 0) {
        bench();
    }
    fprintf(channel, "{\"done\": true}\n");
    return fclose(channel) ? 1 : 0;
}

static int is_named(const char *const *arguments, int n, const char *test)
{
    int all = 1;
    for (int i = 0; i < n; i++) {
        if (strcmp(arguments[i], test) == 0)
            return 1;
        all = all && arguments[i][0] == '-';
    }
    return all;
}

/* The training suite: six tests, each of which a file in the control directory lets fail, or crash
 * with all the others of its process. */
static int train(const char *const *arguments, int n)
{
    static const char *const tests[] = {"test_one",  "test_two",  "test_three",
                                        "test_four", "test_five", "test_six"};
    int failed = 0, list = 0;
    for (int i = 0; i < n; i++)
        list = list || strcmp(arguments[i], "--list-tests") == 0;
    for (int i = 0; i < 6; i++) {
        char fails[64], crashes[64];
        snprintf(fails, sizeof fails, "fail-%s", tests[i]);
        snprintf(crashes, sizeof crashes, "crash-%s", tests[i]);
        if (!is_named(arguments, n, tests[i]))
            continue;
        puts(tests[i]);
        if (!list && wished("sleep-train"))
            sleep(20);
        if (!list && wished(crashes))
            abort();
        if (!list && wished(fails)) {
            printf("%s failed: the miniature was told to fail here\n", tests[i]);
            failed = 1;
        }
    }
    return failed ? 2 : 0;
}

int stub_main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "gil=1") == 0)
            gil = 1;
        if (strcmp(argv[i], "-V") == 0 || strcmp(argv[i], "--version") == 0) {
            printf("Python %s\n", VERSION);
            return 0;
        }
        if (strcmp(argv[i], "-VV") == 0) {
            printf("Python %s %s(tags/v%s:0000000, Jan  1 2025, 00:00:00) [GCC]\n", VERSION,
                   FT ? "free-threading build " : "", VERSION);
            return 0;
        }
        if (strcmp(argv[i], "-m") == 0 && i + 1 < argc && strcmp(argv[i + 1], "test") == 0)
            return train((const char *const *)argv + i + 2, argc - i - 2);
        if (strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "-m") == 0)
            return 0;
        if (strstr(argv[i], "/ungil-bytecode.py")) /* no kernel: the build runs it */
            return 0;
        if (strlen(argv[i]) > 3 && strcmp(argv[i] + strlen(argv[i]) - 3, ".py") == 0) {
            if (i + 1 < argc)
                parameters = argv[i + 1];
            return kernel(argv[i]);
        }
    }
    return 0;
}
