#include "base/dl.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

int dl_load(int *loaded, const char *soname, const char *const *names, void **slots, size_t n)
{
    if (*loaded)
        return 0;
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        int rc = fail(E_FAILED, "cannot load %s: %s", soname, dlerror());
        return err_hint(rc, "install the package that holds %s, or rebuild ungil on this machine",
                        soname);
    }
    for (size_t i = 0; i < n; i++) {
        slots[i] = dlsym(library, names[i]);
        if (!slots[i]) {
            int rc = fail(E_FAILED, "%s has no function %s", soname, names[i]);
            return err_hint(rc, "it is older than the one ungil was built with: rebuild ungil");
        }
    }
    *loaded = 1; /* never closed: OpenSSL and friends do not survive being unloaded */
    return 0;
}

enum { LOCATE_SECONDS = 30, PATHS_LIMIT = 1 << 20 };

/* In the child: a line for each, with the path or without. */
static void tell_places(const struct strv *sonames, int fd)
{
    alarm(LOCATE_SECONDS);
    for (size_t i = 0; i < sonames->n; i++) {
        void *library = dlopen(sonames->v[i], RTLD_LAZY | RTLD_LOCAL);
        struct link_map *map = NULL;
        const char *path = "";
        if (library && dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map->l_name)
            path = map->l_name;
        if (fs_write_all(fd, path, strlen(path)) < 0 || fs_write_all(fd, "\n", 1) < 0)
            break;
    }
    _exit(0);
}

int dl_locate(const struct strv *sonames, struct strv *paths)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail_errno(E_FAILED, "cannot make a pipe");
    pid_t child = fork();
    if (child == 0)
        tell_places(sonames, ends[1]);
    close(ends[1]);
    autostr text = {0};
    char buf[4096];
    ssize_t n;
    while (child > 0 && text.len < PATHS_LIMIT && (n = fs_read_fd(ends[0], buf, sizeof buf)) > 0)
        str_addn(&text, buf, (size_t)n);
    close(ends[0]);
    if (child < 0)
        return fail_errno(E_FAILED, "cannot start a process");
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    const char *line = text.s ? text.s : "";
    for (size_t i = 0; i < sonames->n; i++) { /* one that ended the child counts as not there */
        size_t length = strcspn(line, "\n");
        strv_addf(paths, "%.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
    return 0;
}
