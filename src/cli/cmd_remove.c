/* ungil remove NAME...: exactly these prefixes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/receipt.h"
#include "core/release.h"
#include "core/text_json.h"

static void options(struct optset *set)
{
    opt_add_lock_wait(set);
    opt_add_root(set);
    opt_add_json(set);
}

/* A whole name whose directory is there and ungil's, even if its receipt is not readable. */
static bool is_removable(const struct store *s, const char *name)
{
    autofree char *release = NULL, *suffix = NULL;
    autofree char *prefix = store_prefix(s, name);
    return name_split(name, &release, &suffix) && fs_is_dir(prefix) &&
           store_check_own(s, name) == 0;
}

/* Why `name` cannot be removed. A series is not enough: it would mean another release tomorrow. */
static int not_a_name(const struct store *s, const char *name)
{
    struct receipt *r;
    int rc = store_find(s, name, &r);
    if (rc < 0)
        return rc;
    rc = err_hint(fail(E_USAGE, "remove: \"%s\" is not a whole name", name),
                  "to remove the newest of it: ungil remove %s", r->name);
    receipt_free(r);
    return rc;
}

/* Says what of the same releases is still there. */
static int report(const struct store *s, const struct strv *removed)
{
    struct receipt **list;
    size_t n;
    int rc = store_list(s, &list, &n);
    if (rc < 0)
        return rc;
    autostrv kept = {0};
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < removed->n; j++) {
            autofree char *release = NULL, *suffix = NULL;
            name_split(removed->v[j], &release, &suffix);
            if (str_eq(release, list[i]->release) && !strv_has(&kept, list[i]->name))
                strv_add(&kept, list[i]->name);
        }
    store_list_free(list, n);
    if (common.json)
        return print_json(json_pack("{s:i, s:o, s:o}", "format", 1, "removed", texts_json(removed),
                                    "kept", texts_json(&kept)));
    autofree char *gone = strv_join(removed, ", "), *here = strv_join(&kept, ", ");
    note("removed: %s", gone);
    if (kept.n > 0)
        note("still installed: %s", here);
    return 0;
}

/* All or none: every name is looked at before the first is removed. */
static int check_names(const struct store *s, const struct strv *operands, struct strv *names)
{
    for (size_t i = 0; i < operands->n; i++) {
        if (!is_removable(s, operands->v[i]))
            return not_a_name(s, operands->v[i]);
        if (!strv_has(names, operands->v[i]))
            strv_add(names, operands->v[i]);
    }
    return 0;
}

static int run(const struct strv *operands)
{
    autostrv names = {0}, again = {0};
    if (operands->n == 0)
        return err_hint(fail(E_USAGE, "remove: which NAME?"), "\"ungil list\" shows the names");
    autostore s;
    root_open(&s);
    /* Before the lock, so that a misspelt name makes no root; and after, as others may have held
     * it.
     */
    int rc = check_names(&s, operands, &names);
    if (rc == 0)
        rc = root_lock(&s);
    if (rc == 0)
        rc = check_names(&s, operands, &again);
    if (rc == 0)
        rc = store_remove(&s, (const char *const *)names.v, names.n);
    return rc < 0 ? rc : report(&s, &names);
}

const struct verb cmd_remove = {
    .name = "remove",
    .usage = "remove [OPTION]... NAME...",
    .summary = "Remove installed interpreters",
    .description =
        "NAME is one name that \"ungil list\" shows: 3.14.7 is the build with the GIL alone, its "
        "free-threaded companion is 3.14.7t. What was installed with pip goes as well. Programs "
        "that run at the moment keep running only as long as they need no more of their files.",
    .run = run,
    .options = options,
};
