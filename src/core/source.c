#include "core/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/progress.h"
#include "core/recipe.h"
#include "core/source_try.h"
#include "io/git.h"
#include "io/git_url.h"

static const char *const provider_names[PROVIDERS] = {"git", "tarball", "apt"};
/* What a pin must name before the provider's delivery can be verified. */
static const char *const provider_pins[PROVIDERS] = {"commit", "sha256", "sha256"};

/* One search: which providers, what became of each. */
struct search {
    const struct source_opts *opts;
    enum provider order[PROVIDERS];
    size_t n;
    const char *from;                    /* a URL or path of the user's */
    bool dead[PROVIDERS];                /* its host does not answer */
    struct strv unverifiable[PROVIDERS]; /* releases whose pin cannot verify it */
    struct strv missing[PROVIDERS];      /* releases the provider does not offer */
    struct strv unasked[PROVIDERS];      /* releases after its host did not answer */
    struct strv packaged;                /* what apt offers */
    char *hint;                          /* what the last failure says the user can do */
};

/* ---- the tree ---- */

enum { PLACE_TRIES = 10 };

static const char origin_name[] =
    ".ungil-source"; /* in the tree: what it is, and that it is whole */

static void let_go(struct source *s)
{
    if (s->held)
        close(s->hold);
    s->held = false;
}

int source_remove(struct source *s)
{
    autofree char *origin = path_join(s->dir, origin_name);
    if (s->held && !lock_try(s->hold, LOCK_EX))
        return 0;
    unlink(origin);
    int rc = fs_remove_tree(s->dir);
    let_go(s);
    return rc;
}

char *source_tree(const struct attempt *a, const char *id)
{
    return xasprintf("%s/build/source-%s-%.12s", a->opts->cache, a->pin->release, id);
}

int source_tree_new(const struct attempt *a, char **dir)
{
    autofree char *build = path_join(a->opts->cache, "build");
    int rc = fs_mkdirs(build, 0755);
    return rc < 0 ? rc : fs_mkdtemp(build, "unpacking", dir);
}

static char *origin_text(const struct source *s)
{
    return xasprintf("%s\n%s\n%s\n%s\n%s\n%s\n%s\n", s->provider, s->location,
                     s->commit ? s->commit : "-", s->tree ? s->tree : "-",
                     s->sha256 ? s->sha256 : "-", s->date ? s->date : "-",
                     s->pinned ? "pinned" : "unpinned");
}

/* Locks the tree at `place` for use. E_NOTFOUND, silently, when it is not there, not whole, or
 * anybody else could have changed it. */
static int take_hold(const char *place, struct source *out)
{
    autofree char *origin = path_join(place, origin_name);
    autofree char *waiting = xasprintf("another ungil deletes %s; waiting", place);
    let_go(out);
    autofd fd = open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return E_NOTFOUND;
    int rc = lock_wait(fd, LOCK_SH, place, waiting, "XDG_CACHE_HOME");
    if (rc < 0)
        return rc;
    struct stat st;
    if (!fs_exists(origin) || !lock_is_current(fd, place) || fstat(fd, &st) < 0 || !fs_is_own(&st))
        return E_NOTFOUND;
    out->hold = fd;
    out->held = true;
    fd = -1;
    return 0;
}

/* Takes away what stands at `place` and is no source: one that was killed while it deleted it left
 * that, or somebody else made it. It is deleted under a name of its own: another ungil may be here
 * for the same, and its tree at `place` a moment later. */
static int clear_place(const char *place)
{
    autofree char *origin = path_join(place, origin_name), *build = path_dir(place), *aside = NULL;
    autofree char *waiting = xasprintf("another ungil deletes %s; waiting", place);
    struct stat st;
    autofd fd = open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return lstat(place, &st) < 0 ? 0 : fail_errno(E_FAILED, "cannot read %s", place);
    if (fs_exists(origin) && fstat(fd, &st) == 0 && fs_is_own(&st))
        return 0; /* it has become one since */
    int rc = lock_wait(fd, LOCK_EX, place, waiting, "XDG_CACHE_HOME");
    if (rc < 0 || !lock_is_current(fd, place))
        return rc;
    rc = fs_mkdtemp(build, "unpacking", &aside);
    if (rc == 0 && rename(place, aside) < 0)
        rc = fail_errno(E_FAILED, "cannot rename %s", place);
    if (aside && fs_remove_tree(aside) < 0 && rc == 0)
        warn_of_error(""); /* out of the way it is */
    return rc;
}

