/* Extension modules for unit tests, compiled without Python: the layout of what ungil reads,
 * written out, for both kinds of builds. The tests in bats compile against the real headers. */
#ifndef UNGIL_TESTS_UNIT_EXTENSION_H
#define UNGIL_TESTS_UNIT_EXTENSION_H

#include "base/proc.h"
#include "scratch.h"

/* -DMODULE=name; -DWITH_GIL for that build's head; -DGIL=1 or 0 for a Py_mod_gil slot; -DSINGLE for
 * single-phase; -DNO_SLOTS; -DEXPORT for PyModExport_ as well. */
static const char extension_source[] =
    "typedef unsigned long word; typedef struct { int id; void *value; } slot;\n"
    "typedef struct { unsigned short id, flags; unsigned zero; void *value; } pyslot;\n"
    "#define NAME_(prefix, name) prefix##name\n"
    "#define NAME(prefix, name) NAME_(prefix, name)\n"
    "#define TEXT_(x) #x\n#define TEXT(x) TEXT_(x)\n"
    "#ifdef WITH_GIL\n"
    "struct head { word count; void *type; };\n#define HEAD {0xffffffff}\n"
    "#else\n"
    "struct head { word tid; unsigned short flags; unsigned char lock, bits; unsigned local;\n"
    "              word shared; void *type; };\n#define HEAD {0, 4, 0, 0, 0xffffffff}\n"
    "#endif\n"
    "struct def { struct head h; void *init; word index; void *copy; const char *name, *doc;\n"
    "             word size; void *methods; slot *slots; void *traverse, *clear, *free; };\n"
    "void *PyModuleDef_Init(struct def *); void *PyModule_Create2(struct def *, int);\n"
    "static int run(void *m) { return m == 0; }\n"
    "#ifdef GIL\n#define GIL_SLOT {4, (void *)GIL},\n#define GIL_PYSLOT {87, 4, 0, (void *)GIL},\n"
    "#else\n#define GIL_SLOT\n#define GIL_PYSLOT\n#endif\n"
    "slot slots[] = {{2, run}, GIL_SLOT {0, 0}};\n"
    "static struct def def = {HEAD, .name = TEXT(MODULE), .doc = \"d\"\n"
    "#if !defined(SINGLE) && !defined(NO_SLOTS)\n, .slots = slots\n#endif\n};\n"
    "#ifdef SINGLE\n"
    "void *NAME(PyInit_, MODULE)(void) { return PyModule_Create2(&def, 1013); }\n"
    "#else\n"
    "void *NAME(PyInit_, MODULE)(void) { return PyModuleDef_Init(&def); }\n"
    "#endif\n"
    "#ifdef EXPORT\n"
    "static pyslot exported[] = {{100, 6, 0, TEXT(MODULE)}, GIL_PYSLOT {0}};\n"
    "pyslot *NAME(PyModExport_, MODULE)(void) { return exported; }\n"
    "#endif\n";

/* Compiles it with `flags` into `file`; false, with the compiler's output, when that fails. */
static inline int extension_compile(const char *file, const char *flags)
{
    autofree char *out = NULL;
    autostrv argv = {0};
    int status = -1;
    struct proc_opts o = PROC_OPTS_INIT;
    const char *cc = getenv("CC");
    scratch_file("extension.c", extension_source, 0644);
    strv_split(&argv, cc && *cc ? cc : "cc");
    strv_split(&argv, "-w -O1 -fPIC -shared -nostdlib -Wl,-z,noseparate-code -o");
    strv_add(&argv, file);
    strv_add(&argv, "extension.c");
    strv_split(&argv, flags);
    int rc = proc_capture(&argv, &o, 60, 1 << 16, &out, &status);
    if (rc == 0 && proc_ok(status))
        return 1;
    printf("# %s\n", out ? out : "no compiler");
    return 0;
}

#endif
