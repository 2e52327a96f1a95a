/* Profile-guided and link-time optimisation: from what configure was told to an interpreter whose
 * profile is known to fit. What differs from upstream's rules, and why, is in build_rules.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/build_stage.h"
#include "core/plan.h"
#include "core/recipe.h"
#include "core/source.h"
#include "core/toolchain.h"
#include "io/digest.h"

/* ---- What was configured ---- */

/* The value of a variable, or what the first rule for a target names; owned. "" when there is
 * none. */
static char *makefile_value(const char *makefile, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = makefile; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (strncmp(at, name, n) != 0)
            continue;
        const char *value = at + n + strspn(at + n, " \t");
        if (*value != '=' && *value != ':')
            continue;
        value++;
        autofree char *copy = xstrndup(value, strcspn(value, "\n"));
        return xstrdup(str_trim(copy));
    }
    return xstrdup("");
}

static bool has_word(const char *text, const char *start)
{
    autostrv words = {0};
    strv_split(&words, text);
    for (size_t i = 0; i < words.n; i++)
        if (str_starts(words.v[i], start))
            return true;
    return false;
}

bool stage_applies(const struct pipeline *p, enum stage stage)
{
    bool trains = p->o.pgo && !p->o.stored;
    if (stage == STAGE_FREEZE)
        return p->o.lto && !trains;
    if (stage == STAGE_INSTRUMENT || stage == STAGE_TRAIN)
        return trains;
    return true;
}

/* ---- What training data depends on ---- */

static int add_digest(struct str *key, const struct pipeline *p, const char *file)
{
    autofree char *path = path_join(p->dir, file);
    char hex[SHA256_HEX];
    int rc = digest_file(path, hex);
    if (rc == 0)
        str_addf(key, "%s=%s\n", file, hex);
    return rc;
}

/* Which modules are built, and so compiled with a profile. */
static void add_modules(struct str *key, const char *makefile)
{
    str_add(key, "modules=");
    for (const char *at = makefile; (at = strstr(at, "\nMODULE_")); at++) {
        const char *end = strchr(at + 1, '\n');
        const char *state = strstr(at + 1, "_STATE=");
        if (state && end && state < end)
            str_addf(key, "%.*s ", (int)(end - at - 1), at + 1);
    }
    str_add(key, "\n");
}

static int make_key(struct pipeline *p, const char *makefile)
{
    static const char *const variables[] = {"OPT",
                                            "BASECFLAGS",
                                            "CONFIGURE_CFLAGS",
                                            "CONFIGURE_CPPFLAGS",
                                            "CONFIGURE_CFLAGS_NODIST",
                                            "CONFIGURE_LDFLAGS_NODIST",
                                            "CONFIGURE_LDFLAGS",
                                            "EXTRA_CFLAGS",
                                            "PGO_PROF_GEN_FLAG",
                                            "PGO_PROF_USE_FLAG",
                                            "PROFILE_TASK"};
    const struct source *s = p->opts->source;
    const char *id = s->tree ? s->tree : s->commit ? s->commit : s->sha256;
    autofree char *toolchain = NULL, *rules = rules_text(p);
    autostr key = {0};
    char hex[SHA256_HEX];
    str_addf(&key, "name=%s\nrelease=%s\nsource=%s\nvariant=%s\npreset=%s\n", p->build->name,
             s->release, id ? id : p->key, p->build->variant->id, p->opts->preset->id);
    int rc = toolchain_describe(&p->env, p->build->cc ? p->build->cc : "cc", &toolchain);
    if (rc < 0)
        return rc;
    str_add(&key, toolchain);
    str_addf(&key, "configure=%s\n", p->build->configure ? p->build->configure : "");
    for (size_t i = 0; plan_environment[i]; i++) {
        const char *value = env_get(&p->env, plan_environment[i]);
        if (value)
            str_addf(&key, "env %s=%s\n", plan_environment[i], value);
    }
    for (size_t i = 0; i < lengthof(variables); i++) {
        autofree char *value = makefile_value(makefile, variables[i]);
        str_addf(&key, "%s=%s\n", variables[i], value);
    }
    digest_text(rules, hex);
    str_addf(&key, "rules=%s\n", hex);
    add_modules(&key, makefile);
    rc = add_digest(&key, p, "pyconfig.h");
    if (rc == 0)
        str_set(&p->o.key_text, str_take(&key));
    return rc;
}

