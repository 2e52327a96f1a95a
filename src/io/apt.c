#include "io/apt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "io/apt_sources.h"

static const int index_lives = 3600; /* seconds */

bool apt_present(void)
{
    autofree char *program = fs_find_program("apt-get");
    return program != NULL;
}

/* Hooks of the machine's configuration (clean-ups, notifications) are not for this state; they can
 * only be cleared in a file. */
static const char settings[] = "#clear APT::Update::Pre-Invoke;\n"
                               "#clear APT::Update::Post-Invoke;\n"
                               "#clear APT::Update::Post-Invoke-Success;\n"
                               "#clear DPkg::Pre-Invoke;\n"
                               "#clear DPkg::Post-Invoke;\n"
                               "#clear Binary::apt;\n";

static void apt_argv(struct strv *argv, const char *program, const char *state)
{
    strv_add(argv, program);
    strv_addf(argv, "--config-file=%s/apt.conf", state);
    strv_addf(argv, "-oDir::State=%s", state);
    strv_addf(argv, "-oDir::Cache=%s/cache", state);
    strv_addf(argv, "-oDir::Etc::SourceParts=%s/sources", state);
    strv_split(argv, "-oDir::Etc::SourceList=/dev/null -oAcquire::Languages=none "
                     "-oAcquire::GzipIndexes=true -oAcquire::Retries=2 "
                     "-oAcquire::http::Timeout=20 -oAcquire::https::Timeout=20 "
                     "-oAcquire::AllowInsecureRepositories=false "
                     "-oAcquire::AllowWeakRepositories=false "
                     "-oAPT::Get::AllowUnauthenticated=false -oAPT::Sandbox::User=root");
}

static int run_apt(const struct strv *argv, const char *cwd, double seconds, char **out,
                   bool *success)
{
    autostrv env = {0};
    struct proc_opts opts = PROC_OPTS_INIT;
    int status = 0;
    proc_clean_environment(&env);
    opts.env = &env;
    opts.cwd = cwd;
    int rc = proc_capture(argv, &opts, seconds, 4u << 20, out, &status);
    *success = rc == 0 && proc_ok(status);
    return rc;
}

/* The first line of apt's output that says what is wrong, without its "E: "; borrowed. */
static const char *complaint(char *output)
{
    static const char *const marks[] = {"E: ", "Err:", "W: "};
    for (size_t i = 0; i < lengthof(marks); i++)
        for (char *p = output; (p = strstr(p, marks[i])); p++)
            if (p == output || p[-1] == '\n') {
                p[strcspn(p, "\n")] = '\0';
                return p + (i == 1 ? 0 : strlen(marks[i]));
            }
    return "it gave no reason";
}

/* Makes the private state; *changed: the source list is not the one of the last update. */
static int prepare(const char *state, bool *changed)
{
    static const char *const dirs[] = {"lists/partial", "cache/archives/partial", "sources"};
    autofree char *conf = path_join(state, "apt.conf");
    autofree char *list = path_join(state, "sources/ungil.sources");
    autofree char *before = NULL;
    autostr text = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lengthof(dirs); i++) {
        autofree char *dir = path_join(state, dirs[i]);
        rc = fs_mkdirs(dir, 0755);
    }
    if (rc == 0)
        rc = fs_write_atomic(conf, settings, sizeof settings - 1, 0644);
    if (rc == 0)
        rc = apt_sources(&text);
    if (rc < 0)
        return rc;
    *changed = fs_read_text(list, &before) < 0 || strcmp(before, text.s) != 0;
    return *changed ? fs_write_atomic(list, text.s, text.len, 0644) : 0;
}

static bool is_fresh(const char *stamp)
{
    struct stat st;
    time_t now = time(NULL);
    return stat(stamp, &st) == 0 && st.st_mtime <= now && now - st.st_mtime < index_lives;
}

/* One suite that fails (a mirror without sources, say) does not spoil the others: then `trouble`
 * (owned) says what is wrong, and what the others offer counts. */
