/* ungil link: the names in ROOT/bin, the default, and links elsewhere. */
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

/* --default, --into */
static const char *chosen, *into;

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"default", 0, OPT_STRING, &chosen, "NAME",
                              "Make python and python3 lead to NAME (a name that \"ungil list\" "
                              "shows, or a series). \"auto\": the newest GIL build again."});
    opt_add(set, (struct opt){"into", 0, OPT_STRING, &into, "DIR",
                              "Link every name of ROOT/bin into DIR as well, for example "
                              "/usr/local/bin or ~/.local/bin. Files there that are not ungil's "
                              "are never replaced."});
    opt_add_lock_wait(set);
    opt_add_root(set);
    opt_add_json(set);
}

static int set_default(struct store *s)
{
    if (strcmp(chosen, "auto") == 0)
        return store_set_default(s, NULL);
    struct receipt *r;
    int rc = store_find(s, chosen, &r);
    if (rc == 0)
        rc = store_set_default(s, r->name);
    receipt_free(r);
    return rc;
}

static int report(const struct store *s, const char *dir)
{
    struct receipt **list;
    size_t n;
    int rc = store_list(s, &list, &n);
    if (rc < 0)
        return rc;
    autofree char *name = store_default(s, list, n);
    store_list_free(list, n);
    if (common.json)
        return print_json(
            json_pack("{s:i, s:s, s:s?}", "format", 1, "directory", dir, "default", name));
    note("%s is up to date; python and python3: %s", dir, name ? name : "none");
    return 0;
}

static int run(const struct strv *operands)
{
    if (operands->n > 0)
        return err_hint(fail(E_USAGE, "link: what is \"%s\"?", operands->v[0]),
                        "did you mean --default %s or --into %s?", operands->v[0], operands->v[0]);
    autostore s;
    /* A user may link what an administrator installed: --into alone changes nothing in the root. */
    root_open(&s);
    int rc = !into || chosen ? root_lock(&s) : 0;
    if (rc == 0 && chosen)
        rc = set_default(&s);
    if (rc == 0 && s.lock >= 0)
        rc = store_link(&s, NULL);
    if (rc == 0 && into)
        rc = store_link(&s, into);
    autofree char *dir = into ? path_absolute(into) : xstrdup(s.bin);
    return rc < 0 ? rc : report(&s, dir);
}

const struct verb cmd_link = {
    .name = "link",
    .usage = "link [OPTION]...",
    .summary = "Choose the default, link the programs elsewhere",
    .description =
        "ROOT/bin holds python3.14, pip3.14, idle3.14, pydoc3.14 and python3.14-config of the "
        "newest installed release of each series, the same with the suffix t of the "
        "free-threaded build, and python3 and python of the default. python3.14 is always the "
        "build with the GIL. Names lead to what is installed at all times; this verb is for the "
        "default, for other directories, and for repair.",
    .run = run,
    .options = options,
};
