/* See audit_static.h. What is proved, and from what:
 *
 *   - The entry point is followed instruction by instruction where it is as simple as nearly all
 *     are: then its definition is known for certain. Otherwise the one definition in the data that
 *     bears the module's name is taken, where there is exactly one and it has slots.
 *   - The slots are read where they do not change: because they are constant, because nothing runs
 *     before they are used, or because no instruction refers to them.
 *   - A module that is made by PyModule_Create alone (single-phase) needs the GIL unless
 *     PyUnstable_Module_SetGIL says otherwise; it can only if it is imported or looked up by name.
 *
 * Everything else is "cannot tell". */
#include "core/audit_static.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/audit_static_def.h"
#include "core/text_json.h"

#define SET_GIL "PyUnstable_Module_SetGIL"

enum answer { ANSWER_UNKNOWN, ANSWER_DECLARES, ANSWER_DOES_NOT };

struct verdict {
    enum answer answer;
    const char *init;  /* static */
    char *why;         /* owned */
    int free_threaded; /* by the layout of the definition: 1, 0, -1 not known */
};

struct module {
    const struct elf_file *file;
    const char *name;      /* borrowed from the file; NULL: none of several is meant */
    uint64_t init, export; /* addresses of the entry points; 0: none */
    bool set_gil;
    struct strv others;
};

static struct verdict say(enum answer answer, const char *init, int free_threaded, const char *fmt,
                          ...) __attribute__((format(printf, 4, 5)));
static struct verdict say(enum answer answer, const char *init, int free_threaded, const char *fmt,
                          ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *why = xvasprintf(fmt, ap);
    va_end(ap);
    return (struct verdict){
        .answer = answer, .init = init, .why = why, .free_threaded = free_threaded};
}

/* ---- Can it change before it is read? ---- */

struct range {
    uint64_t from, to, but; /* `but`: the one word that may point there */
    bool hit;
};

static bool points_into(uint64_t at, uint64_t address, void *arg)
{
    struct range *r = arg;
    r->hit = address >= r->from && address < r->to && at != r->but;
    return !r->hit;
}

/* Whether what is in [from, to) may be another when the interpreter reads it: NULL when not, else
 * what speaks for it (owned), to follow "the slots of spam ". `followed`: all of the entry point is
 * known, and does not touch it; then only constructors could. The compiler's own one does not. */
static char *may_change(const struct elf_file *f, uint64_t from, uint64_t to, uint64_t but,
                        bool followed)
{
    const struct elf_facts *facts = elf_facts(f);
    if (elf_place(f, from) == ELF_CONSTANT && elf_place(f, to - 1) == ELF_CONSTANT)
        return NULL;
    if (followed && facts->constructors <= (facts->is_x86_64 ? 0 : 1))
        return NULL;
    struct range r = {.from = from, .to = to, .but = but};
    elf_each_local(f, points_into, &r);
    int refers = r.hit ? 1 : code_refers_to(f, from, to);
    if (refers == 0)
        return NULL;
    return refers > 0 ? xstrdup("may be changed at run time: its code refers to them")
                      : xasprintf("can be written to, and code for %s is not read", facts->machine);
}

static char *slots_may_change(const struct elf_file *f, const struct slots *slots, bool followed)
{
    char *doubt = NULL;
    for (size_t i = 0; i < slots->n && !doubt && slots->gil != GIL_UNREADABLE; i++)
        doubt = may_change(f, slots->arrays[i].from, slots->arrays[i].to, slots->arrays[i].by,
                           followed);
    return doubt;
}

/* ---- Multi-phase ---- */

static struct verdict judge_slots(const struct module *m, const char *init, int layout,
                                  const struct slots *slots)
{
    switch (slots->gil) {
    case GIL_NOT_USED:
        return say(ANSWER_DECLARES, init, layout,
                   "Py_mod_gil = Py_MOD_GIL_NOT_USED in the slots of %s", m->name);
    case GIL_USED:
        return say(ANSWER_DOES_NOT, init, layout, "Py_mod_gil = Py_MOD_GIL_USED in the slots of %s",
                   m->name);
    case GIL_ABSENT:
        return say(ANSWER_DOES_NOT, init, layout, "no Py_mod_gil in the slots of %s", m->name);
    case GIL_UNREADABLE:
        break;
    }
    return say(ANSWER_UNKNOWN, init, layout, "%s: %s", m->name, slots->why);
}

