#include "base/dl.h"

#include <dlfcn.h>
#include <string.h>

#include "base/err.h"

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
