/* ungil install: from SPECs to verified interpreters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "core/bench.h"
#include "core/bundle.h"
#include "core/dirs.h"
#include "core/install.h"
#include "core/lockfile_work.h"
#include "core/oci.h"
#include "core/reproduce.h"
#include "core/timeline.h"

static struct install_opts wish = {.share = true, .bench = true};
static const char *timings; /* a file, or NULL */
static bool locked, twice;  /* --locked, --check-reproducible */

static void options(struct optset *set)
{
    opt_add(
        set,
        (struct opt){
            "preset", 'p', OPT_STRING, &wish.preset, "PRESET",
            "How hard to optimise: release (profile-guided and link-time optimisation, the "
            "recipes' default: minutes more, once) or quick (plain -O3), or another preset of the "
            "recipe."});
    opt_add(set, (struct opt){"variant", 0, OPT_STRING, &wish.variant, "ID",
                              "One variant of the recipe instead of the pair: gil, ft."});
    opt_add(set, (struct opt){"source", 0, OPT_STRING, &wish.source.from, "SOURCE",
                              "Where the source comes from: git, tarball or apt forces one of the "
                              "recipe's providers; a URL or a path "
                              "names a git repository or a source archive."});
    opt_add(set, (struct opt){"mirror", 0, OPT_STRING, &wish.source.mirror, "URL",
                              "Base URL for source archives instead of the recipe's."});
    opt_add(set,
            (struct opt){"unpinned", 0, OPT_FLAG, &wish.source.unpinned, NULL,
                         "Accept a release or a source that no pin covers; the receipt says so."});
    opt_add(set, (struct opt){"offline", 0, OPT_FLAG, &wish.source.offline, NULL,
                              "Open no network connection: caches only."});
    opt_add(set, (struct opt){
                     "upgrade", 'U', OPT_FLAG, &wish.upgrade, NULL,
                     "Ask again for a newer pinned release that could not be had the last time."});
    opt_add(set, (struct opt){"jobs", 'j', OPT_COUNT, &wish.jobs, "N",
                              "Compile this many files at once, both builds together. Default: the "
                              "CPUs that affinity and cgroup quota allow. Several ungils at once "
                              "share the CPUs, or the largest N: each gets an equal part, and the "
                              "last waits when there are more ungils than CPUs."});
    opt_add(set,
            (struct opt){"pgo-keep-going", 0, OPT_FLAG, &wish.pgo_keep_going, NULL,
                         "With profile-guided optimisation: when tests of the training suite fail, "
                         "optimise for the others instead of stopping."});
    opt_add(set,
            (struct opt){"ccache", 0, OPT_FLAG, &wish.ccache, NULL,
                         "Take objects from ccache, as it is configured (CCACHE_*); -v says how "
                         "many it had. The interpreter knows nothing of it."});
    opt_add(set, (struct opt){"force", 'f', OPT_FLAG, &wish.force, NULL,
                              "Build again even if it is installed with equal inputs."});
    opt_add(set,
            (struct opt){"no-share", 0, OPT_UNSET, &wish.share, NULL,
                         "Do not hard-link the files that are the same in both builds (without "
                         "this option, an edit of one such file in place changes both)."});
    opt_add(set, (struct opt){"locked", 0, OPT_FLAG, &locked, NULL,
                              "Install exactly what a lock file names (FILE, or ungil.lock in the "
                              "working directory): from a bundle in the cache, or by building, "
                              "when this machine has the same inputs. With --force, by building "
                              "in any case."});
    opt_add(set, (struct opt){"check-reproducible", 0, OPT_FLAG, &twice, NULL,
                              "Then build it once more, in another directory, with another umask "
                              "and number of jobs, and compare: exit status 5, with the files that "
                              "differ, when it is not the same. Takes twice as long."});
    opt_add(set, (struct opt){"no-bench", 0, OPT_UNSET, &wish.bench, NULL,
                              "Do not measure the pair afterwards (half a minute)."});
    opt_add(set, (struct opt){"keep-failed", 0, OPT_FLAG, &wish.keep_failed, NULL,
                              "Keep a prefix that did not pass verification in ROOT/stage."});
    opt_add(set, (struct opt){"keep-build", 0, OPT_FLAG, &wish.keep_build, NULL,
                              "Keep the build trees in the cache after success."});
    opt_add(set, (struct opt){"timings", 0, OPT_STRING, &timings, "FILE",
                              "Write when each stage began and ended, also when the install fails "
                              "or is stopped: figures to FILE.json, or a page to FILE.html."});
    opt_add(set,
            (struct opt){"push", 0, OPT_FLAG, &wish.push, NULL,
                         "Put what was built into the registry that UNGIL_REGISTRY names, for the "
                         "next machine."});
    opt_add(set, (struct opt){"sign", 0, OPT_STRING, &wish.remote.sign, "KEY",
                              "With --push: sign it with the private key in this PEM file."});
    opt_add_verify_key(set, &wish.remote.verify);
    opt_add_plain_http(set, &wish.remote.plain_http);
    opt_add_lock_wait(set);
    opt_add_root(set);
    opt_add_json(set);
}