static bool was_done(const struct pipeline *p, enum stage stage)
{
    for (size_t i = 0; i < p->build->stages.n; i++)
        if (str_starts(p->build->stages.v[i], stage_names[stage]))
            return true;
    return false;
}

/* What the receipt says of the training. */
static void tell(struct pipeline *p)
{
    const struct training_facts *f = &p->o.facts;
    str_set(&p->build->training_origin, xstrdup(f->origin ? f->origin : ""));
    str_set(&p->build->training_tests, xstrdup(f->tests ? f->tests : ""));
    p->build->training_missing = f->missing;
}

/* A build that goes on may find in the store what was not there when it began, or miss what was. */
static void go_back(struct pipeline *p)
{
    enum stage from = p->o.stored ? STAGE_FREEZE : STAGE_INSTRUMENT;
    if (p->stage <= from || (p->o.stored && (!p->o.lto || was_done(p, STAGE_FREEZE))))
        return;
    p->stage = from;
    p->resumed = false;
}

enum { TRIAL_SECONDS = 60, TRIAL_OUTPUT = 64 << 10 };

/* Does the compiler link what it optimises when it links? configure asks only whether it takes the
 * option, and make finds out after all that is done before the last link: a compiler that lacks its
 * lto-wrapper, a clang without a linker for it. */
static int try_lto(struct pipeline *p, const char *makefile)
{
    /* The caller's own, which may name the linker, and configure's. */
    static const char *const options[] = {"CONFIGURE_CFLAGS", "CONFIGURE_CFLAGS_NODIST",
                                          "CONFIGURE_LDFLAGS", "CONFIGURE_LDFLAGS_NODIST"};
    static const char program[] = "int main(void)\n{\n    return 0;\n}\n";
    const char *cc = p->build->cc ? p->build->cc : "cc";
    autofree char *source = path_join(p->dir, "ungil-lto.c"),
                  *made = path_join(p->dir, "ungil-lto");
    autofree char *said = NULL;
    int rc = fs_write_atomic(source, program, strlen(program), 0644), status = 0;
    if (rc < 0)
        return rc;
    autostrv argv = {0};
    strv_split(&argv, cc);
    strv_split(&argv, "ungil-lto.c -o ungil-lto");
    for (size_t i = 0; i < lengthof(options); i++) {
        autofree char *value = makefile_value(makefile, options[i]);
        strv_split(&argv, value);
    }
    struct proc_opts o = PROC_OPTS_INIT;
    o.cwd = p->dir;
    o.env = &p->env;
    rc = proc_capture(&argv, &o, TRIAL_SECONDS, TRIAL_OUTPUT, &said, &status);
    unlink(made);
    unlink(source);
    if (rc < 0 || proc_ok(status))
        return rc;
    char *line = str_trim(said);
    rc = fail(E_BUILD, "the C compiler \"%s\" (CC) cannot do link-time optimisation: %.*s", cc,
              (int)strcspn(line, "\n"), line);
    return err_hint(
        rc,
        "it may lack a part, or its linker: CC names another one; \"--preset quick\" does without");
}

int pgo_decide(struct pipeline *p)
{
    autofree char *path = path_join(p->dir, "Makefile"), *makefile = NULL;
    int rc = fs_read_text(path, &makefile);
    if (rc < 0)
        return rc;
    autofree char *all = makefile_value(makefile, "all");
    const char *bolt = strstr(makefile, "\nbolt-opt:");
    autofree char *flags = makefile_value(makefile, "CONFIGURE_CFLAGS_NODIST");
    const char *compiler = p->build->compiler;
    p->o.bolt = strcmp(all, "bolt-opt") == 0;
    p->o.pgo = strcmp(all, "profile-opt") == 0 ||
               (p->o.bolt && bolt && str_starts(bolt, "\nbolt-opt:\n\t$(MAKE) profile-opt\n"));
    p->o.lto = has_word(flags, "-flto");
    p->o.gcc = compiler && !strstr(compiler, "clang");
    if (p->o.lto && p->stage == STAGE_CONFIGURE)
        rc = try_lto(p, makefile);
    if (rc < 0 || !p->o.pgo)
        return rc;
    rc = make_key(p, makefile);
    if (rc < 0)
        return rc;
    str_set(&p->build->training_key, training_key(p->o.key_text));
    bool trains = was_done(p, STAGE_INSTRUMENT), found = false;
    if (trains && p->stage < STAGE_INSTALL)
        return 0; /* an interrupted build that trains itself */
    training_facts_free(&p->o.facts);
    rc = training_restore(p->opts->cache, p->o.key_text, p->dir, &found, &p->o.facts);
    p->o.stored = found && !trains;
    if (rc == 0 && found && p->stage == STAGE_INSTALL)
        tell(p);
    if (rc == 0 && !trains)
        go_back(p);
    return rc;
}

