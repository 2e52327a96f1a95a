/* What a build finds when it begins, and leaves for one that goes on after it: directory, lock,
 * environment, the record of finished stages. */
#include <fcntl.h>
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
#include "core/build_stage.h"
#include "core/dirs.h"
#include "core/source.h"
#include "core/toolchain.h"
#include "core/variant.h"
#include "io/digest.h"
#include "io/elf.h"

/* ---- What is remembered: <dir>/ungil-stages ---- */

/* The key on the first line, then "STAGE SECONDS" for each finished stage, and this with the name
 * of one that may have left objects already. */
static const char begun_word[] = "begun ";

static char *stages_path(const struct pipeline *p)
{
    return path_join(p->dir, "ungil-stages");
}

int stage_write(const struct pipeline *p, bool begun)
{
    autofree char *path = stages_path(p), *list = strv_join(&p->build->stages, "\n");
    autofree char *text = xasprintf("%s\n%s\n%s%s", p->key, list, begun ? begun_word : "",
                                    begun ? stage_names[p->stage] : "");
    return fs_write_atomic(path, text, strlen(text), 0644);
}

int stage_remember(struct pipeline *p, double seconds)
{
    strv_addf(&p->build->stages, "%s %.1f", stage_names[p->stage], seconds);
    if (p->stage == STAGE_INSTALL)
        return 0; /* the stage directory is new every time */
    return stage_write(p, false);
}

static bool is_of(const char *line, enum stage stage)
{
    size_t n = strlen(stage_names[stage]);
    return strncmp(line, stage_names[stage], n) == 0 && line[n] == ' ';
}

/* The stage after the last finished one; STAGE_COPY when nothing there is of use, or anybody else
 * could have put it there. */
static enum stage recall(struct pipeline *p)
{
    autofree char *path = stages_path(p), *text = NULL;
    struct stat st;
    if (lstat(p->dir, &st) < 0 || !S_ISDIR(st.st_mode) || !fs_is_own(&st))
        return STAGE_COPY;
    if (fs_read_text(path, &text) < 0) {
        err_clear();
        return STAGE_COPY;
    }
    enum stage next = STAGE_COPY;
    const char *begun;
    char *line = strtok(text, "\n");
    if (!line || strcmp(line, p->key) != 0)
        return STAGE_COPY;
    while ((line = strtok(NULL, "\n")) && !str_starts(line, begun_word)) {
        enum stage done = next;
        while (done < STAGE_INSTALL && !is_of(line, done))
            done++;
        if (done == STAGE_INSTALL)
            break;
        strv_add(&p->build->stages, line);
        next = done + 1;
    }
    if (next == STAGE_INSTALL && p->opts->again) {
        strv_free(&p->build->stages);
        return STAGE_COPY;
    }
    begun = line && str_starts(line, begun_word) ? line + strlen(begun_word) : NULL;
    for (enum stage s = next; begun && s < STAGE_INSTALL; s++)
        if (strcmp(begun, stage_names[s]) == 0) {
            p->resumed = true;
            return s;
        }
    return next;
}

/* ---- Preparation ---- */

static int fingerprint_one(const char *relative, const char *path, const struct stat *st, void *arg)
{
    (void)path;
    autofree char *line =
        xasprintf("%s\n%llo %lld %lld.%09ld\n", relative, (unsigned long long)st->st_mode,
                  (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    digest_add(arg, line, strlen(line));
    return 0;
}

/* A source without a digest of its own is known by its files' sizes and times. */
static int make_key(struct pipeline *p)
{
    const struct source *s = p->opts->source;
    const char *id = s->tree ? s->tree : s->commit ? s->commit : s->sha256;
    char hex[SHA256_HEX] = "";
    int rc = 0;
    if (!id) {
        struct digest *d = digest_new();
        rc = fs_walk(s->dir, fingerprint_one, d);
        digest_hex(d, hex);
        digest_free(d);
    }
    /* Another ungil may build in another way: then the stages begin anew. */
    autofree char *self = elf_build_id("/proc/self/exe");
    str_set(&p->key, xasprintf("inputs %s source %s ungil %s", p->build->inputs, id ? id : hex,
                               self ? self : PACKAGE_VERSION));
    return rc;
}

static int make_environment(struct pipeline *p)
{
    proc_clean_environment(&p->env);
    variant_environment(&p->env, p->build->variant, p->opts->preset, p->dir);
    return toolchain_add_llvm(&p->env);
}

static int lock_dir(struct pipeline *p)
{
    autofree char *path = xasprintf("%s.lock", p->dir);
    autofree char *waiting =
        xasprintf("%s: another ungil builds it in %s; waiting", p->build->name, p->dir);
    for (;;) {
        p->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (p->lock < 0)
            return fail_errno(E_FAILED, "cannot make the lock %s", path);
        int rc = lock_wait(p->lock, LOCK_EX, path, waiting, "XDG_CACHE_HOME");
        if (rc < 0 || lock_is_current(p->lock, path))
            return rc;
        close(p->lock);
    }
}

static long source_time(const struct source *s)
{
    struct stat st;
    long date = s->date ? clock_epoch(s->date) : -1;
    autofree char *configure = path_join(s->dir, "configure");
    if (date <= 0 && stat(configure, &st) == 0)
        date = (long)st.st_mtime;
    return date > 0 ? date : 1;
}

int stage_prepare(struct pipeline *p)
{
    autofree char *base = xasprintf("%s/build", p->opts->cache);
    autofree char *logs = xasprintf("%s/log", p->opts->cache);
    int rc = fs_mkdirs(base, 0755);
    if (rc == 0)
        rc = fs_mkdirs(logs, 0755);
    if (rc == 0)
        rc = make_key(p);
    if (rc < 0)
        return rc;
    p->dir = xasprintf("%s/%s-%.12s", base, p->build->name, p->build->inputs);
    str_set(&p->build->directory, xstrdup(p->dir));
    autofree char *configured = dirs_configured_prefix(p->build->name);
    str_set(&p->build->prefix, xasprintf("%s%s", p->build->destdir, configured));
    rc = make_environment(p);
    p->mtime = source_time(p->opts->source);
    if (rc == 0)
        rc = lock_dir(p);
    if (rc < 0)
        return rc;
    p->stage = recall(p);
    rc = p->stage > STAGE_CONFIGURE ? stage_recover_facts(p) : 0;
    if (rc == 0 && !stage_applies(p, p->stage))
        stage_next(p);
    if (rc == 0 && p->stage > STAGE_COPY)
        note("%s: going on with %s", p->build->name, stage_names[p->stage]);
    return rc;
}

void pipeline_free(struct pipeline *p)
{
    build_log_follow_close(&p->follow);
    if (p->log >= 0)
        close(p->log);
    if (p->lock >= 0)
        close(p->lock);
    free(p->dir);
    free(p->key);
    free(p->answers_key);
    free(p->log_path);
    pgo_free(p);
    strv_free(&p->env);
    strv_free(&p->shared_objects);
}
