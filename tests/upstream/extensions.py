#!/usr/bin/env python3
"""What is read from an extension module against what happens when it is imported.

    extensions.py samples INTERPRETER READER DIRECTORY      compiles the modules below, some in several ways
    extensions.py library INTERPRETER READER                the interpreter's own

INTERPRETER is free-threaded; READER is the unit test audit_static, which prints module, answer, init, why of each file.
Prints a line for each module: its name, the answer, GIL after import (on, off, or the error); exits with 1 when one
contradicts the other, or when a sample's answer is not the one written here.
"""

import collections
import concurrent.futures
import os
import pathlib
import subprocess
import sys

HEAD = """
#include <Python.h>
#include <dlfcn.h>
#include <stdlib.h>
static int run(PyObject *m) { return PyModule_AddIntConstant(m, "x", 1); }
#define EXEC {Py_mod_exec, run}
#define NOT_USED {Py_mod_gil, Py_MOD_GIL_NOT_USED}
#define USED {Py_mod_gil, Py_MOD_GIL_USED}
#define END {0, NULL}
#define WORK PyObject *o = PyLong_FromLong(1234567); if (!o) return NULL; Py_DECREF(o);
#define DEF PyModuleDef def = {PyModuleDef_HEAD_INIT, .m_name = "NAME", .m_size = 0
#define INIT(...) PyMODINIT_FUNC PyInit_NAME(void) { __VA_ARGS__ }
"""
RETURN = "INIT(return PyModuleDef_Init(&def);)"


def slots(entries, init=RETURN, kind="static"):
    return f"{kind} PyModuleDef_Slot slots[] = {{{entries}, END}};\n{kind} DEF, .m_slots = (void *)slots}};\n{init}"


def single(tell):
    return f"static DEF}}; INIT(PyObject *m = PyModule_Create(&def); if (m) {{ {tell} }} return m;)"


DECLARES, NOT, UNKNOWN = "declares", "does not declare", "cannot tell"
SAMPLES = {
    "declares": (DECLARES, slots("EXEC, NOT_USED")),
    "declares_constant": (DECLARES, slots("EXEC, NOT_USED", kind="static").replace("static PyModuleDef_Slot", "static const PyModuleDef_Slot")),
    "declares_exported": (DECLARES, slots("NOT_USED, EXEC", kind="")),
    "works_first": (DECLARES, slots("EXEC, NOT_USED", "INIT(WORK return PyModuleDef_Init(&def);)")),
    "by_a_helper": (DECLARES, slots("NOT_USED", "__attribute__((noinline)) static PyObject *help(void) { return PyModuleDef_Init(&def); } INIT(return help();)")),
    "has_a_constructor": (DECLARES, slots("NOT_USED") + "\nint q; __attribute__((constructor)) static void c(void) { q = getpid(); }"),
    "other_name": (DECLARES, slots("NOT_USED").replace("DEF,", "DEF, .m_name = \"quite.other\",")),
    "used": (NOT, slots("EXEC, USED")),
    "absent": (NOT, slots("EXEC")),
    "no_slots": (NOT, "static DEF}; " + RETURN),
    "tells_too_late": (NOT, slots("{Py_mod_exec, late}").replace("static Py", "static int late(PyObject *m) { return PyUnstable_Module_SetGIL(m, Py_MOD_GIL_NOT_USED); }\nstatic Py", 1)),
    "single": (NOT, single("")),
    "single_at_once": (NOT, "static DEF}; INIT(return PyModule_Create(&def);)"),
    "single_tells_by_chance": (UNKNOWN, single("PyUnstable_Module_SetGIL(m, getenv(\"PATH\") ? Py_MOD_GIL_NOT_USED : Py_MOD_GIL_USED);")),
    "single_looks_up": (UNKNOWN, single("int (*f)(PyObject *, void *) = dlsym(NULL, \"PyUnstable_Module_SetGIL\"); if (f) f(m, Py_MOD_GIL_NOT_USED);")),
    "adds_a_slot": (UNKNOWN, slots("EXEC, END, END", "INIT(slots[1].slot = Py_mod_gil; slots[1].value = Py_MOD_GIL_NOT_USED; return PyModuleDef_Init(&def);)")),
    "changes_a_slot": (UNKNOWN, slots("EXEC, NOT_USED", "INIT(if (getenv(\"PATH\")) slots[1].value = Py_MOD_GIL_USED; return PyModuleDef_Init(&def);)")),
    "constructed": (UNKNOWN, slots("EXEC, USED") + "\n__attribute__((constructor)) static void c(void) { if (getenv(\"PATH\")) slots[1].value = Py_MOD_GIL_NOT_USED; }"),
    "sets_slots": (UNKNOWN, "static PyModuleDef_Slot slots[] = {NOT_USED, END}; static DEF}; INIT(def.m_slots = slots; return PyModuleDef_Init(&def);)"),
    "fills_slots": (UNKNOWN, "static PyModuleDef_Slot slots[2]; static DEF, .m_slots = slots}; INIT(slots[0].slot = Py_mod_gil; slots[0].value = Py_MOD_GIL_NOT_USED; return PyModuleDef_Init(&def);)"),
    "fills_all": (UNKNOWN, "static PyModuleDef_Slot slots[] = {NOT_USED, END}; static PyModuleDef def; INIT(PyModuleDef d = {PyModuleDef_HEAD_INIT, .m_name = \"NAME\", .m_slots = slots}; def = d; return PyModuleDef_Init(&def);)"),
    "two_of_a_name": (UNKNOWN, slots("NOT_USED", "static PyModuleDef_Slot more[] = {EXEC, END}; static PyModuleDef other = {PyModuleDef_HEAD_INIT, .m_name = \"NAME\", .m_slots = more}; INIT(return PyModuleDef_Init(getenv(\"NOPE\") ? &def : &other);)")),
}
WAYS = {
    "": "-O2",
    "_O0": "-O0 -Wl,-z,norelro",
    "_noplt": "-O3 -fno-plt -Wl,-z,now -s",
    "_cet": "-Os -fcf-protection=full -Wl,-z,ibtplt",
}


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True)