void pgo_free(struct pipeline *p)
{
    training_facts_free(&p->o.facts);
    strv_free(&p->o.tests);
    strv_free(&p->o.groups);
    strv_free(&p->o.alone);
    free(p->o.key_text);
}

/* ---- Commands ---- */

struct removal {
    bool objects, counts;
};

static bool is_object(const char *name)
{
    static const char *const ends[] = {".o", ".a", ".so", ".lto"};
    for (size_t i = 0; i < lengthof(ends); i++)
        if (str_ends(name, ends[i]))
            return true;
    return strstr(name, ".so.") != NULL;
}

static bool is_program(const char *relative)
{
    return strcmp(relative, "python") == 0 || strcmp(relative, "python.exe") == 0;
}

static bool is_count(const char *name)
{
    return str_ends(name, ".gcda") || strstr(name, ".profclang") || str_ends(name, ".profraw");
}

static int remove_made(const char *relative, const char *path, const struct stat *st, void *arg)
{
    const struct removal *r = arg;
    const char *name = path_base(relative);
    bool object = is_object(name) || is_program(relative);
    if (S_ISDIR(st->st_mode) || !((r->objects && object) || (r->counts && is_count(name))))
        return 0;
    return unlink(path) < 0 ? fail_errno(E_FAILED, "cannot remove %s", path) : 0;
}

/* Takes away what make made, so that it makes it anew with other options, or what instrumented
 * programs counted. Frozen modules and the programs that make them stay. */
static int clean_tree(const struct pipeline *p, bool objects, bool counts)
{
    struct removal r = {.objects = objects, .counts = counts};
    return fs_walk(p->dir, remove_made, &r);
}

static int remove_unfinished(const char *relative, const char *path, const struct stat *st,
                             void *arg)
{
    (void)arg;
    const char *base = path_base(relative);
    bool linked = is_program(relative) || str_ends(base, ".so") ||
                  strcmp(base, "_freeze_module") == 0 || strcmp(base, "_bootstrap_python") == 0;
    bool unfinished =
        (linked && !(st->st_mode & S_IXUSR)) || ((linked || is_object(base)) && st->st_size == 0);
    if (!S_ISREG(st->st_mode) || !unfinished)
        return 0;
    return unlink(path) < 0 ? fail_errno(E_FAILED, "cannot remove %s", path) : 0;
}

/* What make goes on from. A linker that was killed leaves a program that is newer than its objects;
 * it sets the permission to run it last. */
static int go_on(const struct pipeline *p)
{
    return fs_walk(p->dir, remove_unfinished, NULL);
}

int pgo_freeze_command(struct pipeline *p, struct strv *argv)
{
    if (p->step > 0)
        return 0;
    int rc = clean_tree(p, true, false);
    if (rc == 0)
        rc = rules_write(p);
    command_make(p, argv);
    strv_add(argv, "Python/frozen.o");
    return rc;
}

int pgo_instrument_command(struct pipeline *p, struct strv *argv)
{
    if (p->step > 0)
        return 0;
    int rc = p->resumed ? go_on(p) : clean_tree(p, true, true);
    if (rc == 0)
        rc = rules_write(p);
    if (rc == 0)
        rc = stage_write(p, true);
    command_make(p, argv);
    strv_split(argv, "-o checksharedmods -o gdbhooks build_all");
    return rc;
}

int pgo_forget_counts(const struct pipeline *p)
{
    return clean_tree(p, false, true);
}

