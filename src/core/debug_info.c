#include "core/debug_info.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"
#include "io/elf.h"

static const char tree[] = "lib/debug";

struct separation {
    const char *prefix;
    unsigned files;
};

static bool is_elf(const char *path)
{
    char magic[4] = "";
    autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && read(fd, magic, sizeof magic) == sizeof magic &&
           memcmp(magic, "\177ELF", sizeof magic) == 0;
}

/* The section's name is in the table of names at the end. */
static bool has_debug_info(const char *path)
{
    static const char section[] = ".debug_info";
    off_t at = 0;
    int rc = is_elf(path) ? fs_find(path, section, sizeof section, &at) : 0;
    if (rc < 0)
        err_clear();
    return rc == 1;
}

/* Where the information of a file goes; owned. */
static char *place(const struct separation *s, const char *relative, const char *path)
{
    autofree char *id = elf_build_id(path);
    if (!id || strlen(id) < 4)
        return xasprintf("%s/%s/%s.debug", s->prefix, tree, relative);
    return xasprintf("%s/%s/.build-id/%.2s/%s.debug", s->prefix, tree, id, id + 2);
}

/* `debug`: the file that what is left shall name, or NULL. */
static int objcopy(const char *option, const char *debug, const char *from, const char *to)
{
    autofree char *output = NULL;
    autostrv argv = {0};
    struct proc_opts opts = PROC_OPTS_INIT;
    int status = 0;
    strv_split(&argv, "objcopy -p");
    strv_split(&argv, option);
    if (debug)
        strv_addf(&argv, "--add-gnu-debuglink=%s", debug);
    strv_add(&argv, from);
    strv_add(&argv, to);
    int rc = proc_capture(&argv, &opts, 300, 4096, &output, &status);
    if (rc < 0 || proc_ok(status))
        return rc;
    return fail(E_FAILED, "objcopy cannot take debugging information out of %s: %s", from,
                str_trim(output));
}

static int strip(const char *path, const char *debug, const struct stat *st)
{
    autofree char *temporary = xasprintf("%s.tmp", path);
    int rc = objcopy("--strip-debug", debug, path, temporary);
    if (rc == 0 && (chmod(temporary, st->st_mode & 07777) < 0 || rename(temporary, path) < 0))
        rc = fail_errno(E_FAILED, "cannot replace %s", path);
    if (rc < 0)
        unlink(temporary);
    return rc;
}

static int separate(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct separation *s = arg;
    if (!S_ISREG(st->st_mode) || str_starts(relative, tree) || str_ends(relative, ".o") ||
        !has_debug_info(path))
        return 0;
    autofree char *debug = place(s, relative, path), *dir = path_dir(debug);
    int rc = fs_mkdirs(dir, 0755);
    if (rc == 0)
        rc = objcopy("--only-keep-debug", NULL, path, debug);
    if (rc == 0 && chmod(debug, 0644) < 0)
        rc = fail_errno(E_FAILED, "cannot change the mode of %s", debug);
    if (rc == 0)
        rc = strip(path, debug, st);
    s->files += rc == 0;
    return rc;
}

int debug_info_separate(const char *prefix, unsigned *files)
{
    struct separation s = {.prefix = prefix};
    int rc = fs_walk(prefix, separate, &s);
    *files = s.files;
    return rc;
}
