/* Prefixes get into the store and out of it whole, whatever a killed run left behind. */
#include "core/store.h"

#include <sys/wait.h>

#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/receipt.h"
#include "core/store_tree.h"
#include "scratch.h"
#include "tap.h"

/* A prefix with what the store looks at; `build` tells two builds of one name apart. */
static void make_prefix(const char *dir, const char *name, const char *build)
{
    autofree char *release = xstrndup(name, strspn(name, "0123456789."));
    autofree char *series = xstrndup(name, 4);
    const char *suffix = name + strlen(release);
    autofree char *receipt = xasprintf(
        "{\"format\": 1, \"name\": \"%s\", \"release\": \"%s\", \"series\": \"%s\", \"suffix\": "
        "\"%s\", \"free_threaded\": %s, \"inputs\": \"%s\", \"verify\": {\"verdict\": \"proven\"}}",
        name, release, series, suffix, *suffix == 't' ? "true" : "false", build);
    autofree char *file = path_join(dir, "ungil.json");
    autofree char *python = xasprintf("%s/bin/python%s%s", dir, series, suffix);
    autofree char *pip = xasprintf("%s/bin/pip%s%s", dir, series, suffix);
    scratch_file(file, receipt, 0644);
    scratch_file(python, "#!/bin/sh\n", 0755);
    scratch_file(pip, "#!/bin/sh\n", 0755);
}

static int install(struct store *s, const char *name, const char *build)
{
    char *dir = NULL;
    if (store_stage(s, name, &dir) < 0)
        return -99;
    autofree char *prefix = xasprintf("%s/opt/ungil/versions/%s", dir, name);
    free(dir);
    make_prefix(prefix, name, build);
    return store_commit(s, &(struct store_commit){.name = name, .prefix = prefix}, 1);
}

/* The build of an installed name; owned; NULL when it is not installed. */
static char *build_of(struct store *s, const char *name)
{
    struct receipt *r;
    if (store_find(s, name, &r) < 0)
        return NULL;
    char *build = xstrdup(r->inputs);
    receipt_free(r);
    return build;
}

static void is_build(struct store *s, const char *name, const char *build, const char *what)
{
    autofree char *got = build_of(s, name);
    is_str(got, build, what);
}

static size_t entries(const char *dir)
{
    autostrv names = {0};
    fs_list(dir, &names);
    return names.n;
}

static void commit_and_remove(struct store *s)
{
    is_int(store_lock(s, "test", 0), 0, "locked");
    is_int(install(s, "3.14.7", "first"), 0, "installed");
    is_int(install(s, "3.14.7t", "ft"), 0, "its companion");
    is_build(s, "3.14.7", "first", "there");
    is_int(install(s, "3.14.7", "second"), 0, "installed over it");
    is_build(s, "3.14.7", "second", "the new build is there");
    is_int((long long)entries("r/stage"), 0, "nothing is left in the stage");
    is_build(s, "3.14", "second", "a series is its newest release");
    is_build(s, "3.14t", "ft", "a series with a suffix too");
    is_int(install(s, "3.14.10", "newer"), 0, "a newer release");
    is_build(s, "3.14", "newer", "3.14.10 is newer than 3.14.7");
    is_build(s, "3.15", NULL, "what is not there is not found");
    is_int(store_remove(s, (const char *[]){"3.14.10"}, 1), 0, "removed");
    is_build(s, "3.14.10", NULL, "gone");
    is_int((long long)entries("r/stage"), 0, "nothing is left in the stage");
    ok(fs_exists("r/bin/python3.14t"), "python3.14t is linked");
    ok(fs_exists("r/bin/python3"), "python3 is linked");
}

