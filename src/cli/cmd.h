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
    bool options_first; /* no option behind the first operand: for `exec`, whose command has its own
                         */
    void (*options)(struct optset *set); /* adds the verb's options; NULL: only the common ones */
    int (*run)(const struct strv *operands); /* 0 or a negative error */
};

extern const struct verb cmd_audit, cmd_bench, cmd_clean, cmd_exec, cmd_help, cmd_image,
    cmd_install, cmd_link, cmd_list, cmd_lock, cmd_pack, cmd_pull, cmd_push, cmd_recipe,
    cmd_relocate, cmd_remove, cmd_show, cmd_training, cmd_verify, cmd_which;
extern const struct verb *const verbs[];
extern const size_t n_verbs;
const struct verb *verb_find(const char *name); /* NULL: there is none */
int verb_unknown(const char *name);             /* E_USAGE, with the nearest verb */

/* What stands behind the name of a verb that has several actions, as in "recipe list". */
struct action {
    const char *name;
    int (*run)(const struct strv *operands); /* those behind the action's name */
};
/* Runs the action that the first operand names. *unknown: there is none of that name (E_USAGE). */
int verb_action(const char *verb, const struct action *actions, size_t n,
                const struct strv *operands, bool *unknown);

#endif