int pgo_before_make(struct pipeline *p)
{
    int rc = 0;
    if (p->resumed)
        rc = go_on(p);
    else if (p->o.pgo || p->o.lto)
        rc = clean_tree(p, true, false);
    return rc == 0 && rules_wanted(p) ? rules_write(p) : rc;
}

/* ---- Verdicts: what the logs say ---- */

int pgo_read_log(const struct pipeline *p, char **text)
{
    size_t size;
    int rc = fs_read(p->log_path, text, &size);
    for (size_t i = 0; rc == 0 && i < size; i++)
        if (!(*text)[i])
            (*text)[i] = '?';
    return rc;
}

static long count_lines(const char *log, const char *const *words, size_t n)
{
    long count = 0;
    for (const char *at = log; *at;) {
        size_t len = strcspn(at, "\n");
        autofree char *line = xstrndup(at, len);
        bool found = false;
        for (size_t i = 0; i < n && !found && *line != '+'; i++)
            found = strstr(line, words[i]) != NULL;
        count += found;
        at += len + (at[len] == '\n');
    }
    return count;
}

/* What gcc and clang say of data that is of another program, of another version, or damaged. */
static long count_unfit(const char *log)
{
    static const char *const words[] = {"coverage-mismatch",
                                        "is not a gcov data file",
                                        "profile data may be corrupted",
                                        "profile count data file is corrupted",
                                        ".gcda' is corrupted",
                                        ".gcda’ is corrupted",
                                        ", prefer version",
                                        "[-Wprofile-instr-out-of-date]",
                                        "could not read profile",
                                        "Could not read profile",
                                        "malformed instrumentation profile"};
    return count_lines(log, words, lengthof(words));
}

/* Back to training: nothing that the data was used for stays. */
static int train_after_all(struct pipeline *p, long unfit, long missing)
{
    note(
        "%s: the stored training data (%s) does not fit: %ld file%s refused, %ld without any where "
        "%ld had been; training anew",
        p->build->name, p->o.facts.origin ? p->o.facts.origin : "of unknown origin", unfit,
        unfit == 1 ? "" : "s", missing, p->o.facts.missing);
    int rc = training_forget(p->opts->cache, p->o.key_text);
    training_facts_free(&p->o.facts);
    p->o.stored = false;
    struct strv kept = {0};
    for (size_t i = 0; i < p->build->stages.n; i++)
        if (!str_starts(p->build->stages.v[i], stage_names[STAGE_FREEZE]))
            strv_add(&kept, p->build->stages.v[i]);
    strv_free(&p->build->stages);
    p->build->stages = kept;
    p->stage = STAGE_INSTRUMENT;
    p->begun = p->resumed = false;
    return rc == 0 ? stage_write(p, false) : rc;
}

static void keep(struct pipeline *p)
{
    str_set(&p->o.facts.origin, xstrdup("trained here"));
    if (training_save(p->opts->cache, p->o.key_text, p->dir, &p->o.facts) == 0)
        return;
    if (!proc_interrupted())
        warn("%s: the training data cannot be kept for another build: %s", p->build->name,
             err_message());
    err_clear();
}

int pgo_judge(struct pipeline *p, bool made, bool *fits)
{
    static const char *const missing_words[] = {"[-Wmissing-profile]", "[-Wprofile-instr-missing]"};
    autofree char *log = NULL;
    *fits = true;
    if (!p->o.pgo)
        return 0;
    int rc = pgo_read_log(p, &log);
    if (rc < 0)
        return rc;
    long unfit = count_unfit(log);
    long missing = count_lines(log, missing_words, lengthof(missing_words));
    if (p->o.stored && (unfit > 0 || (made && missing != p->o.facts.missing))) {
        *fits = false;
        return train_after_all(p, unfit, missing);
    }
    if (!made)
        return 0;
    rc = train_recall(p);
    if (rc < 0)
        return rc;
    if (unfit > 0) {
        rc = fail(E_BUILD, "%s: what its own training counted does not fit %ld file%s; see %s",
                  p->build->name, unfit, unfit == 1 ? "" : "s", p->log_path);
        return err_hint(rc, "was the compiler or the source changed meanwhile? \"ungil clean\" "
                            "and the same command begin anew");
    }
    p->o.facts.missing = missing;
    if (!p->o.stored)
        keep(p);
    tell(p);
    return 0;
}
