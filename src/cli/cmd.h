/* Verbs. To add one: write cmd_VERB.c with a `struct verb` and its action, and name it in main.c's
 * table. */
#ifndef UNGIL_CLI_CMD_H
#define UNGIL_CLI_CMD_H

#include "cli/opt.h"

struct verb {
    const char *name;
    const char *usage;       /* "install [OPTION]... [SPEC]...": one line each use, '\n' between */
    const char *summary;     /* one line, <= 60 characters */
    const char *description; /* paragraphs for help and the manual; NULL: none */
    int (*run)(int argc, char **argv);   /* argv[0] is the verb; 0 or a negative error */
    void (*options)(struct optset *set); /* fills the option table alone, for help and the manual;
                                            NULL: only the common ones */
};

extern const struct verb cmd_bench, cmd_clean, cmd_exec, cmd_help, cmd_install, cmd_link, cmd_list,
    cmd_recipe, cmd_remove, cmd_show, cmd_verify, cmd_which;
extern const struct verb *const verbs[];
extern const size_t n_verbs;
const struct verb *verb_find(const char *name); /* NULL: there is none */
int verb_unknown(const char *name);             /* E_USAGE, with the nearest verb */

#endif
