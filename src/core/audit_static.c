/* See audit_static.h. */
#include "core/audit_static.h"

#include "base/err.h"

int audit_static_file(const char *path, json_t **result)
{
    *result = NULL;
    return fail(E_FAILED, "%s: reading extension modules is not built in yet", path);
}

int audit_static_tree(const char *dir, json_t *results)
{
    (void)results;
    return fail(E_FAILED, "%s: reading extension modules is not built in yet", dir);
}

int audit_static_wheel(const char *path, json_t **result)
{
    *result = NULL;
    return fail(E_FAILED, "%s: reading extension modules is not built in yet", path);
}
