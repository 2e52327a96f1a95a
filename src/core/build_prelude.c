#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/build_stage.h"
#include "core/recipe.h"

static const char rules_file[] = "ungil-prelude.mk", headers_dir[] = "Include/Python.h.gch";

/* gcc takes a precompiled header instead of Python.h wherever it means the same, and reads the text
 * where it does not; objects come out equal to the last bit. One for each set of definitions that
 * CPython compiles with. It is no error when one cannot be made. */
static const char header_rules[] =
    "UNGIL_GCH = Include/Python.h.gch\n"
    "UNGIL_PRECOMPILE = -x c-header $(srcdir)/Include/Python.h -o $@ 2>/dev/null || "
    "{ rm -f $@; echo 'ungil: $@ could not be made'; }\n"
    "ungil-headers: $(UNGIL_GCH)/core $(UNGIL_GCH)/builtin $(UNGIL_GCH)/module "
    "$(UNGIL_GCH)/shared\n"
    "$(UNGIL_GCH):\n\t@mkdir -p $@\n"
    "$(UNGIL_GCH)/core: | $(UNGIL_GCH)\n"
    "\t$(CC) $(PY_CORE_CFLAGS) $(UNGIL_PRECOMPILE)\n"
    "$(UNGIL_GCH)/builtin: | $(UNGIL_GCH)\n"
    "\t$(CC) $(PY_BUILTIN_MODULE_CFLAGS) $(UNGIL_PRECOMPILE)\n"
    "$(UNGIL_GCH)/module: | $(UNGIL_GCH)\n"
    "\t$(CC) $(PY_STDMODULE_CFLAGS) $(CCSHARED) -DPy_BUILD_CORE_MODULE $(UNGIL_PRECOMPILE)\n"
    "$(UNGIL_GCH)/shared: | $(UNGIL_GCH)\n"
    "\t$(CC) $(PY_STDMODULE_CFLAGS) $(CCSHARED) $(UNGIL_PRECOMPILE)\n";

int prelude_gcc_version(const char *line)
{
    const char *at = strstr(line, ") ");
    return at ? atoi(at + 2) : 0;
}

/* ccache, sccache, distcc and the like, perhaps by a link: precompiled headers make them useless.
 */
static bool is_cache(const char *program)
{
    autofree char *path = fs_find_program(program);
    autofree char *real = path ? realpath(path, NULL) : NULL;
    const char *name = path_base(real ? real : program);
    return strstr(name, "cache") || strstr(name, "distcc") || strstr(name, "icecc");
}

/* gcc 12 is the first that can load one at another address than it was made at. A CC of several
 * words is left alone: the first may be anything. */
static bool precompiles(const struct pipeline *p)
{
    const char *cc = p->build->cc, *version = p->build->compiler;
    return p->opts->preset->precompile_headers && !p->opts->ccache && cc && version &&
           !strchr(cc, ' ') && prelude_gcc_version(version) >= 12 && !is_cache(cc);
}

/* Of those that compile alike, the one that comes to it first makes the objects for all of them. */
static bool shares(const struct pipeline *p)
{
    bool others = false;
    for (size_t i = 0; i < p->n_all; i++) {
        const struct pipeline *q = &p->all[i];
        if (q == p || !variants_compile_alike(q->build->variant, p->build->variant))
            continue;
        if (q->makes_shared)
            return false;
        others = true;
    }
    return others && p->opts->preset->share_objects.n > 0;
}

bool prelude_wanted(const struct pipeline *p)
{
    return !p->resumed && (shares(p) || precompiles(p));
}

int prelude_command(struct pipeline *p, struct strv *argv)
{
    autostr rules = {0};
    if (!rules_wanted(p))
        strv_split(argv, "-f Makefile");
    strv_add(argv, "-f");
    strv_add(argv, rules_file);
    if (precompiles(p)) {
        str_add(&rules, header_rules);
        strv_add(argv, "ungil-headers");
    }
    if (shares(p)) {
        autofree char *list = strv_join(&p->opts->preset->share_objects, ") $(");
        str_addf(&rules, "ungil-shared-objects: $(%s)\n", list);
        strv_add(argv, "ungil-shared-objects");
        p->makes_shared = true;
    }
    autofree char *path = path_join(p->dir, rules_file);
    return fs_write_atomic(path, rules.s, rules.len, 0644);
}

int prelude_clean(struct pipeline *p)
{
    autofree char *headers = path_join(p->dir, headers_dir);
    return fs_remove_tree(headers);
}
