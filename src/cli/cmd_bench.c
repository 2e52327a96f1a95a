/* ungil bench [NAME]...: what free-threading is worth on this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/bench.h"
#include "core/receipt.h"
#include "core/verify.h"

static struct {
    bool quick, markdown;
    int threads, rounds;
    double budget;
    const char *kernels; /* "primes,matmul:private" */
} wish = {.budget = 90};

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"quick", 0, OPT_FLAG, &wish.quick, NULL,
                              "What install does: half a minute, two or three rounds."});
    opt_add(set, (struct opt){"budget", 0, OPT_SECONDS, &wish.budget, "SECONDS",
                              "Repeat for about so long. Default: 90."});
    opt_add(set, (struct opt){"rounds", 0, OPT_COUNT, &wish.rounds, "N",
                              "At most so many rounds, whatever the budget; at most 9."});
    opt_add(set, (struct opt){"threads", 0, OPT_COUNT, &wish.threads, "N",
                              "Compare 1 thread with N. Default: the CPUs that may be used, 2 to "
                              "4."});
    opt_add(set, (struct opt){"kernel", 0, OPT_STRING, &wish.kernels, "KERNEL[:FORM][,...]",
                              "Only these: primes (equal, balanced), sha256 (9000, 900), matmul "
                              "(shared, private), squares (threads, interpreters)."});
    opt_add(set, (struct opt){"markdown", 0, OPT_FLAG, &wish.markdown, NULL,
                              "The table as Markdown, to paste somewhere."});
    opt_add_root(set);
    opt_add_json(set);
}

/* The two interpreters to compare; owned, NULL: none of that kind. */
struct contestants {
    char *gil, *ft;
};

static int enter(struct contestants *c, char *python, bool free_threaded)
{
    char **place = free_threaded ? &c->ft : &c->gil;
    if (*place) {
        fail(E_USAGE, "%s and %s are both %s", *place, python,
             free_threaded ? "free-threaded" : "builds with the GIL");
        free(python);
        return err_hint(E_USAGE, "compare one of each kind");
    }
    *place = python;
    return 0;
}

/* A release means its pair, as far as it is installed. */
static int enter_name(struct contestants *c, const struct store *s, const char *name, bool alone)
{
    struct receipt *r = NULL, *sibling = NULL;
    int rc = store_find(s, name, &r);
    if (rc < 0)
        return rc;
    rc = enter(c, root_python(s, r), r->free_threaded);
    if (rc == 0 && alone && !*r->suffix) {
        autofree char *other = xasprintf("%st", r->release);
        if (store_find(s, other, &sibling) == 0)
            rc = enter(c, root_python(s, sibling), true);
        else
            err_clear();
    }
    receipt_free(sibling);
    receipt_free(r);
    return rc;
}

static int enter_operand(struct contestants *c, const struct store *s, const char *operand,
                         bool alone)
{
    if (!strchr(operand, '/'))
        return enter_name(c, s, operand, alone);
    if (fs_is_dir(operand) || !fs_exists(operand))
        return err_hint(fail(E_USAGE, "%s is not an interpreter", operand),
                        "give a NAME that \"ungil list\" shows, or the path of a python program");
    autofree char *flags = verify_promised_flags(operand);
    return enter(c, path_absolute(operand), *flags == 't');
}

/* Without a name: the newest pair, or the newest of what there is. */
static int enter_newest(struct contestants *c, const struct store *s)
{
    struct receipt **list = NULL;
    size_t n = 0, chosen = 0;
    int rc = store_list(s, &list, &n);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i + 1 < n; i++)
        if (!*list[i]->suffix && str_eq(list[i + 1]->release, list[i]->release)) {
            chosen = i;
            break;
        }
    rc = n ? enter_name(c, s, list[chosen]->name, true)
           : err_hint(fail(E_FAILED, "nothing is installed in %s", s->root),
                      "\"ungil install 3.14\" installs a pair");
    store_list_free(list, n);
    return rc;
}

static int choose(struct contestants *c, const struct store *s, const struct strv *operands)
{
    if (operands->n > 2)
        return err_hint(fail(E_USAGE, "bench compares two interpreters, not %zu", operands->n),
                        "give a release (its pair), or one build of each kind");
    int rc = operands->n == 0 ? enter_newest(c, s) : 0;
    for (size_t i = 0; rc == 0 && i < operands->n; i++)
        rc = enter_operand(c, s, operands->v[i], operands->n == 1);
    return rc;
}

static int measure(const struct contestants *c)
{
    autostrv kernels = {0};
    autofree char *words = xstrdup(wish.kernels ? wish.kernels : "");
    for (char *save = NULL, *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save))
        strv_add(&kernels, w);
    struct bench_opts b = {.gil = c->gil,
                           .ft = c->ft,
                           .threads = wish.threads,
                           .budget = wish.quick ? bench_quick_budget : wish.budget,
                           .rounds = wish.rounds,
                           .kernels = &kernels,
                           .who = "bench",
                           .progress = progress_display_begin()};
    json_t *result = NULL;
    int rc = bench_run(&b, &result);
    progress_display_end();
    if (rc < 0)
        return rc;
    if (common.json) {
        json_object_set_new(result, "format", json_integer(1));
        return print_json(result);
    }
    autofree char *table = bench_table(result, wish.markdown);
    printf("GIL build:      %s\nfree-threaded:  %s\n\n%s", c->gil ? c->gil : "none",
           c->ft ? c->ft : "none", table);
    json_decref(result);
    return 0;
}

static int run(const struct strv *operands)
{
    autostore s;
    root_open(&s);
    struct contestants c = {0};
    int rc = choose(&c, &s, operands);
    if (rc == 0)
        rc = measure(&c);
    free(c.gil);
    free(c.ft);
    return rc;
}

const struct verb cmd_bench = {
    .name = "bench",
    .usage = "bench [OPTION]... [NAME|PYTHON]...",
    .summary = "Measure what free-threading is worth here",
    .description =
        "Compares the GIL build and the free-threaded build of a release, on 1 thread and on N. "
        "NAME is a release (its pair; the newest one, without a NAME) or one or two names; PYTHON "
        "is the path of an interpreter.\n\n"
        "Every value comes from a fresh process, after a warm-up that is not counted; a round "
        "measures the four cells of a kernel one after the other, and ratios are taken within a "
        "round. The work and its result are the same in every cell, and each worker makes sure "
        "that the GIL was on or off as it should be: else there is no table. Where fewer CPUs may "
        "be used than there are threads, no scaling is claimed.\n\n"
        "With --json: format (1), threads, cpus, load, cpu_granted (the least share of a CPU that "
        "one thread "
        "got), scaling (\"measured\", or why it is refused), rounds, "
        "seconds, gil, ft, and kernels, each with kernel, form, shows, scale, checksum, cells "
        "(\"gil/1\", \"gil/N\", \"ft/1\", \"ft/N\": seconds, mad, cpu_seconds, values), "
        "build_overhead (ft by gil on one thread), gil_scaling and ft_scaling (one thread by N); "
        "or skip, the reason why it cannot run. Times are in seconds; mad is the median absolute "
        "deviation. The member bench of receipts and of install --json is the same without format.",
    .run = run,
    .options = options,
};
