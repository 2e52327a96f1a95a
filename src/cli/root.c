#include "cli/root.h"

#include <string.h>

#include "base/str.h"
#include "core/dirs.h"
#include "core/receipt.h"

void root_open(struct store *s)
{
    autofree char *root = dirs_root(common.root);
    store_open(s, root);
}

int root_lock(struct store *s, int argc, char **argv, double wait_seconds)
{
    autostrv words = {0};
    for (int i = 0; i < argc; i++)
        strv_add(&words, argv[i]);
    autofree char *command = strv_join(&words, " ");
    return store_lock(s, command, wait_seconds);
}

void opt_add_lock_wait(struct optset *set, double *seconds)
{
    opt_add(set,
            (struct opt){"lock-wait", 0, OPT_SECONDS, seconds, "SECONDS",
                         "Give up when another ungil holds the root for longer. Default: wait."});
}

char *root_python(const struct store *s, const struct receipt *r)
{
    autofree char *prefix = store_prefix(s, r->name);
    /* the ABI flags of "t" and "td-jit"; "-jit" is a way to build, and no part of the file's name
     */
    return xasprintf("%s/bin/python%s%.*s", prefix, r->series, (int)strcspn(r->suffix, "-"),
                     r->suffix);
}
