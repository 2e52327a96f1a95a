/* A directory of its own for a unit test, removed at its end. */
#ifndef UNGIL_TESTS_UNIT_SCRATCH_H
#define UNGIL_TESTS_UNIT_SCRATCH_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

static char *scratch_dir;

static inline void scratch_remove(void)
{
    if (!scratch_dir)
        return;
    if (chdir("/") != 0 || fs_remove_tree(scratch_dir) < 0)
        fprintf(stderr, "left behind: %s\n", scratch_dir);
    free(scratch_dir);
    scratch_dir = NULL;
}

/* Makes the directory and goes there; tests then use short relative names. */
static inline void scratch_enter(void)
{
    const char *tmp = getenv("TMPDIR");
    if (fs_mkdtemp(tmp && *tmp ? tmp : "/tmp", "ungil unit", &scratch_dir) < 0 ||
        chdir(scratch_dir) != 0) {
        perror("cannot make a directory for the test");
        exit(99);
    }
    atexit(scratch_remove);
}

/* Files with their parent directories; the text may hold what it likes but NUL. */
static inline void scratch_file(const char *path, const char *text, mode_t mode)
{
    autofree char *dir = path_dir(path);
    fs_mkdirs(dir, 0755);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, mode) != 0) {
        perror(path);
        exit(99);
    }
}

static inline char *scratch_read(const char *path)
{
    char *text = NULL;
    return fs_read_text(path, &text) == 0 ? text : NULL;
}

#endif
