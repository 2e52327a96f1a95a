/* ungil exec NAME [--] CMD...: CMD with NAME's programs first in PATH. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/root.h"
#include "core/receipt.h"

static void options(struct optset *set)
{
    opt_add_root(set);
}

static int set_environment(const char *bin)
{
    const char *path = getenv("PATH");
    autofree char *longer = xasprintf("%s:%s", bin, path ? path : "/usr/local/bin:/usr/bin:/bin");
    if (strchr(bin, ':'))
        return err_hint(fail(E_FAILED, "%s cannot stand in PATH: it has a colon in it", bin),
                        "choose another root with --root DIR or UNGIL_ROOT");
    setenv("PATH", longer, 1);
    /* Both name another interpreter's files, and no interpreter starts with another one's. */
    if (getenv("PYTHONHOME")) {
        warn("PYTHONHOME is for another interpreter; not passed on");
        unsetenv("PYTHONHOME");
    }
    unsetenv("__PYVENV_LAUNCHER__");
    return 0;
}

static int execute(char **command, const char *bin)
{
    fflush(NULL);
    /* What ungil ignores or catches is its own affair: the command starts as from a shell. */
    signal(SIGPIPE, SIG_DFL);
    execvp(command[0], command);
    int rc = fail_errno(E_FAILED, "cannot run %s", command[0]);
    if (strchr(command[0], '/'))
        return err_hint(rc, "a CMD with a slash is a path; one without is looked for in PATH");
    return err_hint(rc, "it is looked for in PATH behind %s", bin);
}

static int run(const struct strv *operands)
{
    size_t command = operands->n > 1 && strcmp(operands->v[1], "--") == 0 ? 2 : 1;
    if (operands->n <= command)
        return err_hint(
            fail(E_USAGE, "exec: give a NAME and a command"),
            "for example: ungil exec 3.14t -- python -c 'import sys; print(sys.version)'");
    autostore s;
    struct receipt *r;
    int rc = root_find(&s, operands->v[0], &r);
    if (rc < 0)
        return rc;
    autofree char *prefix = store_prefix(&s, r->name), *bin = path_join(prefix, "bin");
    receipt_free(r);
    rc = set_environment(bin);
    return rc < 0 ? rc : execute(operands->v + command, bin);
}

const struct verb cmd_exec = {
    .name = "exec",
    .usage = "exec [OPTION]... NAME [--] CMD [ARGUMENT]...",
    .summary = "Run a command with an interpreter first in PATH",
    .description =
        "Puts the bin directory of NAME (3.14.7t, or a series: 3.14t) in front of PATH and "
        "becomes CMD: python, python3, pip and so on are NAME's then. PYTHONHOME is not "
        "passed on; the rest of the environment is left as it is.",
    .options_first = true,
    .run = run,
    .options = options,
};