static struct verdict judge_definition(const struct module *m, const struct definition *d,
                                       bool followed)
{
    static const char init[] = "multi-phase";
    const struct elf_file *f = m->file;
    int layout = d->free_threaded;
    if (d->slots_elsewhere)
        return say(ANSWER_UNKNOWN, init, layout, "the slots of %s are in another file", m->name);
    uint64_t field_end = d->slots_field + elf_facts(f)->word;
    autofree char *doubt = may_change(f, d->slots_field, field_end, 0, followed);
    if (doubt)
        return say(ANSWER_UNKNOWN, init, layout, "the slots of %s %s", m->name, doubt);
    if (!d->slots_array)
        return say(ANSWER_DOES_NOT, init, layout, "the definition of %s has no slots", m->name);
    struct slots slots = slots_read(f, d->slots_array, false);
    slots.arrays[0].by = d->slots_field;
    doubt = slots_may_change(f, &slots, followed);
    if (doubt)
        return say(ANSWER_UNKNOWN, init, layout, "the slots of %s %s", m->name, doubt);
    /* Called while the module is made, it would be overruled by the slots; an entry point that is
     * not known could do both by itself. */
    if (slots.gil == GIL_ABSENT && m->set_gil && !followed)
        return say(ANSWER_UNKNOWN, init, layout,
                   "no Py_mod_gil in the slots of %s, but it uses " SET_GIL, m->name);
    return judge_slots(m, init, layout, &slots);
}

/* ---- The entry points ---- */

static struct verdict judge_single_phase(const struct module *m)
{
    static const char init[] = "single-phase";
    if (m->set_gil)
        return say(ANSWER_UNKNOWN, init, -1,
                   "single-phase initialisation; what %s tells " SET_GIL " is decided by its code",
                   m->name);
    if (elf_has_text(m->file, SET_GIL))
        return say(ANSWER_UNKNOWN, init, -1,
                   "single-phase initialisation; %s may look up " SET_GIL " at run time", m->name);
    return say(ANSWER_DOES_NOT, init, -1, "single-phase initialisation without " SET_GIL);
}

/* An entry point that does more than one thing: what the imports and the data leave possible. */
static struct verdict judge_by_elimination(const struct module *m)
{
    static const char *const multi[] = {"PyModuleDef_Init", "PyModuleDef_Type",
                                        "PyModule_FromDefAndSpec2", "PyModule_FromSlotsAndSpec"};
    struct definition d;
    bool makes_multi = false, makes_single = elf_imports(m->file, "PyModule_Create2");
    for (size_t i = 0; i < lengthof(multi); i++)
        makes_multi |= elf_imports(m->file, multi[i]);
    if (makes_single && !makes_multi)
        return judge_single_phase(m);
    if (!makes_multi)
        return say(ANSWER_UNKNOWN, "unknown", -1,
                   "nothing in the file makes the module %s: another library does", m->name);
    size_t n = definition_find(m->file, m->name, &d);
    /* PyModule_Create refuses a definition with slots: this one is for the other way. */
    if (n == 1 && (d.slots_array || d.slots_elsewhere))
        return judge_definition(m, &d, false);
    if (n == 1)
        return say(ANSWER_UNKNOWN, "unknown", d.free_threaded,
                   "the definition of %s has no slots in the file and may get some at run time",
                   m->name);
    if (n > 1)
        return say(ANSWER_UNKNOWN, "unknown", -1, "%zu definitions in the file are called %s", n,
                   m->name);
    return say(ANSWER_UNKNOWN, "unknown", -1,
               "the definition of %s is not in the file: it is filled at run time", m->name);
}

