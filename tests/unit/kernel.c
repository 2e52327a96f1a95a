/* Goal: an interpreter that misbehaves never gives a verdict, and leaves nothing behind. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/kernel.h"
#include "core/verify.h"
#include "tap.h"

static char *dir;

/* A program that stands in for an interpreter: $1 -I, $2 -B, then the kernel and its parameters. */
static char *fake(const char *name, const char *body)
{
    char *path = path_join(dir, name);
    autofree char *text = xasprintf("#!/bin/sh\n%s\n", body);
    fs_write_atomic(path, text, strlen(text), 0755);
    return path;
}

static int answer_of(const char *name, const char *body, double seconds, json_t **results)
{
    autofree char *python = fake(name, body);
    struct kernel_run run = {.python = python, .kernel = "identity", .seconds = seconds};
    err_clear();
    return kernel_run(&run, results);
}

/* It fails, the message names the reason, and what came whole before is there. */
static void refuses(const char *name, const char *body, const char *reason, size_t whole)
{
    json_t *results = NULL;
    int rc = answer_of(name, body, 10, &results);
    is_int(rc, E_FAILED, name);
    if (!ok(strstr(err_message(), reason) != NULL, reason))
        printf("# said: %s\n", err_message());
    is_int((long long)json_array_size(results), (long long)whole, "answers kept");
    json_decref(results);
}

static void good_answers(void)
{
    json_t *results = NULL;
    int rc = answer_of("good",
                       "echo noise; echo '{\"check\": \"noise\"}'; echo more >&2\n"
                       "printf '{\"check\": \"a\"}\\n{\"done\": true}\\n' >&3",
                       10, &results);
    is_int(rc, 0, "noise on 1 and 2 is no answer");
    is_int((long long)json_array_size(results), 1, "one answer, and not its end");
    json_decref(results);
    rc = answer_of("large",
                   "i=0; while [ $i -lt 2000 ]; do echo '{\"check\": "
                   "\"0123456789012345678901234567890123456789012345678901234567890123456789\"}';"
                   "i=$((i+1)); done >&3; echo '{\"done\": true}' >&3",
                   20, &results);
    is_int(rc, 0, "more than a pipe holds");
    is_int((long long)json_array_size(results), 2000, "all of it");
    json_decref(results);
}

static void scrubbed(void)
{
    setenv("PYTHON_GIL", "1", 1);
    setenv("PYTHONPATH", "/nowhere", 1);
    setenv("MAKEFLAGS", "-j9", 1);
    json_t *results = NULL;
    int rc = answer_of("env",
                       "printf '{\"args\": \"%s %s\", \"gil\": \"%s\", \"path\": \"%s\", \"make\": "
                       "\"%s\", \"dir\": \"%s\"}\\n{\"done\": true}\\n' \"$1\" \"$2\" "
                       "\"$PYTHON_GIL\" \"$PYTHONPATH\" \"$MAKEFLAGS\" \"$PWD\" >&3",
                       10, &results);
    is_int(rc, 0, "the environment was asked");
    json_t *seen = json_array_get(results, 0);
    is_str(json_string_value(json_object_get(seen, "args")), "-I -B",
           "isolated, writes no bytecode");
    is_str(json_string_value(json_object_get(seen, "gil")), "", "PYTHON_GIL does not get in");
    is_str(json_string_value(json_object_get(seen, "path")), "", "nor PYTHONPATH");
    is_str(json_string_value(json_object_get(seen, "make")), "", "nor MAKEFLAGS");
    const char *private = json_string_value(json_object_get(seen, "dir"));
    ok(private && !fs_exists(private), "its private directory is gone");
    json_decref(results);
    unsetenv("PYTHON_GIL");
    unsetenv("PYTHONPATH");
    unsetenv("MAKEFLAGS");
}

static void no_interpreter(void)
{
    json_t *results = NULL;
    struct kernel_run run = {.python = "/nowhere/python3.14t", .kernel = "identity", .seconds = 5};
    ok(kernel_run(&run, &results) < 0 && !results, "no interpreter, no answer");
    run.kernel = "nosuch";
    ok(kernel_run(&run, &results) < 0 && !results, "no such kernel, no answer");
}

/* A zombie does not run: the first process of a container may never ask for it. */
static bool runs(pid_t pid)
{
    autofree char *path = xasprintf("/proc/%d/stat", pid), *text = NULL;
    bool zombie = fs_read_text(path, &text) == 0 && strstr(text, ") Z ");
    return kill(pid, 0) == 0 && !zombie;
}

