#include "cli/root.h"

#include <string.h>

#include "base/str.h"
#include "core/dirs.h"
#include "core/finish.h"
#include "core/receipt.h"

void root_open(struct store *s)
{
    autofree char *root = dirs_root(common.root);
    store_open(s, root);
}

int root_find(struct store *s, const char *name, struct receipt **out)
{
    root_open(s);
    return store_find(s, name, out);
}

int root_lock(struct store *s)
{
    return store_lock(s, common.command, common.lock_wait);
}

char *root_python(const struct store *s, const struct receipt *r)
{
    autofree char *prefix = store_prefix(s, r->name);
    return finish_python(prefix, r->series, r->suffix);
}