/* Gives the unpacked tree its place and holds it there; or holds the one that another ungil, which
 * was faster, has put there. */
static int take_place(const char *dir, const char *place, struct source *out)
{
    for (int tries = 0;; tries++) {
        int rc = take_hold(dir, out); /* held before anybody else can see it */
        if (rc == 0)
            rc = fs_rename_noreplace(dir, place);
        if (rc != E_EXISTS)
            return rc == E_NOTFOUND ? fail(E_FAILED, "%s is not as it was unpacked", dir) : rc;
        rc = take_hold(place, out);
        if (rc != E_NOTFOUND)
            return rc == 0 ? fs_remove_tree(dir) : rc; /* the same content */
        rc = tries < PLACE_TRIES
                 ? clear_place(place)
                 : fail(E_FAILED, "%s is there again each time it is removed", place);
        if (rc < 0)
            return rc;
    }
}

int source_tree_keep(const struct attempt *a, const char *dir, const char *id, struct source *out)
{
    autofree char *place = source_tree(a, id), *origin = path_join(dir, origin_name);
    autofree char *text = origin_text(out);
    int rc = fs_write_atomic(origin, text, strlen(text), 0644);
    if (rc == 0)
        rc = take_place(dir, place, out);
    if (rc < 0)
        fs_remove_tree(dir);
    else
        str_set(&out->dir, steal(&place));
    return rc;
}

static char *line_or_null(char **rest)
{
    char *line = strsep(rest, "\n");
    return line && *line && strcmp(line, "-") != 0 ? xstrdup(line) : NULL;
}

int source_tree_find(const struct attempt *a, const char *id, struct source *out)
{
    autofree char *place = source_tree(a, id), *origin = path_join(place, origin_name);
    autofree char *text = NULL;
    int rc = take_hold(place, out);
    if (rc == 0)
        rc = fs_read_text(origin, &text);
    if (rc < 0)
        return rc;
    char *rest = text;
    str_set(&out->provider, line_or_null(&rest));
    str_set(&out->location, line_or_null(&rest));
    str_set(&out->commit, line_or_null(&rest));
    str_set(&out->tree, line_or_null(&rest));
    str_set(&out->sha256, line_or_null(&rest));
    str_set(&out->date, line_or_null(&rest));
    out->pinned = rest && str_starts(rest, "pinned");
    str_set(&out->dir, steal(&place));
    return 0;
}

void source_progress_bytes(void *arg, unsigned long long now, unsigned long long total)
{
    const struct source_opts *o = ((const struct attempt *)arg)->opts;
    char done[16], all[16], text[48];
    str_bytes(done, now);
    if (total)
        snprintf(text, sizeof text, "%s of %s", done, str_bytes(all, total));
    else
        snprintf(text, sizeof text, "%s", done);
    progress_update(o->progress, "source", total ? (double)now / (double)total : -1, text);
    progress_tick(o->progress);
}

/* ---- what to try ---- */

static int provider_by_name(const char *name)
{
    for (int i = 0; i < PROVIDERS; i++)
        if (strcmp(name, provider_names[i]) == 0)
            return i;
    return -1;
}

static int choose_named(struct search *s, const struct recipe *r, enum provider p)
{
    const char *const places[PROVIDERS] = {r->git, s->opts->mirror ? s->opts->mirror : r->tarball,
                                           r->apt};
    s->order[0] = p;
    if (places[p])
        return 0;
    int rc = fail(E_USAGE, "%s names no %s source: [recipe] has no key %s", r->file,
                  provider_names[p], provider_names[p]);
    return err_hint(rc, "give another provider, or a URL or path with --source");
}

/* --source: a provider's name, or what the user's URL or path is. */
static int choose_forced(struct search *s, const struct recipe *recipe, const char *from)
{
    int named = provider_by_name(from);
    s->n = 1;
    if (named >= 0)
        return choose_named(s, recipe, (enum provider)named);
    s->from = from;
    s->order[0] = source_is_archive(from) ? PROVIDER_TARBALL : PROVIDER_GIT;
    bool missing = !strstr(from, "://") && !git_url_is_ssh(from) && !fs_exists(from);
    if (!missing && (s->order[0] == PROVIDER_TARBALL || repo_is_url(from) || strstr(from, "://") ||
                     repo_is_local(from)))
        return 0;
    if (missing)
        fail(E_USAGE, "--source %s: there is no such file, and no such provider", from);
    else
        fail(E_USAGE, "--source %s is neither a git repository nor an archive", from);
    return err_hint(E_USAGE, "give git, tarball, apt, a URL, a git repository or an archive "
                             "(.tar.xz, .tgz)");
}

