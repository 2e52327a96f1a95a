#include "cli/opt.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/cmd.h"

struct common common = {.lock_wait = -1};

void opt_add(struct optset *set, struct opt o)
{
    if (set->n < lengthof(set->opts))
        set->opts[set->n++] = o;
}

void opt_add_root(struct optset *set)
{
    opt_add(set, (struct opt){
                     "root", 0, OPT_STRING, &common.root, "DIR",
                     "The directory ungil owns. Default: $UNGIL_ROOT, else /opt/ungil for root and "
                     "~/.local/share/ungil for others."});
}

void opt_add_json(struct optset *set)
{
    opt_add(set, (struct opt){"json", 0, OPT_FLAG, &common.json, NULL,
                              "One JSON document on standard output instead of text."});
}

void opt_add_lock_wait(struct optset *set)
{
    opt_add(set,
            (struct opt){"lock-wait", 0, OPT_SECONDS, &common.lock_wait, "SECONDS",
                         "Give up when another ungil holds the root for longer. Default: wait."});
}

static void add_common(struct optset *set)
{
    opt_add(set, (struct opt){"quiet", 'q', OPT_FLAG, &common.quiet, NULL,
                              "Only warnings and errors on standard error."});
    opt_add(set, (struct opt){"verbose", 'v', OPT_FLAG, &common.verbose, NULL,
                              "Say more; stream the output of builds."});
    opt_add(set, (struct opt){"help", 'h', OPT_FLAG, NULL, NULL, "Print this help."});
}

static int see_help(int rc, const struct verb *verb)
{
    return err_hint(rc, "\"ungil help %s\" lists the options", verb->name);
}

static int unknown_option(const struct verb *verb, const struct optset *set, const char *word)
{
    const char *names[lengthof(set->opts)];
    for (size_t i = 0; i < set->n; i++)
        names[i] = set->opts[i].name;
    const char *nearest = NULL;
    if (str_starts(word, "--")) {
        autofree char *name = xstrndup(word + 2, strcspn(word + 2, "="));
        nearest = str_nearest(name, names, set->n);
    }
    if (nearest && strchr(word, '=') && strncmp(word + 2, nearest, strlen(nearest)) == 0 &&
        word[2 + strlen(nearest)] == '=')
        return see_help(fail(E_USAGE, "%s: --%s takes no value", verb->name, nearest), verb);
    int rc = fail(E_USAGE, "%s: there is no option %s", verb->name, word);
    if (nearest)
        return err_hint(rc, "did you mean --%s? \"ungil help %s\" lists all of them", nearest,
                        verb->name);
    return see_help(rc, verb);
}

static int set_number(const struct verb *verb, const struct opt *o, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    bool whole = o->kind == OPT_COUNT;
    if (end == text || *end || !(value >= (whole ? 1 : 0)) || value > 1e6 ||
        (whole && value != (int)value))
        return see_help(fail(E_USAGE, "%s: --%s wants a %s, not \"%s\"", verb->name, o->name,
                             whole ? "whole number from 1" : "number of seconds", text),
                        verb);
    if (whole)
        *(int *)o->value = (int)value;
    else
        *(double *)o->value = value;
    return 0;
}

static int apply(const struct verb *verb, const struct opt *o, const char *text)
{
    switch (o->kind) {
    case OPT_FLAG:
        if (!o->value) {
            opt_help(verb, false);
            return OPT_HELP;
        }
        *(bool *)o->value = true;
        return 0;
    case OPT_UNSET:
        *(bool *)o->value = false;
        return 0;
    case OPT_STRING:
    case OPT_LIST:
        if (!*text)
            return see_help(
                fail(E_USAGE, "%s: --%s wants a value, not an empty one", verb->name, o->name),
                verb);
        if (o->kind == OPT_LIST)
            strv_add(o->value, text);
        else
            *(const char **)o->value = text;
        return 0;
    case OPT_COUNT:
    case OPT_SECONDS:
        return set_number(verb, o, text);
    }
    return 0;
}

/* All options of the verb. */
static struct optset options_of(const struct verb *verb)
{
    struct optset set = {0};
    if (verb->options)
        verb->options(&set);
    add_common(&set);
    return set;
}

