/* ungil audit NAME [TARGET]...: which extension module switches the GIL back on? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/audit_print.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/audit.h"
#include "core/progress.h"
#include "core/receipt.h"

static bool static_only, markdown, net, no_index;
static double timeout = 20;
static int memory_mib = 2048, jobs;
static struct strv allow, find_links;
static const char *index_url;

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"static", 0, OPT_FLAG, &static_only, NULL,
                              "Execute nothing, not even the interpreter: read the files. Safe on "
                              "wheels that nobody trusts."});
    opt_add(set, (struct opt){"allow", 0, OPT_LIST, &allow, "NAME",
                              "This distribution or module (or package of modules) may switch the "
                              "GIL on or fail: it is shown, and counts no more. Repeatable."});
    opt_add(set, (struct opt){"timeout", 0, OPT_SECONDS, &timeout, "SECONDS",
                              "How long one import may take (20)."});
    opt_add(set,
            (struct opt){"memory", 0, OPT_COUNT, &memory_mib, "MIB",
                         "How much private memory one process may have (2048; at least 256)."});
    opt_add(set,
            (struct opt){"net", 0, OPT_FLAG, &net, NULL, "What is imported may use the network."});
    opt_add(set, (struct opt){"jobs", 'j', OPT_COUNT, &jobs, "N",
                              "Processes at a time (the number of CPUs)."});
    opt_add(set, (struct opt){"index-url", 0, OPT_STRING, &index_url, "URL",
                              "For a requirements file, passed on to pip."});
    opt_add(set, (struct opt){"find-links", 0, OPT_LIST, &find_links, "DIR|URL",
                              "For a requirements file, passed on to pip. Repeatable."});
    opt_add(set, (struct opt){"no-index", 0, OPT_FLAG, &no_index, NULL,
                              "For a requirements file, passed on to pip."});
    opt_add(set, (struct opt){"markdown", 0, OPT_FLAG, &markdown, NULL,
                              "Print the tables in Markdown, for the summary of a CI run."});
    opt_add_root(set);
    opt_add_json(set);
}

/* The interpreter: a NAME of the store, or a path. */
struct asked {
    char *python, *series; /* owned; series NULL: not known */
    bool sanitized;
};

static int find_path(const char *path, struct asked *a)
{
    if (fs_is_dir(path) || !fs_exists(path))
        return err_hint(fail(E_USAGE, "%s is not an interpreter", path),
                        "give a NAME that \"ungil list\" shows, or the path of a python program");
    a->python = path_absolute(path);
    autofree char *real = realpath(path, NULL);
    const char *base = path_base(real ? real : path);
    if (str_starts(base, "python3."))
        a->series = xasprintf("3.%.*s", (int)strspn(base + 8, "0123456789"), base + 8);
    return 0;
}

static int find_name(const char *name, struct asked *a)
{
    autostore s;
    struct receipt *r = NULL;
    int rc = root_find(&s, name, &r);
    if (rc == 0 && !r->free_threaded && !static_only)
        rc = err_hint(fail(E_USAGE, "%s is built with the GIL: nothing can switch it on", r->name),
                      "audit with the free-threaded one: \"ungil audit %st\"", r->release);
    if (rc == 0) {
        a->python = root_python(&s, r);
        a->sanitized = receipt_is_sanitized(r);
        a->series = xstrdup(r->series);
    }
    receipt_free(r);
    return rc;
}

static void pip_arguments(struct strv *pip)
{
    if (no_index)
        strv_add(pip, "--no-index");
    if (index_url)
        strv_addf(pip, "--index-url=%s", index_url);
    for (size_t i = 0; i < find_links.n; i++)
        strv_addf(pip, "--find-links=%s", find_links.v[i]);
}

static int check_options(const struct strv *operands)
{
    if (operands->n == 0)
        return err_hint(fail(E_USAGE, "which interpreter?"),
                        "ungil audit NAME [TARGET]...; \"ungil list\" shows the names");
    if (memory_mib < 256)
        return err_hint(fail(E_USAGE, "--memory %d is not enough for an interpreter", memory_mib),
                        "at least 256 (MiB)");
    if (timeout <= 0)
        return err_hint(fail(E_USAGE, "--timeout wants more than 0 seconds"), "the default is 20");
    if (markdown && common.json)
        return err_hint(fail(E_USAGE, "--json and --markdown exclude each other"), "leave one out");
    return 0;
}

/* What the exit status is about, in a sentence. */
static int conclude(int rc, json_t *report)
{
    autofree char *what = audit_summary(report);
    if (rc == E_UNPROVEN)
        return err_hint(fail(E_UNPROVEN, "%s", what),
                        "\"--allow NAME\" accepts one; newer versions may declare Py_mod_gil");
    if (rc == E_FAILED)
        return err_hint(fail(E_FAILED, "%s", what), "\"--allow NAME\" accepts one");
    return rc;
}

