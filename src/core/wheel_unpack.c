/* What is in a wheel, see wheel.h. */
#include <stdlib.h>

#include "base/err.h"
#include "core/wheel.h"

int wheel_unpack(const char *file, const char *dir)
{
    (void)dir;
    return fail(E_FAILED, "%s: unpacking wheels is not built in yet", file);
}

int wheel_read_info(const char *dir, const struct wheel *w, struct wheel_info *info)
{
    (void)w;
    *info = (struct wheel_info){0};
    return fail(E_FAILED, "%s: reading wheels is not built in yet", dir);
}

void wheel_info_free(struct wheel_info *info)
{
    free(info->name);
    free(info->version);
    strv_free(&info->tags);
    strv_free(&info->notes);
    *info = (struct wheel_info){0};
}