/* A list of the report, a line each. */
static void print_names(json_t *report, const char *key, const char *words)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(report, key), i, entry)
        printf("%-9s %-17s  %s\n", json_string_value(json_object_get(entry, "name")), words,
               json_string_value(json_object_get(entry, "prefix")));
}

static void print_report(json_t *report, const char *root)
{
    print_names(report, "unchanged", "already installed");
    print_names(report, "installed", "installed");
    size_t i;
    json_t *same, *bench = json_object_get(report, "bench");
    json_array_foreach(json_object_get(report, "reproducible"), i, same)
        printf("%-9s built twice, the same: manifest %s\n",
               json_string_value(json_object_get(same, "name")),
               json_string_value(json_object_get(same, "manifest")));
    if (bench) {
        autofree char *text = bench_table(bench, false);
        printf("\n%s", text);
    }
    const char *path = getenv("PATH");
    autofree char *entry = xasprintf(":%s/bin:", root);
    autofree char *entries = xasprintf(":%s:", path ? path : "");
    if (json_array_size(json_object_get(report, "installed")) > 0 && !strstr(entries, entry))
        note("\nTo have them in PATH:  export PATH=\"%s/bin:$PATH\"", root);
}

/* The most memory ungil itself held at once, its children not counted; bytes. */
static json_int_t peak_memory(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (json_int_t)usage.ru_maxrss * 1024 : 0;
}

/* Writes the timings, whatever became of the install. Its error stays the one that is reported;
 * what is returned is that of an install that went well. */
static int write_timings(struct timeline *t, int rc)
{
    timeline_close(t, rc);
    if (rc == 0)
        return timeline_write(t, timings);
    autofree char *message = xstrdup(err_message()), *hint = xstrdup(err_hint_text());
    if (rc != E_USAGE && timeline_write(t, timings) < 0)
        warn("%s", err_message());
    fail((enum err)rc, "%s", message);
    if (hint)
        err_hint(rc, "%s", hint);
    return 0;
}

/* UNGIL_REGISTRY: read before anything is done. */
static int find_registry(void)
{
    const char *text = getenv("UNGIL_REGISTRY");
    if (text && *text) {
        struct oci_ref ref;
        wish.registry = text;
        int rc = oci_ref_parse(text, &ref);
        if (rc == 0 && (ref.tag || ref.digest))
            rc = fail(E_USAGE, "%s names a tag or a digest", text);
        oci_ref_free(&ref);
        return rc < 0 ? err_context(rc, "UNGIL_REGISTRY") : 0;
    }
    if (!wish.push)
        return 0;
    return err_hint(fail(E_USAGE, "install --push: there is no registry"),
                    "UNGIL_REGISTRY=oci://HOST/REPOSITORY names one; \"ungil push\" puts there "
                    "what is installed");
}

