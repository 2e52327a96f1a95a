/* What the stages run: the command lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/build_ccache.h"
#include "core/build_stage.h"
#include "core/dirs.h"
#include "core/embedded.h"
#include "core/recipe.h"
#include "core/release.h"
#include "core/relocate.h"
#include "core/source.h"
#include "core/variant.h"

static int copy_command(struct pipeline *p, struct strv *argv)
{
    if (p->step > 0)
        return 0;
    int rc = fs_remove_tree(p->dir);
    if (rc < 0)
        return rc;
    /* A program, because a big tree on a slow disk takes longer than a Ctrl-C may wait; and the
     * other variant goes on meanwhile. */
    strv_split(argv, "cp -R -P -p");
    strv_add(argv, p->opts->source->dir);
    strv_add(argv, p->dir);
    return 0;
}

void command_configure_words(struct pipeline *p, struct strv *argv)
{
    autofree char *prefix = dirs_configured_prefix(p->build->name);
    autostrv words = {0};
    strv_split(&words, "./configure --config-cache");
    strv_addf(&words, "--prefix=%s", prefix);
    strv_addv(&words, &p->opts->preset->configure);
    strv_addv(&words, &p->build->variant->configure);
    autofree char *settings = variant_settings(&p->env, p->build->variant, p->opts->preset);
    autofree char *line = strv_join(&words, " ");
    str_set(&p->build->configure, xasprintf("%s%s", settings, line));
    strv_addv(argv, &words);
}

static int configure_command(struct pipeline *p, struct strv *argv)
{
    if (p->step > 0)
        return 0;
    strv_add(argv,
             "sh"); /* a program is looked for from ungil's directory, a script from its own */
    command_configure_words(p, argv);
    return share_configure_cache(p);
}

/* A program that only the test suite runs is taken as made already, and so are those that make the
 * frozen modules, once these are there. The prefix that is compiled in leaves room for the one that
 * will be; on macOS a signed program cannot be changed. */
void command_make(const struct pipeline *p, struct strv *argv)
{
    strv_split(argv, "make -o Programs/_testembed");
    if (rules_wanted(p)) {
        strv_split(argv, "-f Makefile -f");
        strv_add(argv, rules_name);
    }
    if (p->stage >= STAGE_MAKE && (p->o.lto || (p->o.pgo && !p->o.stored)))
        strv_split(argv, "-o _bootstrap_python -o Programs/_freeze_module");
#ifndef __APPLE__
    autofree char *prefix = dirs_configured_prefix(p->build->name);
    autofree char *padded = relocate_padded_prefix(prefix);
    strv_addf(argv, "host_prefix=%s", padded);
    strv_addf(argv, "host_exec_prefix=%s", padded);
#else
    (void)p;
#endif
    ccache_words(p, argv);
}

static bool is_optimised(const struct pipeline *p)
{
    return p->o.pgo || p->o.lto;
}

/* After make proper: what is made of the interpreter that is there now. */
static int after_make_command(struct pipeline *p, int step, struct strv *argv)
{
    const char *targets[2];
    int n = 0;
    if (p->o.lto)
        targets[n++] = "ungil-library";
    if (p->o.bolt)
        targets[n++] = "profile-bolt-stamp";
    if (step >= n)
        return prelude_clean(p);
    command_make(p, argv);
    strv_add(argv, targets[step]);
    return 0;
}

static int make_command(struct pipeline *p, struct strv *argv)
{
    bool prelude = prelude_wanted(p);
    int first = prelude ? 1 : 0, rc = 0;
    if (p->step > first)
        return after_make_command(p, p->step - first - 1, argv);
    if (p->step == 0)
        rc = prelude_clean(p); /* an interrupted build may have left half of it */
    if (rc == 0 && p->step == 0)
        rc = pgo_before_make(p);
    if (rc == 0 && p->step == 0)
        rc = stage_write(p, true);
    if (rc == 0 && p->step == 0 && prelude) {
        command_make(p, argv);
        return prelude_command(p, argv);
    }
    if (rc == 0 && p->step == 1)
        rc = share_note_objects(p);
    if (rc == 0)
        rc = share_objects(p);
    if (rc == 0)
        command_make(p, argv);
    if (rc == 0 && is_optimised(p))
        strv_add(argv, "build_all"); /* what upstream's profile-opt makes in the end */
    return rc;
}

static char *python_path(const struct pipeline *p)
{
    autofree char *program = python_program(p->opts->recipe->series, p->build->variant->suffix);
    return xasprintf("%s/bin/%s", p->build->prefix, program);
}

