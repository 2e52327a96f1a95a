/* ungil: provisions CPython with and without the GIL, side by side and proven. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/proc.h"
#include "cli/cmd.h"

/* What `ungil help` lists, in this order. */
/* clang-format off */
const struct verb *const verbs[] = {
    &cmd_install,
    &cmd_list,
    &cmd_show,
    &cmd_which,
    &cmd_exec,
    &cmd_link,
    &cmd_remove,
    &cmd_verify,
    &cmd_audit,
    &cmd_bench,
    &cmd_lock,
    &cmd_pack,
    &cmd_push,
    &cmd_pull,
    &cmd_image,
    &cmd_relocate,
    &cmd_recipe,
    &cmd_training,
    &cmd_clean,
    &cmd_help,
};
/* clang-format on */
const size_t n_verbs = lengthof(verbs);

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < n_verbs; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

/* What other programs of this kind call it. */
static const char *verb_elsewhere(const char *name)
{
    static const char *const words[][2] = {{"ls", "list"},
                                           {"versions", "list"},
                                           {"version", "--version"},
                                           {"uninstall", "remove"},
                                           {"rm", "remove"},
                                           {"delete", "remove"},
                                           {"info", "show"},
                                           {"run", "exec"},
                                           {"default", "link --default"},
                                           {"global", "link --default"},
                                           {"update", "install --upgrade"},
                                           {"upgrade", "install --upgrade"},
                                           {"benchmark", "bench"},
                                           {"recipes", "recipe list"}};
    for (size_t i = 0; i < lengthof(words); i++)
        if (strcmp(words[i][0], name) == 0)
            return words[i][1];
    return NULL;
}

int verb_action(const char *verb, const struct action *actions, size_t n,
                const struct strv *operands, bool *unknown)
{
    autostrv rest = {0};
    autostr names = {0};
    for (size_t i = 1; i < operands->n; i++)
        strv_add(&rest, operands->v[i]);
    *unknown = false;
    for (size_t i = 0; i < n; i++) {
        if (operands->n > 0 && strcmp(actions[i].name, operands->v[0]) == 0)
            return actions[i].run(&rest);
        str_addf(&names, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", actions[i].name);
    }
    *unknown = true;
    return operands->n > 0 ? fail(E_USAGE, "%s: there is no \"%s\"", verb, operands->v[0])
                           : fail(E_USAGE, "%s: %s?", verb, names.s);
}

int verb_unknown(const char *name)
{
    if (*name == '-')
        return err_hint(fail(E_USAGE, "a verb comes before %s", name),
                        "ungil VERB [OPTION]...; \"ungil help\" lists the verbs");
    const char *names[64];
    for (size_t i = 0; i < n_verbs; i++)
        names[i] = verbs[i]->name;
    const char *elsewhere = verb_elsewhere(name);
    const char *nearest = elsewhere ? elsewhere : str_nearest(name, names, n_verbs);
    int rc = fail(E_USAGE, "there is no verb \"%s\"", name);
    if (nearest)
        return err_hint(rc, "did you mean \"ungil %s\"? \"ungil help\" lists all of them", nearest);
    return err_hint(rc, "\"ungil help\" lists all of them");
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
    autostrv operands = {0};
    int rc = opt_parse(verb, argc, argv, &operands);
    return rc == 0 ? verb->run(&operands) : rc == OPT_HELP ? 0 : rc;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        cmd_help.run(&(struct strv){0});
        return fail(E_USAGE, "which verb?");
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        if (argc > 2)
            return err_hint(fail(E_USAGE, "%s: \"%s\" is one argument too many", argv[1], argv[2]),
                            "\"ungil --version\" stands alone");
        puts(PACKAGE_STRING);
        return 0;
    }
    bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    const struct verb *verb = verb_find(help ? "help" : argv[1]);
    return verb ? run_verb(verb, argc - 1, argv + 1) : verb_unknown(argv[1]);
}

/* Ends the way the signal would have ended ungil, so that a calling shell or make knows. */
static void raise_again(int signo)
{
    signal(signo, SIG_DFL);
    raise(signo);
}

/* True when nobody reads standard output any more, as after "ungil ... | head -1". */
static bool reader_is_gone(void)
{
    struct pollfd pf = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&pf, 1, 0) == 1 && pf.revents & (POLLERR | POLLHUP);
}

/* SIGPIPE is ignored all the time, so that a reader who leaves stops no work half-way; only here,
 * when all is done, ungil ends as every program does whose reader left. */
static int finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    int rc = fail_errno(E_FAILED, "cannot write the result to standard output");
    if (reader_is_gone())
        raise_again(SIGPIPE);
    return rc;
}

int main(int argc, char **argv)
{
    log_init(LOG_NORMAL);
    int rc = proc_init();
    if (rc == 0)
        rc = run(argc, argv);
    if (rc >= 0)
        rc = finish_output();
    if (rc < 0 && *err_message())
        fprintf(stderr, "%s%s\n",
                log_colour() ? "ungil: \033[31merror:\033[0m " : "ungil: error: ", err_message());
    if (rc < 0 && err_hint_text())
        fprintf(stderr, "       %s\n", err_hint_text());
    if (rc == E_SIGNAL && proc_interrupted())
        raise_again(proc_interrupted());
    return err_exit_status(rc);
}
