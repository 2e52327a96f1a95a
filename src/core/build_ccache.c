#include "core/build_ccache.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/distro.h"
#include "core/toolchain.h"

static const char log_file[] = "ungil-ccache.log";

int ccache_check(void)
{
    autofree char *path = fs_find_program("ccache");
    if (path)
        return 0;
    autostrv keys = {0};
    strv_add(&keys, "ccache");
    autofree char *command = distro_install_command(&keys);
    int rc = fail(E_USAGE, "--ccache: there is no program \"ccache\" in PATH");
    return err_hint(rc, "leave out --ccache, or install it%s%s%s", command ? " with \"" : "",
                    command ? command : "", command ? "\"" : "");
}

static bool is_used(const struct pipeline *p)
{
    autostrv wrappers = {0}, words = {0};
    if (!p->opts->ccache || !p->build->cc)
        return false;
    toolchain_words(p->build->cc, &wrappers, &words);
    return !strv_has(&wrappers, "ccache") && !strv_has(&wrappers, "sccache");
}

bool ccache_can_map(const char *version)
{
    static const char clang[] = "clang version ";
    const char *at = version ? strstr(version, clang) : NULL;
    if (at)
        return atoi(at + strlen(clang)) >= 10;
    return version && prelude_gcc_version(version) >= 8;
}

void ccache_words(const struct pipeline *p, struct strv *argv)
{
    if (!is_used(p))
        return;
    autofree char *map = ccache_can_map(p->build->compiler)
                             ? xasprintf(" -ffile-prefix-map=%s=.", p->dir)
                             : xstrdup("");
    strv_addf(argv, "CC=ccache %s%s", p->build->cc, map);
    strv_addf(argv, "LINKCC=%s", p->build->cc);
}

void ccache_environment(const struct pipeline *p, struct strv *env)
{
    if (!is_used(p))
        return;
    autofree char *log = path_join(p->dir, log_file);
    const char *const wanted[][2] = {
        {"CCACHE_BASEDIR", p->dir}, {"CCACHE_NOHASHDIR", "1"}, {"CCACHE_STATSLOG", log}};
    for (size_t i = 0; i < lengthof(wanted); i++)
        if (!env_get(env, wanted[i][0]))
            env_set(env, wanted[i][0], wanted[i][1]);
}

static unsigned count_line(const char *log, const char *line)
{
    unsigned n = 0;
    size_t length = strlen(line);
    for (const char *at = log; (at = strstr(at, line)); at += length)
        n += (at == log || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0');
    return n;
}

/* Besides these, it says where an object was: local_storage_hit and the like. */
void ccache_count(const char *log, unsigned *hits, unsigned *compiled)
{
    *hits = count_line(log, "direct_cache_hit") + count_line(log, "preprocessed_cache_hit");
    *compiled = count_line(log, "cache_miss");
}

void ccache_report(const struct pipeline *p)
{
    autofree char *path = path_join(p->dir, log_file), *log = NULL;
    unsigned hits, compiled;
    if (!is_used(p))
        return;
    if (fs_read_text(path, &log) < 0) {
        err_clear(); /* the caller's own CCACHE_STATSLOG, or one too old for it */
        return;
    }
    unlink(path);
    ccache_count(log, &hits, &compiled);
    if (hits + compiled > 0)
        detail("%s: ccache had %u of %u objects", p->build->name, hits, hits + compiled);
}
