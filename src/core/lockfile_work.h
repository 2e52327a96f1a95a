/* What is done with lock files: `lock`, `lock --check`, `install --locked`. */
#ifndef UNGIL_CORE_LOCKFILE_WORK_H
#define UNGIL_CORE_LOCKFILE_WORK_H

#include <jansson.h>

struct install_opts;
struct progress;
struct store;
struct strv;

struct lock_opts {
    const char *file;  /* the lock file */
    const char *cache; /* resolved */
    const struct progress *progress;
};

/* Writes the lock of these installed interpreters (SPECs; none: those that the file names, else
 * all that are installed). What the file says of other platforms and releases stays. Their bundles
 * are packed into the cache. *report (owned): {"file", "platform", "changed", "locked": [{"name",
 * "sha256", "manifest"}]}. E_FAILED when one is not installed, or is not what the file says for
 * other platforms; E_USAGE for a file that is no lock. */
int lock_write(const struct store *s, const struct strv *specs, const struct lock_opts *opts,
               json_t **report);

/* Compares what is installed with the lock. *report (owned): {"file", "platform", "equal",
 * "checked": [names], "differences": [...]}. E_INTEGRITY, with all of them in the message, when
 * something differs; then the report is there, too. */
int lock_check(const struct store *s, const struct lock_opts *opts, json_t **report);

/* Installs exactly what the lock names: what is there already is left; else from the cache's
 * bundle, else by building, if this machine has the same inputs: E_INTEGRITY before the build when
 * it has not, and after it, with nothing installed, when the result is another. `opts`: of install;
 * force: builds even what is installed or in the cache. Adds to the report as install_run does,
 * which it makes. */
int lock_install(const char *file, const struct install_opts *opts, json_t **report);

#endif