static int choose(struct search *s, const struct recipe *recipe)
{
    if (s->opts->from)
        return choose_forced(s, recipe, s->opts->from);
    for (size_t i = 0; i < recipe->providers.n && s->n < PROVIDERS; i++) {
        int p = provider_by_name(recipe->providers.v[i]);
        if (p >= 0)
            s->order[s->n++] = (enum provider)p;
    }
    /* Without shallow fetches git means the whole history of CPython; a local repository is opened,
     * not fetched. */
    bool whole = !repo_can_shallow() && recipe->git && !repo_is_local(recipe->git);
    for (size_t i = 1; i < s->n && whole; i++)
        if (s->order[i - 1] == PROVIDER_GIT && s->order[i] == PROVIDER_TARBALL) {
            s->order[i - 1] = PROVIDER_TARBALL;
            s->order[i] = PROVIDER_GIT;
            note("this libgit2 is older than 1.7 and cannot fetch one tag alone: tarballs first");
        }
    return 0;
}

static bool is_verifiable(const struct pin *pin, enum provider p)
{
    return p == PROVIDER_GIT ? pin->commit != NULL : pin->sha256_xz || pin->sha256_tgz;
}

static void tried(struct search *s, struct source *out, const char *release, enum provider p)
{
    str_set(&s->hint, xstrdup(err_hint_text()));
    note("%-9s %-8s %s", release, provider_names[p], err_message());
    strv_addf(&out->tried, "%s %s: %s", release, provider_names[p], err_message());
}

/* An id known beforehand whose tree is already unpacked: an interrupted install goes on.
 * E_NOTFOUND, silently, when there is none. */
static int find_unpacked(const struct attempt *a, struct source *out)
{
    const struct pin *pin = a->pin;
    const char *const ids[] = {a->provider == PROVIDER_GIT ? pin->commit : pin->sha256_xz,
                               a->provider == PROVIDER_GIT ? NULL : pin->sha256_tgz};
    int rc = E_NOTFOUND;
    for (size_t i = 0; rc == E_NOTFOUND && i < lengthof(ids); i++)
        if (ids[i])
            rc = source_tree_find(a, ids[i], out);
    return rc;
}

static void clear_result(struct source *out)
{
    str_set(&out->provider, NULL);
    str_set(&out->location, NULL);
    str_set(&out->commit, NULL);
    str_set(&out->tree, NULL);
    str_set(&out->sha256, NULL);
    str_set(&out->date, NULL);
    str_set(&out->dir, NULL);
    let_go(out);
}

static int attempt(struct attempt *a, struct source *out)
{
    static int (*const how[PROVIDERS])(struct attempt *, struct source *) = {
        source_try_git, source_try_tarball, source_try_apt};
    autofree char *what = xasprintf("fetch %s (%s)", a->pin->release, provider_names[a->provider]);
    double start = clock_now();
    clear_result(out);
    int rc = find_unpacked(a, out);
    if (rc == 0)
        detail("%s is already unpacked in %s", a->pin->release, out->dir);
    if (rc != E_NOTFOUND)
        return rc;
    str_set(&out->provider, xstrdup(provider_names[a->provider]));
    progress_stage(a->opts->progress, "source", what, -1);
    rc = how[a->provider](a, out);
    /* Also one that failed: it does not go on beside what comes after it. */
    if (rc == 0 || rc == E_NOTFOUND || rc == E_UNREACHABLE)
        progress_done(a->opts->progress, "source", NULL, clock_now() - start);
    return rc;
}

