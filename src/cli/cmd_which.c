/* ungil which NAME [PROG]: the path. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "cli/cmd.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/receipt.h"

static void options(struct optset *set)
{
    opt_add_root(set);
    opt_add_json(set);
}

static int which(const char *name, const char *program)
{
    if (program && (!*program || strchr(program, '/')))
        return err_hint(fail(E_USAGE, "which: \"%s\" is no name of a program", program),
                        "PROG is a name such as pip, without a directory");
    autostore s;
    struct receipt *r;
    int rc = root_find(&s, name, &r);
    if (rc < 0)
        return rc;
    autofree char *prefix = store_prefix(&s, r->name), *bin = path_join(prefix, "bin");
    autofree char *path = program ? path_join(bin, program) : root_python(&s, r);
    if (access(path, X_OK) < 0)
        rc = err_hint(fail(E_FAILED, "%s has no program \"%s\"", r->name, path_base(path)),
                      "its programs are in %s", bin);
    else if (common.json)
        rc = print_json(json_pack("{s:i, s:s, s:s}", "format", 1, "name", r->name, "path", path));
    else
        puts(path);
    receipt_free(r);
    return rc;
}

static int run(const struct strv *operands)
{
    if (operands->n < 1 || operands->n > 2)
        return err_hint(fail(E_USAGE, "which: give a NAME and at most one PROG"),
                        "\"ungil list\" shows the names");
    return which(operands->v[0], operands->n > 1 ? operands->v[1] : NULL);
}

const struct verb cmd_which = {
    .name = "which",
    .usage = "which [OPTION]... NAME [PROG]",
    .summary = "Print the path of an interpreter or of its program",
    .description = "NAME is a name that \"ungil list\" shows (3.14.7t), or a series (3.14, 3.14t): "
                   "its newest installed release. PROG is a program of it, such as pip; without "
                   "PROG, the interpreter. Exit status 1 if there is none.",
    .run = run,
    .options = options,
};
