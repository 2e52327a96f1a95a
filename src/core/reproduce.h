/* Is what is built here the same every time? `install --check-reproducible`. */
#ifndef UNGIL_CORE_REPRODUCE_H
#define UNGIL_CORE_REPRODUCE_H

#include <jansson.h>
#include <stddef.h>

struct install_opts;

/* Installs these SPECs as install_run does, then builds them once more in other circumstances (in
 * another directory, for another root, with another umask and another number of jobs; training data
 * is handed on) and compares the two. The second build is deleted. *report as of install_run, and
 * "reproducible": [{"name", "manifest"}]. E_INTEGRITY names the files that differ, and what
 * diffoscope(1), where it is here, wrote of them to <cache>/log; the first build stays installed.
 */
int reproduce_check(const char *const *specs, size_t n, const struct install_opts *opts,
                    json_t **report);

#endif