static int parse(const struct verb *verb, const struct optset *set, int argc, char **argv,
                 struct strv *operands)
{
    struct option longs[lengthof(set->opts) + 1] = {0};
    autostr shorts = {0};
    str_add(&shorts, verb->options_first ? "+:" : "-:");
    for (size_t i = 0; i < set->n; i++) {
        const struct opt *o = &set->opts[i];
        bool has_arg = o->kind >= OPT_STRING;
        longs[i] =
            (struct option){o->name, has_arg ? required_argument : no_argument, NULL, 256 + (int)i};
        if (o->letter)
            str_addf(&shorts, has_arg ? "%c:" : "%c", o->letter);
    }
    opterr = 0;
    optind = 0;
    for (int c, rc; (c = getopt_long(argc, argv, shorts.s, longs, NULL)) != -1;) {
        if (c == 1) {
            strv_add(operands, optarg);
            continue;
        }
        if (c == ':')
            return see_help(fail(E_USAGE, "%s: %s wants a value", verb->name, argv[optind - 1]),
                            verb);
        size_t i = c >= 256 ? (size_t)(c - 256) : 0;
        for (; c < 256 && i < set->n && set->opts[i].letter != c; i++)
            ;
        if (c == '?' || i >= set->n) {
            char letter[3] = {'-', (char)optopt, '\0'};
            return unknown_option(verb, set, optopt && optopt < 256 ? letter : argv[optind - 1]);
        }
        if ((rc = apply(verb, &set->opts[i], optarg)) != 0)
            return rc;
    }
    while (optind < argc)
        strv_add(operands, argv[optind++]);
    return 0;
}

int opt_parse(const struct verb *verb, int argc, char **argv, struct strv *operands)
{
    const struct optset set = options_of(verb);
    int rc = parse(verb, &set, argc, argv, operands);
    autofree char *words = strv_join(operands, " ");
    str_set(&common.command, xasprintf("%s%s%s", verb->name, *words ? " " : "", words));
    if (rc == 0)
        log_init(common.quiet ? LOG_QUIET : common.verbose ? LOG_VERBOSE : LOG_NORMAL);
    return rc;
}

/* Prints words from column `indent`, wrapped at 79. */
static void wrap(const char *text, int indent, int column)
{
    int owed = 0; /* a space, printed only when a word follows on the same line */
    while (*text) {
        if (*text == '\n') {
            printf("\n%*s", text[1] == '\n' ? 0 : indent, "");
            column = indent;
            owed = 0;
            text++;
            continue;
        }
        int n = (int)strcspn(text, " \n");
        if (column + n > 79 && column > indent) {
            printf("\n%*s", indent, "");
            column = indent;
            owed = 0;
        }
        printf("%*s%.*s", owed, "", n, text);
        owed = 0;
        column += n;
        text += n;
        if (*text == ' ') {
            owed = column++ < 79;
            text++;
        }
    }
    putchar('\n');
}

static char *option_heading(const struct opt *o)
{
    autofree char *letter = o->letter ? xasprintf("-%c, ", o->letter) : xstrdup("");
    return xasprintf("%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
}

static void help_text(const struct verb *verb, const struct optset *set)
{
    autofree char *usage = xstrdup(verb->usage);
    const char *lead = "Usage: ungil ";
    for (char *save = NULL, *line = strtok_r(usage, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        printf("%s%s\n", lead, line);
        lead = "       ungil ";
    }
    printf("\n");
    wrap(verb->summary, 0, 0);
    if (verb->description) {
        printf("\n");
        wrap(verb->description, 0, 0);
    }
    printf("\nOptions:\n");
    for (size_t i = 0; i < set->n; i++) {
        autofree char *heading = option_heading(&set->opts[i]);
        int column = printf("  %s", heading);
        if (column > 22) {
            printf("\n");
            column = 0;
        }
        printf("%*s", 24 - column, "");
        wrap(set->opts[i].help, 24, 24);
    }
}

/* Roff: a '-' that is to be copied into a shell is "\-", a line never begins with a control
 * character. */
static void roff(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '-')
            fputs("\\-", stdout);
        else if (*p == '\\')
            fputs("\\e", stdout);
        else if (*p == '\n')
            fputs(p[1] == '\n' ? "\n.PP" : "\n", stdout);
        else if ((*p == '.' || *p == '\'') && (p == text || p[-1] == '\n'))
            printf("\\&%c", *p);
        else
            putchar(*p);
    }
    putchar('\n');
}

static void help_roff(const struct verb *verb, const struct optset *set)
{
    autofree char *usage = xstrdup(verb->usage);
    printf(".SS %s\n", verb->name);
    for (char *save = NULL, *line = strtok_r(usage, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        printf(".B ungil ");
        roff(line);
        printf(".br\n");
    }
    printf(".PP\n");
    roff(verb->summary);
    if (verb->description) {
        printf(".PP\n");
        roff(verb->description);
    }
    for (size_t i = 0; i < set->n; i++) {
        if (set->opts[i].letter && strchr("hqv", set->opts[i].letter))
            continue; /* every verb's, and said once */
        autofree char *heading = option_heading(&set->opts[i]);
        printf(".TP\n.B ");
        roff(heading);
        roff(set->opts[i].help);
    }
}

void opt_help(const struct verb *verb, bool manual)
{
    const struct optset set = options_of(verb);
    if (manual)
        help_roff(verb, &set);
    else
        help_text(verb, &set);
}
