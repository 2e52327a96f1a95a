/* install: what a registry has already is not built. */
#ifndef UNGIL_CORE_INSTALL_REGISTRY_H
#define UNGIL_CORE_INSTALL_REGISTRY_H

#include <jansson.h>

struct install_opts;
struct plan;
struct store;

/* Installs those interpreters of the plan that opts->registry has from equal inputs, of the newest
 * release that it has any of. A registry that cannot be asked, or whose bundle does not run here,
 * is a warning; what is not what it says is an error. */
int install_from_registry(const struct plan *plan, const struct install_opts *opts,
                          const struct store *store, json_t *report);
/* Pushes these installed names there. */
int install_push(const char *const *names, size_t n, const struct install_opts *opts,
                 const struct store *store);

#endif