/* What each step of a killed run leaves is ended by the next lock. */
static void recover(struct store *s)
{
    make_prefix("r/stage/3.14.7.abcdef/removed", "3.14.7", "killed while removing");
    make_prefix("r/stage/failed-3.14.7t", "3.14.7t", "kept on purpose");
    make_prefix("r/versions/.new-3.14.7", "3.14.7", "third");
    make_prefix("r/versions/3.14.9", "3.14.9", "half deleted");
    scratch_file("r/versions/.dropping-3.14.9", "", 0644);
    scratch_file("r/bin/python3.14.4711.tmp", "#!/bin", 0755);
    if (symlink("../versions/3.14.9/bin/pip3.14", "r/bin/pip3.9") != 0)
        perror("symlink");
    is_build(s, "3.14.7", "second", "before: the old build");
    is_build(s, "3.14.9", NULL, "what is being deleted is not seen");
    is_int(store_tree_recover(s), 0, "recovered");
    is_build(s, "3.14.7", "third", "after: the new build");
    ok(!fs_exists("r/versions/3.14.9") && !fs_exists("r/versions/.dropping-3.14.9"),
       "what was being deleted is gone");
    ok(fs_is_dir("r/stage/failed-3.14.7t"), "what was kept on purpose is there");
    is_int((long long)entries("r/stage"), 1, "nothing else is left in the stage");
    is_int(store_link(s, NULL), 0, "linked");
    ok(!fs_exists("r/bin/python3.14.4711.tmp"), "a half-written link is gone");
    struct stat st;
    ok(lstat("r/bin/pip3.9", &st) < 0, "a link that leads nowhere is gone");
    unsigned long long bytes = 0;
    is_int(store_clean_stage(s, true, &bytes), 0, "the stage is cleaned");
    ok(bytes > 0, "its size is told");
    is_int((long long)entries("r/stage"), 0, "now what was kept is gone too");
}

/* Another process cannot have the lock while this one has it, and can when this one has ended. */
static void lock(struct store *s)
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct store other;
        store_open(&other, "r");
        int rc = store_lock(&other, "second", 0);
        bool told = rc == E_BUSY && strstr(err_message(), "ungil test") &&
                    strstr(err_message(), "since 20");
        _exit(told ? 42 : 1);
    }
    waitpid(pid, &status, 0);
    is_int(WEXITSTATUS(status), 42, "a second one is told who holds the lock");
    store_close(s);
    struct store again;
    store_open(&again, "r");
    is_int(store_lock(&again, "third", 0), 0, "after the first has ended the lock is free");
    store_close(&again);
    store_close(&again);
    ok(fs_exists("r/lock"), "the lock file stays");
}

static void defaults(void)
{
    struct store s;
    store_open(&s, "d");
    is_int(store_lock(&s, "test", 0), 0, "locked");
    static const char *const names[] = {"3.15.0rc1", "3.14.7t", "3.13.5", "3.13.4"};
    const char *const chosen[] = {NULL, NULL, "3.13.5", "3.13.5"};
    /* the prerelease is made last: a stable one is preferred */
    for (size_t i = 1; i < lengthof(names); i++) {
        install(&s, names[i], "x");
        struct receipt **list;
        size_t n;
        store_list(&s, &list, &n);
        autofree char *name = store_default(&s, list, n);
        is_str(name, chosen[i], i == 1 ? "no GIL build, no default" : "the newest GIL build");
        store_list_free(list, n);
    }
    autofree char *script = scratch_read("d/bin/python3");
    ok(script && strstr(script, "/d/versions/3.13.5/bin/python3.13'"), "python3 leads there");
    ok(!fs_exists("d/bin/python3.14"), "python3.14 is not the free-threaded build");
    is_int(store_set_default(&s, "3.14.7t"), 0, "another default");
    is_int(store_link(&s, NULL), 0, "linked");
    str_set(&script, scratch_read("d/bin/python"));
    ok(script && strstr(script, "/d/versions/3.14.7t/bin/python3.14t'"), "python leads there");
    scratch_file("d/bin/pip3.13", "mine", 0755); /* writes through the link, into the prefix */
    unlink("d/bin/pip3.13");
    scratch_file("d/bin/pip3.13", "mine", 0755);
    is_int(store_link(&s, NULL), E_FAILED, "a foreign file is told");
    ok(strstr(err_message(), "pip3.13") != NULL, "by name");
    autofree char *mine = scratch_read("d/bin/pip3.13");
    is_str(mine, "mine", "and left as it is");
    store_close(&s);
}

int main(void)
{
    log_init(LOG_QUIET);
    proc_init();
    scratch_enter();
    struct store s;
    store_open(&s, "r");
    struct receipt **list;
    size_t n;
    is_int(store_list(&s, &list, &n), 0, "a root that is not there can be listed");
    is_int((long long)n, 0, "and is empty");
    store_list_free(list, n);
    ok(!fs_exists("r"), "and is not made");
    commit_and_remove(&s);
    recover(&s);
    lock(&s);
    defaults();
    return tap_done();
}
