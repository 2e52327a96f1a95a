/* ungil help [VERB]: the list of verbs, one verb's help, or the manual page (all of it, from the
 * same text). */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/cmd.h"
#include "core/embedded.h"

static const char exit_status[] = "0 done; 1 failed; 2 wrong usage, recipe or SPEC; 3 built, but "
                                  "not verified free-threaded; 4 no source could be "
                                  "reached; 5 something is not what its pin says; 6 the build "
                                  "failed; 7 another ungil holds the root; 128+N stopped "
                                  "by signal N.";

static void list_verbs(void)
{
    printf("Usage: ungil VERB [OPTION]... [ARGUMENT]...\n\n"
           "Provisions CPython with the GIL and free-threaded, side by side, from one\n"
           "verified source, and proves that free-threading is on.\n\nVerbs:\n");
    for (size_t i = 0; i < n_verbs; i++)
        printf("  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
    printf("\n\"ungil help VERB\" or \"ungil VERB --help\" tells more. The whole manual page:\n"
           "\"ungil help --man | man -l -\". The version: \"ungil --version\".\n");
}

static void manual(void)
{
    printf(".TH UNGIL 1 \"\" \"%s\" \"User Commands\"\n.SH NAME\nungil \\- provision CPython with "
           "and without the GIL\n"
           ".SH SYNOPSIS\n.B ungil\n.I VERB\n[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n.SH "
           "DESCRIPTION\n"
           "Fetches one verified source tree of CPython, builds the default interpreter and the "
           "free\\-threaded one from it, "
           "installs them side by side, proves that free\\-threading is really on, and measures "
           "what it is worth on this "
           "machine.\n.SH VERBS\n",
           PACKAGE_STRING);
    for (size_t i = 0; i < n_verbs; i++)
        opt_help(verbs[i], true);
    printf(".SH COMMON OPTIONS\nEvery verb knows, after its name:\n"
           ".TP\n.B \\-q, \\-\\-quiet\nOnly warnings and errors on standard error.\n"
           ".TP\n.B \\-v, \\-\\-verbose\nSay more; stream the output of builds.\n"
           ".TP\n.B \\-h, \\-\\-help\nThe verb's help.\n"
           ".PP\n.B ungil \\-\\-version\nprints the version. A long option may be shortened "
           "as long as it is one option's.\n");
    printf(".SH EXIT STATUS\n%s\n", exit_status);
    for (size_t i = 0; i < embedded_count; i++)
        if (strcmp(embedded_files[i].name, "manual.roff") == 0)
            fwrite(embedded_files[i].data, 1, embedded_files[i].size, stdout);
}

static bool as_manual;

static void options(struct optset *set)
{
    opt_add(set,
            (struct opt){
                "man", 0, OPT_FLAG, &as_manual, NULL,
                "The whole manual page, as roff. To read it: \"ungil help --man | man -l -\"."});
}

static int run(const struct strv *operands)
{
    if (as_manual) {
        manual();
        return 0;
    }
    if (operands->n == 0) {
        list_verbs();
        return 0;
    }
    if (operands->n > 1)
        return err_hint(fail(E_USAGE, "help: \"%s\" is one argument too many", operands->v[1]),
                        "one VERB at a time; \"ungil help --man\" has all of them");
    const struct verb *verb = verb_find(operands->v[0]);
    if (!verb)
        return verb_unknown(operands->v[0]);
    opt_help(verb, false);
    return 0;
}

const struct verb cmd_help = {
    .name = "help",
    .usage = "help [VERB]\nhelp --man",
    .summary = "Explain a verb, or list them",
    .description = NULL,
    .run = run,
    .options = options,
};
