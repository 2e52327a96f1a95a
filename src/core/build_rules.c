/* ungil.mk: what is different from upstream's way to an optimised build, as rules for make.
 *
 * Upstream's `make` builds with instrumentation, trains, removes what it made and builds again,
 * all with the same flags. What that costs without being of use, and what is done instead (gcc 12,
 * CPython 3.14.7, one variant, CPU seconds):
 *   - link-time optimisation of the instrumented build, which nobody keeps: gcc places its counters
 *     before it streams anything for LTO, so -fno-lto leaves the same profile;
 *   - debugging information, when nobody asked for it;
 *   - objects with both machine code and what LTO reads (-ffat-lto-objects): of the two only the
 *     latter ends in the interpreter. 404 s of optimised build become 121. The machine code is
 *     wanted by _freeze_module and _bootstrap_python, which make the frozen modules, and by the
 *     static library. The former are left from an earlier stage; the latter is made of what the
 *     last link compiles, and so is optimised like the interpreter. clang's objects hold only that
 *     from the start, and a library of them could be linked by no other compiler;
 *   - one process to train: see build_train.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/build_stage.h"
#include "core/recipe.h"

const char rules_name[] = "ungil.mk";

/* BOLT needs no -fno-pie, which upstream adds "to get good performance": the program could be
 * loaded at one address only, and its static library be linked with nothing that is made as usual.
 * In a position-independent program BOLT stops at functions with computed gotos. Upstream names
 * them to be skipped, but not as link-time optimisation does (sre_ucs1_match.lto_priv.0/1). */
static void bolt_rules(struct str *out, const struct optimisation *o)
{
    if (o->bolt)
        str_add(out,
                "CONFIGURE_CFLAGS_NODIST := $(filter-out -fno-pie,$(CONFIGURE_CFLAGS_NODIST))\n"
                "LINKCC := $(filter-out -fno-pie -no-pie,$(LINKCC))\n"
                "UNGIL_SKIP := '-skip-funcs=_PyEval_EvalFrameDefault.*,sre_ucs._match.*'\n"
                "BOLT_INSTRUMENT_FLAGS += $(UNGIL_SKIP)\n"
                "BOLT_APPLY_FLAGS += $(UNGIL_SKIP)\n");
}

static void freeze_rules(struct str *out)
{
    str_add(out, "CFLAGS_NODIST += -fno-lto -O0 -g0\n"
                 "LDFLAGS_NODIST += -fno-lto\n");
}

/* Counters that several threads count up at once are damaged otherwise (cpython#145801); upstream
 * says so itself from 3.14.4. On 32-bit x86 it is many times slower (cpython#148535). */
static bool counts_atomically(void)
{
    struct utsname host;
    uname(&host);
    return strcmp(host.machine, "x86_64") == 0 || strcmp(host.machine, "aarch64") == 0;
}

static void instrument_rules(struct str *out, const struct optimisation *o)
{
    bolt_rules(out, o);
    if (o->gcc && counts_atomically())
        str_add(out, "ifeq (,$(findstring -fprofile-update,$(PGO_PROF_GEN_FLAG)))\n"
                     "PGO_PROF_GEN_FLAG += -fprofile-update=atomic\n"
                     "endif\n");
    str_addf(out,
             "CFLAGS_NODIST += $(PGO_PROF_GEN_FLAG)%s -g0\n"
             "LDFLAGS_NODIST += $(PGO_PROF_GEN_FLAG)%s\n",
             o->lto ? " -fno-lto" : "", o->lto ? " -fno-lto" : "");
}

/* What the last link leaves, with gcc's -save-temps: an object a partition, or, with
 * -flto-partition=none (3.13 and before), one for all, beside .lto.o-args.0 and the like; with
 * LLVM, as the linker's plugin is told: one a module, of which the names differ by a number at the
 * end. Members without LTO (assembler) are taken as they are; the program's own main() is not among
 * them. The library is as old as the program: neither looks as if it had to be made again. */