static struct verdict judge_init(const struct module *m)
{
    struct code code = code_of(m->file, m->init);
    struct definition d;
    /* PyModule_Create's module is returned as it is: nobody had a chance to say otherwise. */
    if (code.does == CODE_CALLS && str_eq(code.callee, "PyModule_Create2")) {
        bool is = definition_at(m->file, code.address, &d);
        return say(ANSWER_DOES_NOT, "single-phase", is ? d.free_threaded : -1,
                   "single-phase initialisation without " SET_GIL);
    }
    if (code.does != CODE_CALLS || !str_eq(code.callee, "PyModuleDef_Init"))
        return judge_by_elimination(m);
    if (elf_place(m->file, code.address) == ELF_ZERO)
        return say(ANSWER_UNKNOWN, "multi-phase", -1,
                   "the definition of %s is not in the file: it is filled at run time", m->name);
    if (!definition_at(m->file, code.address, &d))
        return say(ANSWER_UNKNOWN, "multi-phase", -1,
                   "the definition of %s is not laid out as in any release that ungil knows",
                   m->name);
    return judge_definition(m, &d, true);
}

static struct verdict judge_export(const struct module *m)
{
    static const char init[] = "export";
    struct code code = code_of(m->file, m->export);
    if (code.does != CODE_RETURNS)
        return say(ANSWER_UNKNOWN, init, -1,
                   "PyModExport_%s does more than return slots that are in the file", m->name);
    struct slots slots = slots_read(m->file, code.address, true);
    /* The entry point itself refers to the beginning. */
    slots.arrays[0].from++;
    autofree char *doubt = slots_may_change(m->file, &slots, true);
    if (doubt)
        return say(ANSWER_UNKNOWN, init, -1, "the slots of %s %s", m->name, doubt);
    return judge_slots(m, init, -1, &slots);
}

static struct verdict judge(const struct module *m)
{
    if (!m->name)
        return say(ANSWER_UNKNOWN, "unknown", -1,
                   "several modules, and none of them is the one that the file's name means");
    if (!m->export)
        return judge_init(m);
    struct verdict export = judge_export(m);
    if (!m->init)
        return export;
    struct verdict init = judge_init(m);
    if (init.answer == export.answer) {
        free(export.why);
        return init;
    }
    struct verdict both =
        say(ANSWER_UNKNOWN, "unknown", init.free_threaded,
            "PyInit_ and PyModExport_ of %s differ: %s; %s", m->name, init.why, export.why);
    free(init.why);
    free(export.why);
    return both;
}

/* ---- Which module? ---- */

/* What the file's name says the module is called, as in the name of its entry point. Owned. */
static char *meant_by(const char *path)
{
    const char *base = path_base(path);
    char *name = xstrndup(base, strcspn(base, "."));
    for (char *p = name; *p; p++)
        if (*p == '-')
            *p = '_';
    return name;
}

/* The module's name in that of an entry point; NULL: not one. */
static const char *name_in(const char *symbol, bool *export)
{
    static const char *const prefixes[] = {"PyInit_", "PyInitU_", "PyModExport_", "PyModExportU_"};
    for (size_t i = 0; i < lengthof(prefixes); i++)
        if (str_starts(symbol, prefixes[i]) && symbol[strlen(prefixes[i])]) {
            *export = i >= 2;
            return symbol + strlen(prefixes[i]);
        }
    return NULL;
}

static void find_module(const char *path, struct module *m)
{
    autofree char *meant = meant_by(path);
    size_t n;
    bool export;
    const struct elf_symbol *symbols = elf_symbols(m->file, &n);
    autostrv names = {0};
    for (size_t i = 0; i < n; i++) {
        const char *name = symbols[i].imported ? NULL : name_in(symbols[i].name, &export);
        if (name && !strv_has(&names, name))
            strv_add(&names, name);
    }
    const char *chosen = strv_has(&names, meant) ? meant : names.n == 1 ? names.v[0] : NULL;
    for (size_t i = 0; i < n; i++) {
        const char *name = symbols[i].imported ? NULL : name_in(symbols[i].name, &export);
        if (!name || !chosen || strcmp(name, chosen) != 0)
            continue;
        m->name = name;
        *(export ? &m->export : &m->init) = symbols[i].address;
    }
    for (size_t i = 0; i < names.n; i++)
        if (!chosen || strcmp(names.v[i], chosen) != 0)
            strv_add(&m->others, names.v[i]);
    strv_sort(&m->others);
}