def gil_after(python, name, directory):
    r = run(python, "-I", "-B", "-c", f"import sys; sys.path.insert(0, {directory!r}); import {name}; "
            "print('on' if sys._is_gil_enabled() else 'off')")
    return r.stdout.split()[-1] if r.returncode == 0 else f"error: {r.stderr.strip()}"


def compile_all(python, directory):
    script = "import sysconfig as s; print(s.get_path('include'), s.get_config_var('EXT_SUFFIX'))"
    include, suffix = run(python, "-I", "-c", script).stdout.split()
    os.makedirs(directory, exist_ok=True)

    def one(sample, way):
        name = sample + way
        source = f"{directory}/{name}.c"
        with open(source, "w") as file:
            file.write((HEAD + SAMPLES[sample][1]).replace("NAME", name))
        r = run(*os.environ.get("CC", "gcc").split(), "-w", "-fPIC", "-shared", *WAYS[way].split(), f"-I{include}", source, "-o",
                f"{directory}/{name}{suffix}")
        if r.returncode:
            sys.exit(f"{name}: {r.stderr}")

    ways = WAYS if os.uname().machine == "x86_64" else [""]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda pair: one(*pair), [(s, w) for s in SAMPLES for w in ways]))
    return suffix


def main(what, python, reader, directory=None):
    if what == "samples":
        suffix = compile_all(python, directory)
    else:
        script = "import sysconfig as s; print(s.get_config_var('DESTSHARED'), s.get_config_var('EXT_SUFFIX'))"
        directory, suffix = run(python, "-I", "-c", script).stdout.split()
    files = sorted(str(path) for path in pathlib.Path(directory).glob("*" + suffix))
    read = [line.split("\t") for line in run(reader, *files).stdout.splitlines()]
    names = [os.path.basename(file)[: -len(suffix)] for file in files]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(lambda name: gil_after(python, name, directory), names))
    table, wrong = collections.Counter(), 0
    for name, (module, answer, init, why), gil in zip(names, read, seen, strict=True):
        table[f"{answer}, {gil.split(':')[0]}"] += 1
        expected = SAMPLES[max((s for s in SAMPLES if name.startswith(s)), key=len)][0] if what == "samples" else answer
        good = module == name and answer == expected and (answer, gil) not in {(DECLARES, "on"), (NOT, "off")}
        good = good and gil in ("on", "off")
        wrong += not good
        print(f"{'' if good else 'WRONG '}{name}: {answer} ({init}: {why}); GIL {gil}")
    print("modules:", len(names), *(f"| {key}: {n}" for key, n in sorted(table.items())))
    return wrong > 0 or not names


sys.exit(main(*sys.argv[1:]))
