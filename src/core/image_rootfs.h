/* The root file system of an image without a base: what the interpreters need of this machine, and
 * nothing else. */
#ifndef UNGIL_CORE_IMAGE_ROOTFS_H
#define UNGIL_CORE_IMAGE_ROOTFS_H

#include <jansson.h>
#include <stddef.h>

/* Fills the directory `dir`: the dynamic loader, the shared libraries that are needed (`runtimes`,
 * n of them, as runtime_collect makes them), theirs, and those of what follows; sh, env, dirname,
 * realpath (the programs in bin/ that are scripts need them); the locale C.UTF-8, certificates,
 * descriptions of common terminals, users, groups, /tmp. *files (owned): an array of {"path",
 * "sha256", "package"} of what was copied, also written as usr/share/ungil/rootfs.list. */
int image_rootfs(json_t *const *runtimes, size_t n, const char *dir, json_t **files);

/* Where a library or program that needs a shell, as those in bin/ do, finds it. */
#define IMAGE_SHELL "/bin/sh"
/* The other programs that scripts of the interpreters need; ends with NULL. */
extern const char *const image_programs[];

#endif