/* ---- Built for what? ---- */

/* "spam.cpython-314t-x86_64-linux-gnu.so": "cp314t"; "spam.abi3.so": "abi3". Owned; NULL: none. */
static char *abi_of_name(const char *path)
{
    const char *base = path_base(path), *dot = strchr(base, '.');
    if (!dot || strcmp(dot, ".so") == 0)
        return NULL;
    const char *tag = dot + 1;
    if (str_starts(tag, "cpython-"))
        return xasprintf("cp%.*s", (int)strcspn(tag + 8, "-."), tag + 8);
    size_t n = strcspn(tag, "-.");
    if ((n == 4 && str_starts(tag, "abi3")) || (n == 5 && str_starts(tag, "abi3t")) ||
        str_starts(tag, "pypy"))
        return xstrndup(tag, n);
    return NULL;
}

/* 1: for a free-threaded build, 0: for one with the GIL, -1: nothing tells. */
static int built_free_threaded(const struct module *m, const struct verdict *v)
{
    static const char *const only_there[] = {SET_GIL, "_Py_DecRefShared",
                                             "_Py_MergeZeroLocalRefcount"};
    if (v->free_threaded >= 0)
        return v->free_threaded;
    for (size_t i = 0; i < lengthof(only_there); i++)
        if (elf_imports(m->file, only_there[i]))
            return 1;
    return -1;
}

/* One line where the name and the contents disagree; NULL. Owned. */
static char *abi_note(const char *abi, int free_threaded)
{
    if (!abi || free_threaded < 0 || str_starts(abi, "pypy"))
        return NULL;
    if (str_eq(abi, "abi3t"))
        return xasprintf("its name says abi3t, but its definition is laid out for %s builds only",
                         free_threaded ? "free-threaded" : "GIL");
    if (str_ends(abi, "t") == (free_threaded == 1))
        return NULL;
    return xasprintf("its name says %s, but it was compiled for a build %s the GIL", abi,
                     free_threaded ? "without" : "with");
}

static json_t *describe(const char *path, const struct module *m, const struct verdict *v)
{
    static const char *const answers[] = {"cannot tell", "declares", "does not declare"};
    const struct elf_facts *facts = elf_facts(m->file);
    int free_threaded = built_free_threaded(m, v);
    autofree char *abi = abi_of_name(path);
    autofree char *note = abi_note(abi, free_threaded);
    json_t *r = json_object();
    json_object_set_new(r, "file", text_json(path));
    json_object_set_new(r, "module", text_json(m->name));
    json_object_set_new(r, "answer", json_string(answers[v->answer]));
    json_object_set_new(r, "why", text_json(v->why));
    json_object_set_new(r, "init", json_string(v->init));
    json_object_set_new(r, "abi", text_json(abi));
    json_object_set_new(r, "abi_note", text_json(note));
    json_object_set_new(r, "free_threaded_abi",
                        free_threaded < 0 ? json_null() : json_boolean(free_threaded));
    json_object_set_new(r, "machine", json_string(facts->machine));
    json_object_set_new(r, "bits", json_integer(facts->bits));
    json_object_set_new(r, "set_gil", json_boolean(m->set_gil));
    json_object_set_new(r, "others", texts_json(&m->others));
    return r;
}

int audit_static_file(const char *path, json_t **result)
{
    struct elf_file *f;
    *result = NULL;
    int rc = elf_file_open(path, &f);
    if (rc < 0)
        return rc;
    struct module m = {.file = f, .set_gil = elf_imports(f, SET_GIL)};
    find_module(path, &m);
    if (!m.name && m.others.n == 0) {
        rc = fail(E_NOTFOUND, "%s is not an extension module: it has no PyInit_ or PyModExport_",
                  path);
    } else if ((rc = elf_file_load(f)) == 0) {
        struct verdict v = judge(&m);
        *result = describe(path, &m, &v);
        free(v.why);
    }
    strv_free(&m.others);
    elf_file_free(f);
    return rc;
}