/* An option that promises something must not be passed over. */
static int check_keys(const struct strv *operands)
{
    bool remote = wish.registry != NULL;
    if (wish.remote.sign && !wish.push)
        return err_hint(fail(E_USAGE, "install --sign: nothing is signed without --push"),
                        "\"ungil push --sign\" signs what is installed");
    for (size_t i = 0; wish.remote.verify && i < operands->n; i++) {
        if (!locked && bundle_is_file(operands->v[i]))
            return err_hint(
                fail(E_USAGE, "install --verify: %s is a file, which has no signature",
                     operands->v[i]),
                "signatures are in registries: \"ungil push --sign\"; of a file, compare "
                "the SHA-256");
        remote |= oci_is_ref(operands->v[i]);
    }
    if (wish.remote.verify && !remote)
        return err_hint(fail(E_USAGE, "install --verify: nothing comes from a registry"),
                        "name oci://HOST/REPOSITORY:TAG, or a repository in UNGIL_REGISTRY");
    return 0;
}

/* What the lock decides, nobody else does. */
static int check_locked(const struct strv *operands)
{
    const struct {
        const char *name;
        bool given;
    } decided[] = {{"preset", wish.preset != NULL},
                   {"variant", wish.variant != NULL},
                   {"unpinned", wish.source.unpinned},
                   {"upgrade", wish.upgrade}};
    for (size_t i = 0; i < lengthof(decided); i++)
        if (decided[i].given)
            return err_hint(
                fail(E_USAGE, "install --locked: --%s cannot be given with it", decided[i].name),
                "the lock file decides that");
    if (operands->n > 1)
        return err_hint(
            fail(E_USAGE, "install --locked: \"%s\" is one argument too many", operands->v[1]),
            "it takes one lock file, and installs all that this one names");
    return 0;
}

static int check_twice(const struct strv *operands)
{
    const char *what = locked ? "--locked" : timings ? "--timings" : NULL;
    for (size_t i = 0; i < operands->n; i++)
        if (bundle_is_file(operands->v[i]) || oci_is_ref(operands->v[i]))
            what = "a bundle";
    return what ? err_hint(fail(E_USAGE, "install --check-reproducible: %s cannot be given with it",
                                what),
                           "it is about what is built here, twice")
                : 0;
}

static int provision(const struct strv *operands, json_t **report)
{
    if (twice)
        return reproduce_check((const char *const *)operands->v, operands->n, &wish, report);
    if (locked)
        return lock_install(operands->n ? operands->v[0] : "ungil.lock", &wish, report);
    return install_run((const char *const *)operands->v, operands->n, &wish, report);
}

static int run(const struct strv *specs)
{
    int checked = timings ? timeline_check(timings) : 0;
    if (checked == 0)
        checked = find_registry();
    if (checked == 0)
        checked = check_keys(specs);
    if (checked == 0 && locked)
        checked = check_locked(specs);
    if (checked == 0 && twice)
        checked = check_twice(specs);
    if (checked < 0)
        return checked;
    autofree char *root = dirs_root(common.root);
    autofree char *cache = dirs_cache(NULL);
    wish.root = root;
    wish.lock_wait = common.lock_wait;
    wish.cache = wish.source.cache = wish.remote.cache = cache;
    wish.verbose = common.verbose;
    if (wish.jobs == 0)
        wish.jobs = cpu_count();
    wish.command = common.command;
    json_t *report = NULL;
    const struct progress *display = progress_display_begin();
    wish.timeline = timings ? timeline_new(display) : NULL;
    wish.progress = timeline_progress(wish.timeline, display);
    wish.source.progress = wish.remote.progress = wish.progress;
    int rc = provision(specs, &report);
    progress_display_end();
    int written = timings ? write_timings(wish.timeline, rc) : 0;
    timeline_free(wish.timeline);
    char peak[16];
    json_object_set_new(report, "peak_memory", json_integer(peak_memory()));
    detail("peak memory of ungil itself: %s", str_bytes(peak, (unsigned long long)peak_memory()));
    if (rc == 0 && common.json)
        rc = print_json(json_incref(report));
    else if (rc == 0)
        print_report(report, root);
    json_decref(report);
    return rc == 0 ? written : rc;
}