static bool alive(const char *pid_file)
{
    autofree char *path = path_join(dir, pid_file);
    autofree char *text = NULL;
    if (fs_read_text(path, &text) < 0)
        return true;
    double end = clock_now() + 3;
    while (runs(atoi(text)) && clock_now() < end)
        clock_sleep(0.02);
    return runs(atoi(text));
}

static void limits(void)
{
    json_t *results = NULL;
    autofree char *body =
        xasprintf("echo '{\"check\": \"a\"}' >&3\nsleep 60 & echo $! > '%s/grand'\n"
                  "wait",
                  dir);
    double start = clock_now();
    int rc = answer_of("hangs", body, 0.5, &results);
    is_int(rc, E_FAILED, "the time limit ends it");
    ok(strstr(err_message(), "did not end within") != NULL, "and says so");
    ok(clock_now() - start < 5, "at once");
    is_int((long long)json_array_size(results), 1, "what it said before is kept");
    ok(!alive("grand"), "its child is gone with it");
    json_decref(results);

    autofree char *leaves =
        xasprintf("sleep 60 & echo $! > '%s/left'\necho '{\"done\": true}' >&3", dir);
    start = clock_now();
    rc = answer_of("leaves", leaves, 20, &results);
    is_int(rc, 0, "a child that holds descriptor 3 open does not matter");
    ok(clock_now() - start < 5, "nobody waits for it");
    ok(!alive("left"), "and it does not stay");
    json_decref(results);
}

/* What a program says that answers no check at all, or dies: never "proven". */
static void no_verdict(const char *name, const char *body, bool free_threaded,
                       enum verdict expected)
{
    autofree char *python = fake(name, body);
    struct verify_opts o = {.python = python, .free_threaded = free_threaded, .seconds = 0.4};
    json_t *result = NULL;
    enum verdict verdict = VERDICT_PROVEN;
    is_int(verify_run(&o, &result, &verdict), 0, "the checks could be run");
    is_str(verdict_name(verdict), verdict_name(expected), name);
    autofree char *why = verify_failed(result);
    ok(*why != '\0', "and the failed checks are named");
    json_decref(result);
}

int main(void)
{
    proc_init();
    const char *tmp = getenv("TMPDIR");
    if (fs_mkdtemp(tmp ? tmp : "/tmp", "ungil-unit", &dir) < 0)
        return 1;
    good_answers();
    refuses("crashes", "echo '{\"check\": \"a\"}' >&3; kill -SEGV $$", "killed by signal 11", 1);
    refuses("status", "echo '{\"done\": true}' >&3; exit 3", "exit status 3", 0);
    refuses("garbage", "printf '{\"check\": \"a\"}\\nSegfault?\\n{\"done\": true}\\n' >&3",
            "no JSON object: \"Segfault?\"", 1);
    refuses("list", "printf '[1]\\n{\"done\": true}\\n' >&3", "no JSON object", 0);
    refuses("truncated", "printf '{\"check\": \"a\"}\\n{\"check\": \"b' >&3", "no JSON object", 1);
    refuses("endless", "printf '{\"check\": \"a\"}\\n' >&3", "in the middle", 1);
    refuses("silent", "echo '{\"done\": true}'", "in the middle", 0);
    refuses("twice", "printf '{\"done\": true}\\n{\"check\": \"a\"}\\n' >&3", "after its end", 0);
    refuses("says why", "echo 'ImportError: libfoo' >&2; exit 1", "it printed: ImportError: libfoo",
            0);
    scrubbed();
    no_interpreter();
    limits();
    no_verdict("answers nothing", "echo '{\"done\": true}' >&3", true, VERDICT_UNPROVEN);
    no_verdict("says yes to no question",
               "echo '{\"check\": \"gil-off\", \"verdict\": \"pass\"}' >&3; "
               "echo '{\"done\": true}' >&3",
               true, VERDICT_UNPROVEN);
    no_verdict("dies as free-threaded", "kill -KILL $$", true, VERDICT_UNPROVEN);
    no_verdict("dies with bytes that are no text", "printf 'a\\377b\\n' >&2; exit 1", true,
               VERDICT_UNPROVEN);
    no_verdict("dies as the GIL build", "exit 1", false, VERDICT_FAILED);
    no_verdict("writes garbage", "echo '\377\001{[}' >&3; echo '{\"done\": true}' >&3", true,
               VERDICT_UNPROVEN);
    no_verdict("raises", "echo 'ValueError: x' >&2; exit 1", true, VERDICT_UNPROVEN);
    no_verdict("never ends", "sleep 60", true, VERDICT_UNPROVEN);
    fs_remove_tree(dir);
    free(dir);
    return tap_done();
}