/* Writes a program that ungil carries into the build directory; *path is owned. */
static int bring_program(const struct pipeline *p, const char *name, char **path)
{
    const struct embedded *program = embedded_find(name);
    autofree char *own = xasprintf("ungil-%s", name);
    *path = path_join(p->dir, own);
    return fs_write_atomic(*path, program->data, program->size, 0644);
}

static int bytecode_command(struct pipeline *p, struct strv *argv)
{
    autofree char *library = share_library(p), *python = python_path(p);
    int rc = fs_is_dir(library) ? share_bytecode(p) : 0;
    if (rc < 0 || !fs_exists(python))
        return rc;
    autofree char *file = NULL;
    rc = bring_program(p, "bytecode.py", &file);
    if (rc < 0)
        return rc;
    strv_add(argv, python);
    strv_split(argv, "-I -S -B -W ignore");
    strv_add(argv, file);
    strv_add(argv, library);
    while (jobserver_take(p->jobserver))
        p->tokens++;
    strv_addf(argv, "%d", p->tokens);
    return 0;
}

/* Upstream's rules do not quote DESTDIR: where it has a space, a link in the build directory, in
 * which make runs, stands for it. */
static int add_destdir(const struct pipeline *p, struct strv *argv)
{
    const char *destdir = p->build->destdir;
    if (!strpbrk(destdir, " \t")) {
        strv_addf(argv, "DESTDIR=%s", destdir);
        return 0;
    }
    autofree char *link = path_join(p->dir, "ungil-destdir");
    strv_add(argv, "DESTDIR=ungil-destdir");
    return fs_symlink_replace(destdir, link);
}

/* With upstream's own variables: how a program runs in the build directory, and whether pip is
 * wanted at all. */
static int pip_command(struct pipeline *p, struct strv *argv)
{
    static const char rule[] = "# Written by ungil; read after the Makefile.\n"
                               "ungil-pip:\n"
                               "\t@test 'x$(ENSUREPIP)' = xno || "
                               "$(RUNSHARED) $(PYTHON_FOR_BUILD) ungil-pip.py $(DESTDIR)/\n"
                               ".PHONY: ungil-pip\n";
    autofree char *file = NULL, *rules = path_join(p->dir, "ungil-pip.mk");
    int rc = bring_program(p, "pip.py", &file);
    if (rc == 0)
        rc = fs_write_atomic(rules, rule, strlen(rule), 0644);
    if (rc < 0)
        return rc;
    strv_split(argv, "make -f Makefile -f ungil-pip.mk ungil-pip");
    return add_destdir(p, argv);
}

static int install_command(struct pipeline *p, struct strv *argv)
{
    if (p->step == PIP_STEP)
        return pip_command(p, argv);
    if (p->step == BYTECODE_STEP)
        return bytecode_command(p, argv);
    if (p->step > BYTECODE_STEP)
        return 0;
    int rc = fs_remove_tree(p->build->destdir);
    if (rc == 0)
        rc = fs_mkdirs(p->build->destdir, 0755);
    if (rc < 0)
        return rc;
    command_make(p, argv);
    if (is_optimised(
            p)) /* everything is made; upstream's rule would look for it with other flags */
        strv_split(argv, "-o profile-opt -o bolt-opt");
    strv_split(argv, "-o checksharedmods install");
    rc = add_destdir(p, argv);
    strv_add(argv, "ENSUREPIP=no"); /* pip.py says why */
    /* Upstream compiles bytecode for three levels of optimisation, of which two are hardly ever
     * asked for; with --help its compileall does nothing, and the next step compiles one, always to
     * the same bytes. */
    strv_add(argv, "COMPILEALL_OPTS=--help");
    if (!p->opts->recipe->install_tests)
        strv_add(argv, "TESTSUBDIRS=");
    return rc;
}

int stage_command(struct pipeline *p, struct strv *argv)
{
    switch (p->stage) {
    case STAGE_COPY:
        return copy_command(p, argv);
    case STAGE_CONFIGURE:
        return configure_command(p, argv);
    case STAGE_FREEZE:
        return pgo_freeze_command(p, argv);
    case STAGE_INSTRUMENT:
        return pgo_instrument_command(p, argv);
    case STAGE_TRAIN:
        return train_command(p, argv);
    case STAGE_MAKE:
        return make_command(p, argv);
    default:
        return install_command(p, argv);
    }
}