const struct verb cmd_install = {
    .name = "install",
    .usage = "install [OPTION]... [SPEC]...\ninstall --locked [OPTION]... [FILE]",
    .summary = "Provision interpreters: fetch, build, verify, install, measure",
    .description =
        "A SPEC is a series (3.14) or a release (3.14.7), which mean the pair: the "
        "build with the GIL and the "
        "free-threaded one, from one source; or one variant of them (3.14t, 3.14.7t); "
        "or a recipe (FILE.ini), or a bundle (FILE.tar.zst, as \"ungil pack\" makes it; or "
        "oci://HOST/REPOSITORY:TAG, as \"ungil push\" does), which is "
        "not built, but compared with its manifest while it is written, made right for its place "
        "and proven. The recipes have more variants, asked for by suffix or "
        "with --variant: d and td (debug builds, optimised by no preset: 3.14d, 3.14td), tsan "
        "(3.14t-tsan: "
        "free-threaded, reports data races), jit (3.14-jit: off until PYTHON_JIT=1), "
        "tailcall (3.14-tailcall), shared (3.14-shared: with libpython3.14.so); what they "
        "need, \"ungil recipe show 3.14\" tells, and what of it is missing is said "
        "before anything is fetched. A series is the newest "
        "pinned release that a source really delivers. Without a SPEC: the newest "
        "stable series.\n\n"
        "Nothing is installed that is not verified: a free-threaded build that cannot "
        "be proven free-threaded ends with exit status 3. "
        "What is installed already with equal inputs is left alone. An interrupted "
        "install goes on from its last finished "
        "stage when the same command is run again.\n\n"
        "With UNGIL_REGISTRY=oci://HOST/REPOSITORY in the environment, a registry is asked first "
        "for "
        "what was built elsewhere from equal inputs; only what it has not is built here, and with "
        "--push put there. A registry that does not answer is a warning, and everything is "
        "built.\n\n"
        "--locked installs what \"ungil lock\" wrote down, and nothing else: what is there already "
        "stays; what the cache has as a bundle of the SHA-256 that the lock names is unpacked, "
        "what a "
        "registry (UNGIL_REGISTRY) has with this manifest is pulled; the "
        "rest is built, when recipe, preset, compiler, libraries and training data are those of "
        "the lock. Else each input that differs is told, with both values, before anything is "
        "built: exit status 5. What was built has the digest that the lock names, or is not "
        "installed: exit status 5.\n\n"
        "--timings writes, as JSON: format (1), ungil, started, outcome (done, failed, "
        "interrupted), cpus (that may be used), quota or null; spans, one a stage of a "
        "lane (a name, source, pair: all at once, bench), each with id, lane, stage, "
        "detail or null, start, end, outcome, resumed, after (the ids of what had to end "
        "before), waited (from the end of those until start), waited_for (token: of the "
        "jobserver; a stage of another lane; or null), paused (waiting for another lane "
        "in the middle), cpu_seconds (of ungil and its programs; what was killed is not "
        "in it), idle_share (of the CPUs meanwhile, whoever used them), critical; busy "
        "(at: when, share: of the CPUs' time since the one before that was busy), or "
        "null where the system does not tell; summary (wall, cpu_seconds of all "
        "programs, own_cpu_seconds, used_share: of the CPUs' time, by this "
        "install, idle_share, underused_share: of wall, in which half "
        "a CPU or more was idle; critical: the ids of the critical path, "
        "critical_seconds: its stages together, stages: seconds and cpu_seconds of each "
        "kind, all lanes added). Times are in seconds since started. The page shows the "
        "same; it opens offline and asks nothing of any network.",
    .run = run,
    .options = options,
};
