#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "core/release.h"
#include "core/relocate.h"
#include "core/samefile.h"

static bool is_file(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* `name` in the directory leads to `target` beside it, if that exists and the name is free. */
static int link_if_free(const char *dir, const char *target, const char *name)
{
    autofree char *path = path_join(dir, name), *to = path_join(dir, target);
    if (strcmp(name, target) == 0 || is_there(path) || !fs_exists(to))
        return 0;
    return symlink(target, path) < 0 ? fail_errno(E_FAILED, "cannot make the link %s", path) : 0;
}

/* What upstream knows as `plain` ("pip3.14") also has its full name ("pip3.14t"). It is the link,
 * so that a pip which renews itself, and knows the plain name only, renews both. */
static int give_full_name(const char *dir, const char *plain, const char *full)
{
    autofree char *from = path_join(dir, plain), *to = path_join(dir, full);
    if (strcmp(plain, full) == 0)
        return 0;
    if (!is_there(to))
        return link_if_free(dir, plain, full);
    /* Upstream makes python3.14 a hard link of python3.14t: archives and eyes see two programs. */
    if (is_file(from) && is_file(to) && same_content(from, to))
        return fs_symlink_replace(full, from);
    return 0;
}

/* "pip3", a copy of pip3.14, becomes a link to it. */
static int link_copy(const char *dir, const char *name, const char *original)
{
    autofree char *path = path_join(dir, name), *to = path_join(dir, original);
    if (!is_file(path) || !is_file(to) || !same_content(path, to))
        return 0;
    return fs_symlink_replace(original, path);
}

/* One program: python, pip, ... or python-config (`tail` "-config"). */
static int tidy_program(const char *dir, const char *program, const char *tail, const char *series,
                        const char *suffix)
{
    autofree char *full = xasprintf("%s%s%s%s", program, series, suffix, tail),
                  *plain = xasprintf("%s%s%s", program, series, tail),
                  *three = xasprintf("%s3%s", program, tail),
                  *bare = xasprintf("%s%s", program, tail);
    int rc = give_full_name(dir, plain, full);
    if (rc == 0)
        rc = link_if_free(dir, full, plain);
    if (rc == 0)
        rc = link_copy(dir, three, plain);
    if (rc == 0)
        rc = link_if_free(dir, plain, three);
    /* What a user with this bin/ first in PATH means by "python" is this one, not the system's. */
    return rc < 0 ? rc : link_if_free(dir, plain, bare);
}

static int tidy_bin(const char *prefix, const char *series, const char *suffix)
{
    static const char *const programs[][2] = {
        {"python", ""}, {"pip", ""}, {"idle", ""}, {"pydoc", ""}, {"python", "-config"}};
    autofree char *dir = path_join(prefix, "bin");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lengthof(programs); i++)
        rc = tidy_program(dir, programs[i][0], programs[i][1], series, suffix);
    return rc;
}

static bool holds_lto(const char *archive)
{
    static const char section[] = ".gnu.lto_";
    off_t at = 0;
    int rc = fs_find(archive, section, strlen(section), &at);
    if (rc < 0)
        err_clear();
    return rc == 1;
}

/* With --with-lto each object holds what gcc needs to compile it again when a program is linked:
 * half of 147 MB, and an embedding program would take minutes to link although nobody asked it to
 * optimise libpython. The machine code stays. Not being able to is no error. */
static int drop_lto(const char *archive, mode_t mode)
{
    if (!holds_lto(archive))
        return 0;
    autofree char *temporary = xasprintf("%s.tmp", archive);
    autofree char *output = NULL;
    autostrv argv = {0};
    strv_split(&argv, "objcopy -D -p -w -R .gnu.lto_* -R .gnu.debuglto_*");
    strv_add(&argv, archive);
    strv_add(&argv, temporary);
    struct proc_opts opts = PROC_OPTS_INIT;
    int status = 0, rc = proc_capture(&argv, &opts, 120, 4096, &output, &status);
    if (rc == 0 && proc_ok(status) && chmod(temporary, mode) == 0 &&
        rename(temporary, archive) == 0)
        return 0;
    unlink(temporary);
    if (rc == E_SIGNAL)
        return rc;
    detail("%s keeps its LTO sections: %s", archive, rc < 0 ? err_message() : output);
    err_clear();
    return 0;
}

/* lib/libpython3.14.a is installed once more below config-*: 75 MB. */
static int tidy_archives_in(const char *lib, const char *config)
{
    autostrv names = {0};
    int rc = fs_list(config, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *original = path_join(lib, names.v[i]), *copy = path_join(config, names.v[i]);
        struct stat a, b;
        if (!str_ends(names.v[i], ".a") || lstat(original, &a) < 0 || lstat(copy, &b) < 0 ||
            !S_ISREG(a.st_mode) || !S_ISREG(b.st_mode) || a.st_ino == b.st_ino ||
            a.st_size != b.st_size || !same_content(original, copy))
            continue;
        rc = drop_lto(original, a.st_mode & 0777);
        if (rc == 0)
            rc = same_link(original, copy);
        if (rc == 0 && chmod(original, a.st_mode & 0666) < 0)
            rc = fail_errno(E_FAILED, "cannot change the mode of %s", original);
        if (rc == E_EXISTS)
            rc = 0;
    }
    return rc;
}

static int tidy_archives(const char *prefix, const char *series)
{
    autofree char *lib = path_join(prefix, "lib");
    autofree char *head = xasprintf("python%s", series);
    autostrv libraries = {0};
    int rc = fs_list(lib, &libraries);
    for (size_t i = 0; rc == 0 && i < libraries.n; i++) {
        if (!str_starts(libraries.v[i], head))
            continue;
        autofree char *dir = path_join(lib, libraries.v[i]);
        autostrv names = {0};
        rc = fs_is_dir(dir) ? fs_list(dir, &names) : 0;
        for (size_t j = 0; rc == 0 && j < names.n; j++) {
            autofree char *config = path_join(dir, names.v[j]);
            if (str_starts(names.v[j], "config-") && fs_is_dir(config))
                rc = tidy_archives_in(lib, config);
        }
    }
    return rc;
}

int relocate_tidy(const char *prefix, const char *series, const char *suffix)
{
    autofree char *flags = suffix_abiflags(suffix);
    int rc = tidy_bin(prefix, series, flags);
    /* With this bin/ first in PATH, python3.14-jit is found by the name that it has in root/bin. */
    if (rc == 0 && strcmp(flags, suffix) != 0)
        rc = tidy_bin(prefix, series, suffix);
    return rc < 0 ? rc : tidy_archives(prefix, series);
}
