/* Options: one table a verb, from which getopt_long's tables, the help and the manual are made. A
 * process runs one verb once, so a verb's values are static variables of its file. */
#ifndef UNGIL_CLI_OPT_H
#define UNGIL_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum opt_kind { OPT_FLAG, OPT_UNSET, OPT_STRING, OPT_COUNT, OPT_SECONDS, OPT_LIST };

struct opt {
    const char *name; /* long name without "--" */
    char letter;      /* short name, 0: none */
    enum opt_kind kind;
    void *value; /* bool (FLAG sets, UNSET clears), const char * (borrowed from argv), int, double,
                    struct strv (LIST: given once more, it adds); NULL: --help itself */
    const char *arg;  /* name of the argument in help: "DIR" */
    const char *help; /* one or more sentences */
};

struct optset {
    struct opt opts[32];
    size_t n;
};

/* Values that verbs share; filled by opt_parse. */
struct common {
    char *command;    /* verb and operands, for the lock file; an option may hold a password */
    const char *root; /* --root */
    bool json;        /* --json, where the verb offers it */
    bool quiet, verbose;
    double lock_wait; /* --lock-wait; < 0: wait for ever */
};
extern struct common common;

void opt_add(struct optset *set, struct opt o);
void opt_add_root(struct optset *set);      /* --root DIR */
void opt_add_json(struct optset *set);      /* --json */
void opt_add_lock_wait(struct optset *set); /* --lock-wait SECONDS */

struct verb;
/* Parses; options and operands may be mixed ("--" ends options) unless the verb says otherwise.
 * What is left is in *operands (borrowed strings inside argv; free with strv_free). E_USAGE with
 * the nearest option's name. OPT_HELP (1) when help was asked for and printed. */
#define OPT_HELP 1
int opt_parse(const struct verb *verb, int argc, char **argv, struct strv *operands);

void opt_help(const struct verb *verb,
              bool manual); /* to stdout: help text, 80 columns; or roff for the manual */

#endif
