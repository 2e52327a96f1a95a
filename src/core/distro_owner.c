/* Which package a file came with, see distro.h. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"
#include "core/distro.h"

enum { ASK_SECONDS = 60, ANSWER_LIMIT = 4 << 20 };

/* The output of a program that may fail for some of its words; owned, "" when it did not run. */
static int ask(const struct strv *argv, char **out)
{
    struct proc_opts opts = PROC_OPTS_INIT;
    autostrv env = {0};
    int status;
    proc_clean_environment(&env);
    opts.env = &env;
    *out = NULL;
    int rc = proc_capture(argv, &opts, ASK_SECONDS, ANSWER_LIMIT, out, &status);
    if (rc < 0 && rc != E_SIGNAL) {
        err_clear();
        rc = 0;
    }
    if (!*out)
        *out = xstrdup("");
    return rc;
}

/* A file by the name that it had before /usr was merged; NULL when that is the same. */
static const char *short_name(const char *path)
{
    static const char *const moved[] = {"/usr/lib", "/usr/bin/", "/usr/sbin/"};
    for (size_t i = 0; i < lengthof(moved); i++)
        if (str_starts(path, moved[i]))
            return path + strlen("/usr");
    return NULL;
}

/* The value of "KEY VALUE" or, with a separator of its own, "VALUE: KEY"; owned or NULL. */
static char *line_ending(const char *text, const char *path)
{
    size_t n = strlen(path);
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        if (length > n + 2 && strncmp(line + length - n, path, n) == 0 &&
            strncmp(line + length - n - 2, ": ", 2) == 0 && !str_starts(line, "diversion "))
            return xstrndup(line, strcspn(line, ",") < length - n - 2 ? strcspn(line, ",")
                                                                      : length - n - 2);
        line += length + (line[length] == '\n');
    }
    return NULL;
}

static char *dpkg_owner(const char *answer, const char *path)
{
    const char *other = short_name(path);
    char *owner = line_ending(answer, path);
    return owner || !other ? owner : line_ending(answer, other);
}

/* "PACKAGE VERSION" of the answer's line that begins with it; owned. */
static char *dpkg_version(const char *versions, const char *package)
{
    size_t n = strcspn(package, ":");
    for (const char *line = versions; *line;) {
        size_t length = strcspn(line, "\n");
        bool whole = strncmp(line, package, strlen(package)) == 0 && line[strlen(package)] == ' ';
        if (whole || (package[n] == '\0' && strncmp(line, package, n) == 0 && line[n] == ':'))
            return xstrndup(line, length);
        line += length + (line[length] == '\n');
    }
    return xstrdup(package);
}

static int ask_dpkg(const char *program, const struct strv *paths, struct strv *packages)
{
    autostrv search = {0}, show = {0}, owners = {0};
    autofree char *answer = NULL, *versions = NULL;
    strv_add(&search, program);
    strv_add(&search, "-S");
    strv_addv(&search, paths);
    for (size_t i = 0; i < paths->n; i++)
        if (short_name(paths->v[i]))
            strv_add(&search, short_name(paths->v[i]));
    int rc = ask(&search, &answer);
    strv_add(&show, program);
    strv_add(&show, "-W");
    strv_add(&show, "--showformat=${Package}:${Architecture} ${Version}\n");
    for (size_t i = 0; rc == 0 && i < paths->n; i++) {
        autofree char *owner = dpkg_owner(answer, paths->v[i]);
        strv_add(&owners, owner ? owner : "");
        if (owner && !strv_has(&show, owner))
            strv_add(&show, owner);
    }
    if (rc == 0)
        rc = ask(&show, &versions);
    for (size_t i = 0; rc == 0 && i < owners.n; i++)
        strv_take(packages, *owners.v[i] ? dpkg_version(versions, owners.v[i]) : xstrdup(""));
    return rc;
}

/* One line for each file, in their order. */
static int ask_rpm(const char *program, const struct strv *paths, struct strv *packages)
{
    autostrv argv = {0};
    autofree char *answer = NULL;
    strv_add(&argv, program);
    strv_add(&argv, "-qf");
    strv_add(&argv, "--queryformat=%{NAME} %{VERSION}-%{RELEASE}.%{ARCH}\n");
    strv_addv(&argv, paths);
    int rc = ask(&argv, &answer);
    const char *line = answer;
    for (size_t i = 0; rc == 0 && i < paths->n; i++) {
        size_t length = strcspn(line, "\n");
        bool known = !memchr(line, '/', length); /* "file /… is not owned by any package" */
        strv_addf(packages, "%.*s", known ? (int)length : 0, line);
        line += length + (line[length] == '\n');
    }
    return rc;
}

int distro_owners(const struct strv *paths, struct strv *packages)
{
    autofree char *dpkg = fs_find_program("dpkg-query"), *rpm = fs_find_program("rpm");
    if (paths->n > 0 && dpkg)
        return ask_dpkg(dpkg, paths, packages);
    if (paths->n > 0 && rpm)
        return ask_rpm(rpm, paths, packages);
    for (size_t i = 0; i < paths->n; i++)
        strv_add(packages, "");
    return 0;
}
