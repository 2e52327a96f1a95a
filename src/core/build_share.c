/* What one variant takes from another, because it is the same for both. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/build_answers.h"
#include "core/build_stage.h"
#include "core/recipe.h"
#include "core/samefile.h"

/* ---- configure's cache ---- */

static bool names_one(const char *line, const char *const *words, size_t n)
{
    if (!str_starts(line, "ac_cv_"))
        return false;
    autofree char *name = xstrndup(line, strcspn(line, "="));
    for (size_t i = 0; i < n; i++)
        if (strstr(name, words[i]))
            return true;
    return false;
}

/* no_as_needed sets a variable besides, which a cached answer leaves unset; asm_for_x64 is asked
 * for before it is checked, so that only a cached answer is heard, and libmpdec is built another
 * way. */
bool share_is_trap(const char *line)
{
    static const char *const words[] = {"no_as_needed", "asm_for_x64"};
    return names_one(line, words, lengthof(words));
}

/* Checks that every variant makes for itself. None of CPython 3.13 to 3.15 answers otherwise for
 * --disable-gil; these are for other variants (compiler flags, JIT, sanitizers, debug). */
static bool is_checked_each_time(const char *line)
{
    static const char *const words[] = {"gil", "mimalloc", "jit", "tail_call", "sanitiz", "debug"};
    return share_is_trap(line) || names_one(line, words, lengthof(words));
}

static struct pipeline *configured_other(const struct pipeline *p)
{
    for (size_t i = 0; i < p->n_all; i++)
        if (&p->all[i] != p && p->all[i].configured_now &&
            variants_compile_alike(p->all[i].build->variant, p->build->variant))
            return &p->all[i];
    return NULL;
}

static void take_answers(const struct pipeline *other, struct str *cache)
{
    autofree char *from = path_join(other->dir, "config.cache"), *text = NULL;
    if (fs_read_text(from, &text) < 0) {
        err_clear(); /* nothing to take, nothing lost but time */
        return;
    }
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "\n");
        n += at[n] == '\n';
        if (!is_checked_each_time(at))
            str_addn(cache, at, n);
        at += n;
    }
}

int share_configure_cache(struct pipeline *p)
{
    autofree char *to = path_join(p->dir, "config.cache");
    /* One that an interrupted or failed configure left may speak of a machine that has changed. */
    if (unlink(to) < 0 && errno != ENOENT)
        return fail_errno(E_FAILED, "cannot remove %s", to);
    autostr cache = {0};
    const struct pipeline *other = configured_other(p);
    int rc = answers_take(p, &cache);
    if (rc == 0 && other)
        take_answers(other, &cache);
    else if (rc == 0 && (rc = probe_functions(p, &cache)) == 0)
        rc = probe_headers(p, &cache);
    return rc >= 0 && cache.len ? fs_write_atomic(to, cache.s, cache.len, 0644) : rc;
}

/* ---- Objects that no variant changes ---- */

static int note_object(const char *relative, const char *path, const struct stat *st, void *arg)
{
    (void)path;
    if (S_ISREG(st->st_mode) && str_ends(relative, ".o"))
        strv_add(arg, relative);
    return 0;
}

int share_note_objects(struct pipeline *p)
{
    if (!p->makes_shared)
        return 0;
    p->objects_ready = true;
    return fs_walk(p->dir, note_object, &p->shared_objects);
}

/* In one step: a make that compiles the same object at this moment does no harm. The copy is newer
 * than all it is made from. */
static int copy_object(const char *from, const char *to)
{
    autofree char *temporary = xasprintf("%s.shared", to);
    int rc = fs_copy_file(from, temporary);
    if (rc < 0)
        return rc;
    if (utimensat(AT_FDCWD, temporary, NULL, 0) == 0 && rename(temporary, to) == 0)
        return 0;
    return fail_errno(E_FAILED, "cannot copy %s to %s", from, to);
}

static int offer(const struct pipeline *from, const struct pipeline *to)
{
    if (from == to || !from->objects_ready || !to->configured_now || to->resumed ||
        to->stage > STAGE_MAKE || !variants_compile_alike(from->build->variant, to->build->variant))
        return 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < from->shared_objects.n; i++) {
        autofree char *a = path_join(from->dir, from->shared_objects.v[i]);
        autofree char *b = path_join(to->dir, from->shared_objects.v[i]);
        if (!fs_exists(b))
            rc = copy_object(a, b);
    }
    return rc;
}

int share_objects(struct pipeline *p)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->n_all; i++) {
        rc = offer(p, &p->all[i]);
        if (rc == 0)
            rc = offer(&p->all[i], p);
    }
    return rc;
}

/* ---- Bytecode ---- */

char *share_library(const struct pipeline *p)
{
    /* Only a build without the GIL has a library directory of its own name. */
    autofree char *with = xasprintf("%s/lib/python%s%s", p->build->prefix, p->opts->recipe->series,
                                    p->build->variant->suffix);
    if (fs_is_dir(with))
        return steal(&with);
    return xasprintf("%s/lib/python%s%s", p->build->prefix, p->opts->recipe->series,
                     p->build->variant->free_threaded ? "t" : "");
}

static int normalise(const char *relative, const char *path, const struct stat *st, void *arg)
{
    (void)relative;
    const struct pipeline *p = arg;
    if (S_ISREG(st->st_mode) && str_ends(path, ".pyc") && strstr(path, "/__pycache__/"))
        return unlink(path) < 0 ? fail_errno(E_FAILED, "cannot remove %s", path) : 0;
    const struct timespec times[2] = {{.tv_sec = p->mtime}, {.tv_sec = p->mtime}};
    if (!S_ISDIR(st->st_mode) && utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_errno(E_FAILED, "cannot set the time of %s", path);
    return 0;
}

struct taking {
    const char *from, *to; /* library directories */
};

static int take_one(const char *relative, const char *path, const struct stat *st, void *arg)
{
    const struct taking *t = arg;
    if (!S_ISREG(st->st_mode) || !str_ends(relative, ".pyc"))
        return 0;
    autofree char *source = bytecode_source(relative);
    if (!source)
        return 0;
    autofree char *theirs = path_join(t->from, source), *ours = path_join(t->to, source);
    autofree char *to = path_join(t->to, relative), *dir = path_dir(to);
    if (!fs_exists(ours) || !same_content(theirs, ours))
        return 0;
    int rc = fs_mkdirs(dir, 0755);
    return rc == 0 ? fs_copy_file(path, to) : rc;
}

int share_bytecode(struct pipeline *p)
{
    int rc = fs_walk(p->build->prefix, normalise, p);
    autofree char *ours = share_library(p);
    for (size_t i = 0; rc == 0 && i < p->n_all; i++) {
        const struct pipeline *q = &p->all[i];
        if (q == p || q->state != FINISHED || q->mtime != p->mtime)
            continue;
        autofree char *theirs = share_library(q);
        struct taking t = {.from = theirs, .to = ours};
        return fs_walk(theirs, take_one, &t);
    }
    return rc;
}