static int audit(const struct audit_opts *opts)
{
    struct audit_opts o = *opts;
    json_t *report = NULL;
    o.limits.who = o.name;
    o.limits.progress = progress_display_begin();
    progress_stage(o.limits.progress, o.name, "audit", 0);
    int rc = audit_run(&o, &report);
    progress_display_end();
    if (!report)
        return rc;
    int printed = 0;
    if (common.json)
        printed = print_json(json_incref(report));
    else
        audit_print(report, markdown);
    rc = printed < 0 ? printed : conclude(rc, report);
    json_decref(report);
    return rc;
}

static int run(const struct strv *operands)
{
    int rc = check_options(operands);
    if (rc < 0)
        return rc;
    struct asked a = {0};
    const char *name = operands->v[0];
    rc = strchr(name, '/') ? find_path(name, &a) : find_name(name, &a);
    if (rc == 0) {
        autostrv pip = {0}, targets = {0};
        pip_arguments(&pip);
        for (size_t i = 1; i < operands->n; i++)
            strv_add(&targets, operands->v[i]);
        struct audit_opts opts = {
            .name = name,
            .python = a.python,
            .series = a.series,
            .targets = &targets,
            .pip = &pip,
            .allow = &allow,
            .net = net,
            .static_only = static_only,
            .limits = {.seconds = timeout,
                       /* its shadow memory alone is more than any limit */
                       .memory = a.sanitized ? 0 : (unsigned long)memory_mib << 20,
                       .jobs = jobs ? jobs : cpu_count()}};
        rc = audit(&opts);
    }
    free(a.python);
    free(a.series);
    strv_free(&allow);
    strv_free(&find_links);
    return rc;
}

const struct verb cmd_audit = {
    .name = "audit",
    .usage = "audit [OPTION]... NAME|PYTHON [TARGET]...",
    .summary = "Find the extension modules that switch the GIL on",
    .description =
        "A free-threaded interpreter switches the GIL on, for the whole process and for good, when "
        "it loads one extension module that does not declare that it can do without "
        "(Py_mod_gil). This finds them, in your packages, with the free-threaded interpreter NAME "
        "or PYTHON (a path).\n\n"
        "TARGET is a virtual environment; a wheel or a directory of wheels (unpacked and imported "
        "from there, together, without what is installed elsewhere); a requirements file "
        "(installed by pip into an environment that is thrown away; building what has no wheel "
        "runs programs of the packages); a directory of modules; or one extension module (*.so). "
        "Without one: what is installed in the interpreter itself.\n\n"
        "Each extension module is imported alone, in a fresh process, and so are the modules that "
        "a distribution lets an application import; then everything together in one. Each process "
        "has limits of time and memory (private memory, RLIMIT_DATA: interpreters reserve far more "
        "address space than they use), no network unless --net, a temporary directory for its "
        "HOME, "
        "and is killed with all that it started. That keeps accidents in, but is no defence "
        "against malice: on packages that nobody trusts, use --static. Where this system allows no "
        "network namespace, a warning says that the network could be reached.\n\n"
        "The table has a line for each distribution, and for each extension module that belongs to "
        "none: its version; whether it came as a wheel that a free-threaded interpreter takes "
        "(cp314t, abi3t, pure; \"local\": built on this machine); what became of the GIL; and who "
        "switched it on. \"ON\"; \"crashed\"; \"hung\" (over the time limit); \"error\" (another "
        "import error); \"missing\" (a module or shared library it needs is not there); "
        "\"foreign\" (made for another interpreter or system); \"off\". With --static: "
        "\"undeclared\", \"cannot tell\", \"error\" (a damaged file) and \"declared\".\n\n"
        "Exit status: 0 all is clear; 3 something that is not allowed switches the GIL on, or with "
        "--static does not declare itself; 1 nothing does, but something could not be imported "
        "(or, with --static, told).\n\n"
        "With --json: format (1), verdict (clear, on, failed), name, python, static, isolation "
        "(network: none or open, network_why, seconds, memory in bytes), and audited, an object "
        "for each place: target, kind (installed, venv, requirements, wheels, directory, "
        "extension), python, release, seconds, at_start (culprits that are loaded at every start), "
        "skipped (wheels: file, verdict, why), libraries and together. Each library: library, "
        "version, distribution (false: a module of none), wheel, tags, modules, verdict (on, "
        "crashed, hung, error, missing, foreign, undeclared, cannot tell, none, off), gil (on, "
        "off, "
        "unknown), culprits (module, file, distribution), why, seconds (of its import), counts "
        "(for the verdict: on, failed, allowed; null), "
        "contradictions (between what a file says and what was seen), extensions and import. Each "
        "extension: module, file, verdict, gil (true, false, null), culprits, why, needs, seconds, "
        "and static (answer: declares, does not declare, cannot tell; why, init, abi, machine and "
        "more). import and together: verdict, gil, culprits, at (the module that failed), why, "
        "needs, seconds, imports (module, verdict, why, needs, seconds), at_start, finished (it "
        "came "
        "to its own end); together also "
        "left_out (what crashed or hung alone).",
    .run = run,
    .options = options,
};