static int update(const char *state, char **trouble)
{
    autofree char *stamp = path_join(state, "updated"), *output = NULL;
    autostrv argv = {0};
    bool changed, success;
    int rc = prepare(state, &changed);
    if (rc < 0 || (!changed && is_fresh(stamp)))
        return rc;
    unlink(stamp);
    apt_argv(&argv, "apt-get", state);
    strv_split(&argv, "-q -q --error-on=any update");
    rc = run_apt(&argv, NULL, 600, &output, &success);
    if (rc < 0)
        return rc;
    if (success)
        return fs_write_atomic(stamp, "", 0, 0644);
    *trouble = xstrdup(complaint(output));
    return 0;
}

static int known_versions(const char *state, const char *package, struct strv *versions)
{
    autostrv argv = {0};
    autofree char *output = NULL;
    bool success;
    apt_argv(&argv, "apt-cache", state);
    strv_split(&argv, "--only-source showsrc");
    strv_add(&argv, package);
    int rc = run_apt(&argv, NULL, 120, &output, &success);
    if (rc < 0)
        return rc;
    for (char *save = NULL, *line = strtok_r(output, "\n", &save); success && line;
         line = strtok_r(NULL, "\n", &save)) {
        if (!str_starts(line, "Version:"))
            continue;
        const char *version = str_trim(line + strlen("Version:"));
        if (!strv_has(versions, version))
            strv_add(versions, version);
    }
    return 0;
}

int apt_versions(const char *state, const char *package, bool offline, struct strv *versions)
{
    autofree char *trouble = NULL;
    if (!apt_present())
        return fail(E_UNREACHABLE, "there is no apt-get on this system");
    int rc = offline ? 0 : update(state, &trouble);
    if (rc == 0)
        rc = known_versions(state, package, versions);
    if (rc == 0 && trouble && versions->n == 0)
        return fail(E_UNREACHABLE, "apt-get update: %s", trouble);
    if (rc == 0 && trouble)
        detail("apt-get update: %s", trouble);
    return rc;
}

char *apt_upstream(const char *version)
{
    const char *colon = strchr(version, ':');
    const char *from = colon ? colon + 1 : version;
    const char *dash = strrchr(from, '-');
    autofree char *upstream = xstrndup(from, dash ? (size_t)(dash - from) : strlen(from));
    char *to = upstream;
    for (const char *p = upstream; *p; p++) {
        if (*p == '~')
            continue;
        if (!isalnum((unsigned char)*p) && *p != '.')
            return NULL;
        *to++ = *p;
    }
    *to = '\0';
    return steal(&upstream);
}

/* Finds the PREFIX* that apt-get left in `dir`. */
static int find_orig(const char *dir, const char *prefix, char **file)
{
    autostrv names = {0};
    int rc = fs_list(dir, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        if (str_starts(names.v[i], prefix) && !str_ends(names.v[i], ".asc")) {
            *file = path_join(dir, names.v[i]);
            return 0;
        }
    return rc < 0 ? rc : fail(E_NOTFOUND, "the source package holds no %s*", prefix);
}

int apt_orig(const char *state, const char *package, const char *version, const char *dir,
             char **file)
{
    autostrv argv = {0};
    autofree char *output = NULL;
    bool success;
    apt_argv(&argv, "apt-get", state);
    strv_split(&argv, "-q -q --only-source --download-only --tar-only source");
    strv_addf(&argv, "%s=%s", package, version);
    int rc = run_apt(&argv, dir, 1800, &output, &success);
    if (rc < 0)
        return rc;
    if (!success && strstr(output, "404"))
        return fail(E_NOTFOUND, "404: the mirror's index names %s %s, the file is gone", package,
                    version);
    if (!success)
        return fail(E_UNREACHABLE, "apt-get source %s=%s: %s", package, version, complaint(output));
    const char *colon = strchr(version, ':');
    const char *plain = colon ? colon + 1 : version;
    const char *dash = strrchr(plain, '-');
    autofree char *prefix = xasprintf("%s_%.*s.orig.tar.", package,
                                      (int)(dash ? dash - plain : (long)strlen(plain)), plain);
    return find_orig(dir, prefix, file);
}