static void library_rules(struct str *out, bool gcc)
{
    str_addf(out,
             "Programs/python.o: private CFLAGS_NODIST += -fno-lto\n"
             "$(UNGIL_TARGET): private LDFLAGS_NODIST += %s\n",
             gcc ? "-save-temps" : "-Wl,-plugin-opt=obj-path=$(UNGIL_LINKED).lto.o");
    str_add(out,
            "ungil-library:\n"
            "\t@set -e; set -- $(UNGIL_LINKED).ltrans*.ltrans.o; \\\n"
            "\ttest -e \"$$1\" || set -- `ls -d $(UNGIL_LINKED).lto.o $(UNGIL_LINKED).lto.o[0-9]* "
            "2>/dev/null`; \\\n"
            "\ttest -e \"$$1\" || ! test -e ungil-library.lto || exit 0; \\\n" /* made already */
            "\ttest -e \"$$1\" || { echo 'the link left no object' >&2; exit 1; }; \\\n"
            "\tfor o in $(LIBRARY_OBJS); do \\\n"
            "\t  grep -q -F .gnu.lto_ \"$$o\" || test \"`head -c 2 \"$$o\"`\" = BC || "
            "set -- \"$$@\" \"$$o\"; \\\n"
            "\tdone; \\\n"
            "\trm -f $(LIBRARY); \\\n"
            "\t$(AR) $(ARFLAGS) $(LIBRARY) \"$$@\"; touch -r $(UNGIL_LINKED) $(LIBRARY); \\\n"
            "\techo made >ungil-library.lto\n"
            "\t@rm -f $(UNGIL_LINKED).ltrans* $(UNGIL_LINKED).lto* $(UNGIL_LINKED).*args* "
            "$(UNGIL_LINKED).res\n"
            ".PHONY: ungil-library\n");
}

/* The last link under make's jobserver, of objects that hold only what it reads. */
static void gcc_link_rules(struct str *out, int jobs)
{
    str_addf(out,
             "$(UNGIL_TARGET): private LDFLAGS_NODIST += -flto=jobserver\n"
             "$(UNGIL_TARGET): private override $(UNGIL_LINKER) := env MAKEFLAGS=' -j%d "
             "--jobserver-auth=%d,%d' $($(UNGIL_LINKER))\n",
             jobs, LINK_RFD, LINK_WFD);
    /* ar must be able to read the symbols of objects without machine code. */
    str_add(out, "CFLAGS_NODIST += -fno-fat-lto-objects\n"
                 "LDFLAGS_NODIST += -fno-fat-lto-objects\n"
                 "UNGIL_PLUGIN := $(wildcard $(shell $(CC) -print-file-name=liblto_plugin.so))\n"
                 "AR += $(UNGIL_PLUGIN:%=--plugin %)\n");
}

static void make_rules(struct str *out, const struct optimisation *o, bool debug_info, int jobs)
{
    bolt_rules(out, o);
    if (o->pgo)
        str_addf(out, "CFLAGS_NODIST += $(PGO_PROF_USE_FLAG)%s\n",
                 o->gcc ? " -Wmissing-profile" : "");
    if (!debug_info)
        str_add(out, "CFLAGS_NODIST += -g0\nLDFLAGS_NODIST += -g0\n");
    else /* it is read without the build directory, which no file may name */
        str_add(out, "CFLAGS_NODIST += -g -fdebug-prefix-map=$(CURDIR)=.\n"
                     "LDFLAGS_NODIST += -g -fdebug-prefix-map=$(CURDIR)=.\n");
    if (!o->lto)
        return;
    str_add(out, "ifeq ($(strip $(PY_ENABLE_SHARED)),1)\n"
                 "UNGIL_TARGET = $(LDLIBRARY)\n" /* its rule writes $(INSTSONAME) */
                 "UNGIL_LINKED = $(INSTSONAME)\n"
                 "UNGIL_LINKER = CC\n"
                 "else\n"
                 "UNGIL_TARGET = $(BUILDPYTHON)\n"
                 "UNGIL_LINKED = $(BUILDPYTHON)\n"
                 "UNGIL_LINKER = LINKCC\n"
                 "endif\n");
    if (o->gcc)
        gcc_link_rules(out, jobs);
    library_rules(out, o->gcc);
}

static void stage_rules(struct str *out, const struct pipeline *p, enum stage stage)
{
    if (stage == STAGE_FREEZE)
        freeze_rules(out);
    else if (stage == STAGE_INSTRUMENT)
        instrument_rules(out, &p->o);
    else if (stage == STAGE_TRAIN)
        train_rules(p, out);
    else
        make_rules(out, &p->o, p->opts->preset->debug_info, p->jobserver->jobs);
}

bool rules_wanted(const struct pipeline *p)
{
    return p->o.pgo || p->o.lto || p->opts->preset->debug_info;
}

char *rules_text(const struct pipeline *p)
{
    struct str out = {0};
    instrument_rules(&out, &p->o);
    make_rules(&out, &p->o, p->opts->preset->debug_info,
               0); /* how many jobs there are changes nothing of what is made */
    return str_take(&out);
}

int rules_write(const struct pipeline *p)
{
    autofree char *path = path_join(p->dir, rules_name);
    autostr out = {0};
    str_add(&out, "# Written by ungil for one stage of the build; read after the Makefile.\n");
    stage_rules(&out, p, p->stage);
    return fs_write_atomic(path, out.s, out.len, 0644);
}