/* 0: delivered; 1: not this way, go on; else an error that ends the search. */
static int try_provider(struct search *s, const struct recipe *recipe, const struct pin *pin,
                        enum provider p, struct source *out)
{
    struct attempt a = {.recipe = recipe,
                        .pin = pin,
                        .opts = s->opts,
                        .provider = p,
                        .from = s->from,
                        .packaged = &s->packaged};
    if (!s->opts->unpinned && !is_verifiable(pin, p)) {
        strv_add(&s->unverifiable[p], pin->release);
        return 1;
    }
    if (s->dead[p]) {
        strv_add(&s->unasked[p], pin->release);
        return 1;
    }
    int rc = attempt(&a, out);
    if (rc == 0) {
        str_set(&out->release, xstrdup(pin->release));
        return 0;
    }
    if (rc != E_NOTFOUND && rc != E_UNREACHABLE)
        return rc;
    if (rc == E_NOTFOUND && p == PROVIDER_APT && strcmp(err_message(), "not offered") == 0) {
        strv_add(&s->missing[p], pin->release);
        strv_addf(&out->tried, "%s apt: not offered", pin->release);
        return 1;
    }
    tried(s, out, pin->release, p);
    s->dead[p] = a.host_down;
    return 1;
}

/* ---- what came of it ---- */

/* One line for many releases: the terminal stays readable. */
static void summarise(struct search *s, bool newest, struct source *out)
{
    void (*say)(const char *, ...) = newest ? detail : note;
    for (int p = 0; p < PROVIDERS; p++) {
        if (s->unverifiable[p].n) {
            autofree char *list = strv_join(&s->unverifiable[p], ", ");
            say("%-9s %-8s not asked for %s: the recipe pins no %s", "", provider_names[p], list,
                provider_pins[p]);
            for (size_t i = 0; i < s->unverifiable[p].n; i++)
                strv_addf(&out->tried, "%s %s: the recipe pins no %s", s->unverifiable[p].v[i],
                          provider_names[p], provider_pins[p]);
        }
        if (s->missing[p].n) {
            autofree char *list = strv_join(&s->missing[p], ", ");
            say("%-9s %-8s does not offer %s", "", provider_names[p], list);
        }
        if (s->unasked[p].n) {
            autofree char *list = strv_join(&s->unasked[p], ", ");
            say("%-9s %-8s not asked again for %s", "", provider_names[p], list);
        }
    }
}

static int nothing_found(struct search *s, const struct recipe *recipe,
                         const struct pin *const *candidates, size_t n, const struct source *out)
{
    size_t unverifiable = 0;
    for (int p = 0; p < PROVIDERS; p++)
        unverifiable += s->unverifiable[p].n;
    autofree char *what = n == 1 ? xstrdup(candidates[0]->release)
                                 : xasprintf("any of %zu releases of %s", n, recipe->series);
    int rc = fail(E_UNREACHABLE, "no source of %s could be had", what);
    if (s->opts->offline)
        return err_hint(rc, "--offline uses only what ungil has in %s; try without it",
                        s->opts->cache);
    if (s->hint)
        return err_hint(rc, "%s", s->hint);
    if (out->tried.n == unverifiable)
        return err_hint(rc, "the recipe pins nothing to verify it by; --unpinned accepts it "
                            "unverified, and records that");
    return err_hint(rc,
                    "--source URL or PATH names a git mirror or an archive of your own, --mirror "
                    "URL another place for tarballs; https_proxy is honoured");
}

int source_fetch(const struct recipe *recipe, const struct pin *const *candidates, size_t n,
                 const struct source_opts *opts, struct source *out)
{
    struct search s = {.opts = opts};
    *out = (struct source){.release = NULL};
    int rc = choose(&s, recipe), state = 1;
    if (rc == 0 && s.from && s.order[0] == PROVIDER_TARBALL) {
        size_t which;
        rc = source_archive_release(s.from, candidates, n, opts->unpinned, &which);
        candidates += which;
        n = 1;
    }
    for (size_t c = 0; rc == 0 && state == 1 && c < n; c++)
        for (size_t i = 0; state == 1 && i < s.n; i++) {
            state = proc_check();
            if (state == 0)
                state = try_provider(&s, recipe, candidates[c], s.order[i], out);
        }
    if (rc == 0 && state < 0)
        rc = state;
    if (rc == 0)
        summarise(&s, out->release && strcmp(out->release, candidates[0]->release) == 0, out);
    if (rc == 0 && state == 1)
        rc = nothing_found(&s, recipe, candidates, n, out);
    for (int p = 0; p < PROVIDERS; p++) {
        strv_free(&s.unverifiable[p]);
        strv_free(&s.missing[p]);
        strv_free(&s.unasked[p]);
    }
    strv_free(&s.packaged);
    free(s.hint);
    return rc;
}

void source_free(struct source *s)
{
    clear_result(s);
    free(s->release);
    strv_free(&s->tried);
    *s = (struct source){.release = NULL};
}
