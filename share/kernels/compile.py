"""C code against this interpreter, built the way its users build it.

Two extension modules with the interpreter's own compiler and flags: one declares that it can do
without the GIL (Py_mod_gil), one says nothing. On a free-threaded build the first must leave the
GIL off and the second must be *seen* to switch it on: an interpreter, or a probe, that does not
show that would not show any other culprit. And a program that embeds the interpreter, built with
what python-config says and with what pkg-config says.

A build for ThreadSanitizer must report a race between two threads of such an extension.

Parameters: variant; prefix, when ungil installed it: headers, library and python-config must then
be there; configure, the words that it was configured with.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from importlib.machinery import EXTENSION_SUFFIXES

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import check, done, may_lack, named_in, params, wanted

EXTENSION = """
#include <Python.h>
static struct PyModuleDef_Slot slots[] = {
#if defined(DECLARED) && defined(Py_mod_gil)
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}
};
static PyObject *answer(PyObject *self, PyObject *arguments)
{
    (void)self, (void)arguments;
    return PyLong_FromLong(42);
}
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "NAME", .m_methods = methods, .m_slots = slots
};
PyMODINIT_FUNC PyInit_NAME(void) { return PyModuleDef_Init(&definition); }
"""

# Two threads of C that write one variable, with nothing between them.
RACE = """
#include <Python.h>
#include <pthread.h>
static int raced;
static void *ungil_race(void *argument)
{
    for (int i = 0; i < 1000; i++)
        raced++;
    return argument;
}
static PyObject *answer(PyObject *self, PyObject *arguments)
{
    pthread_t threads[2];
    (void)self, (void)arguments;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, ungil_race, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return PyLong_FromLong(42);
}
static PyModuleDef_Slot slots[] = {{Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "NAME", .m_methods = methods, .m_slots = slots
};
PyMODINIT_FUNC PyInit_NAME(void) { return PyModuleDef_Init(&definition); }
"""

EMBEDDING = r"""
#include <Python.h>
#include <locale.h>
#include <string.h>
int main(int argc, char **argv)
{
    PyConfig config;
    setlocale(LC_CTYPE, ""); /* for a prefix whose name is not ASCII */
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.write_bytecode = 0; /* the prefix's files are in the manifest */
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, argv[0]);
    if (!PyStatus_Exception(status) && argc > 2) /* a prefix that was moved, as the manual says */
        status = PyConfig_SetBytesString(&config, &config.home, argv[2]);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
    int bad = PyRun_SimpleString(argv[1]);
    return Py_FinalizeEx() < 0 || bad ? 1 : 0;
}
"""

# In the embedding program: what it is, and whether it can load every extension module of the
# standard library, which take the interpreter's symbols from the program.
INSIDE = """
import sys
print(sys.version.split()[0], sys.abiflags)
for name in {modules}:
    try:
        __import__(name)
    except Exception as e:
        print(name + ':', e)
"""

MOST_SECONDS = 60  # of one compiler, linker or program

LOAD = """
import sys
sys.path.insert(0, sys.argv[1])
assert __import__(sys.argv[2]).answer() == 42
print("GIL on" if getattr(sys, "_is_gil_enabled", lambda: True)() else "GIL off")
"""


def call(argv, **more):
    """(exit status, stdout, stderr), bytes that are no text kept; 127: there is no such program."""
    try:
        run = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.PIPE, errors="surrogateescape", timeout=MOST_SECONDS, **more)
    except FileNotFoundError:
        return 127, "", f"there is no program {argv[0]}"
    except subprocess.TimeoutExpired:
        return 124, "", f"{argv[0]} did not end within {MOST_SECONDS} s"
    except OSError as e:
        return 126, "", str(e)
    return run.returncode, run.stdout, run.stderr


def complaint(text):
    """The line of a compiler's or linker's output that says what is wrong."""
    lines = text.strip().splitlines() or ["no reason was printed"]
    telling = [n for n in lines if "error" in n or "undefined" in n or "cannot find" in n]
    if telling and "ld returned" in telling[0]:  # by the driver, after what the linker said
        telling = lines
    return (telling or lines)[0][:300]


def compiler():
    """(its words, None), or (None, why there is none)."""
    words = shlex.split(sysconfig.get_config_var("CC") or "cc")
    if shutil.which(words[0]):
        return words, None
    return None, f"no compiler: {words[0]}, with which it was built, is not in PATH"


def skip_all(names, reason):
    for name in names:
        check(name, None, None, "skip", reason)


# ---- extensions ----

def build_extension(cc, where, name, flags, text=EXTENSION):
    source = os.path.join(where, name + ".c")
    with open(source, "w", encoding="utf-8") as f:
        f.write(text.replace("NAME", name))
    own = shlex.split(sysconfig.get_config_var("CFLAGS") or "")
    pic = shlex.split(sysconfig.get_config_var("CCSHARED") or "-fPIC")
    target = os.path.join(where, name + (sysconfig.get_config_var("EXT_SUFFIX") or ".so"))
    include = {sysconfig.get_path("include"), sysconfig.get_path("platinclude")}
    status, _, errors = call([*cc, *own, *pic, *flags, *("-I" + d for d in sorted(include)),
                              "-shared", source, "-o", target])
    return None if status == 0 else complaint(errors)


def extension(name, cc, where, ft, declared):
    """`name` of the check; the module is called `ungil_declared` or `ungil_undeclared`."""
    module = "ungil_declared" if declared else "ungil_undeclared"
    on = ft and not declared
    expected = "loads" if not ft else "GIL on, by " + module if on else "GIL off"
    error = build_extension(cc, where, module, ["-DDECLARED"] if declared else [])
    if error:
        check(name, expected, "does not compile", "fail", error)
        return
    verbose = ["-v", "-W", "always"] if on else []
    status, text, errors = call([sys.executable, "-I", "-S", "-B", *verbose, "-c", LOAD, where,
                                 module])
    state = text.strip()
    if status or not state:
        last = (errors.strip().splitlines() or ["nothing was printed"])[-1]
        check(name, expected, "does not load", "fail", f"status {status}: {last}", proof=ft)
        return
    culprits = named_in(errors)
    seen = state + (", by " + ", ".join(culprits) if culprits else "") if ft else "loads"
    reason = {True: "it was not seen to switch the GIL on: nothing that says \"GIL off\" here can "
                    "be trusted",
              False: "it declares Py_mod_gil, and the GIL is on"}[on]
    good = seen == expected
    check(name, expected, seen, "pass" if good else "fail", None if good else reason, proof=ft)


def thread_sanitizer(cc, where):
    """A race in an extension that is built with this interpreter's flags is reported."""
    name, module = "thread-sanitizer", "ungil_raced"
    error = build_extension(cc, where, module, ["-g"], RACE)
    if error:
        check(name, "a data race is reported", "does not compile", "fail", error)
        return
    env = dict(os.environ, TSAN_OPTIONS="report_bugs=1:exitcode=66")
    status, text, errors = call([sys.executable, "-I", "-S", "-B", "-c", LOAD, where, module],
                                env=env)
    reported = "ThreadSanitizer: data race" in errors and "ungil_race" in errors
    seen = "a data race is reported" if reported else "none is"
    last = (errors.strip().splitlines() or ["nothing was printed"])[-1]
    check(name, "a data race is reported", seen, "pass" if reported else "fail",
          None if reported else f"two threads wrote one variable; status {status}: {last}")


def sanitizers():
    """What a sanitized interpreter, or a program that embeds it, must be linked with."""
    flags = shlex.split(sysconfig.get_config_var("CFLAGS") or "")
    return [f for f in flags if f.startswith("-fsanitize=")]


# ---- embedding ----

def extension_modules():
    """Those of the standard library that are files; not what only CPython's tests use."""
    folder = os.path.join(os.path.dirname(os.__file__), "lib-dynload")
    found = []
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        name = file.split(".")[0]
        if any(file == name + suffix for suffix in EXTENSION_SUFFIXES) and "test" not in name:
            found.append(name)
    return found


def libraries():
    """What there is to link with: file names of libpython."""
    names = {sysconfig.get_config_var("LDLIBRARY"), sysconfig.get_config_var("LIBRARY")} - {None}
    places = {sysconfig.get_config_var("LIBPL"), sysconfig.get_config_var("LIBDIR"),
              os.path.join(sys.base_prefix, "lib")} - {None}
    if "prefix" in params():  # in the stage the recorded ones are not there yet
        places = {os.path.join(sys.base_prefix, "lib")}
    return [os.path.join(p, n) for p in sorted(places) for n in sorted(names)
            if os.path.exists(os.path.join(p, n))]


def bitcode(path):
    """Whether a static library is one that only clang's link-time optimisation can read."""
    if not path.endswith(".a"):
        return False
    with open(path, "rb") as f:
        return b"BC\xc0\xde" in f.read(1 << 20)


def run_embedding(name, cc, where, flags, links):
    source, program = os.path.join(where, name + ".c"), os.path.join(where, name)
    with open(source, "w", encoding="utf-8") as f:
        f.write(EMBEDDING)
    status, _, errors = call([*cc, *flags, *sanitizers(), source, "-o", program, *links])
    itself = f"{sys.version.split()[0]} {sys.abiflags}".strip()
    expected = itself + ", runs"
    if status:
        return check(name, expected, "does not build", "fail", complaint(errors))
    env = dict(os.environ)
    library = os.path.join(sys.base_prefix, "lib")  # a shared libpython outside ld.so's path
    env["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [library, env.get("LD_LIBRARY_PATH")]))
    inside = INSIDE.format(modules=extension_modules())
    status, text, errors = call([program, inside], env=env)
    how = "runs"
    if status:  # moved away from the prefix that is compiled in: then it must be told
        status, text, errors = call([program, inside, sys.base_prefix], env=env)
        how = "runs with PyConfig.home set"
    if status:
        last = (errors.strip().splitlines() or ["nothing was printed"])[-1]
        return check(name, expected, "does not run", "fail", f"status {status}: {last}")
    first, _, rest = text.strip().partition("\n")
    broken = [line.partition(": ") for line in rest.splitlines()]
    broken = [f"cannot load {n}: {e}" for n, _, e in broken if not may_lack(n, e)]
    reason = broken[0] if broken else None if first.strip() == itself else "another Python"
    check(name, expected, f"{first.strip()}, {how}", "fail" if reason else "pass", reason)


def config_program():
    """python3.14t-config beside the interpreter itself; None: there is none."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    for name in (f"python{version}{sys.abiflags}-config", f"python{version}-config"):
        path = os.path.join(os.path.dirname(base), name)
        if os.path.exists(path):
            return path
    return None


def embed_config(cc, where, own):
    program = config_program()
    if not program:
        check("embed-config", "python-config", "none", "fail" if own else "skip",
              "there is no python-config beside the interpreter")
        return
    answers = []
    for what in ("--includes", "--ldflags"):
        embed = ["--embed"] if sys.version_info >= (3, 8) else []
        status, text, errors = call([program, what, *embed])
        if status:
            check("embed-config", "exit status 0", f"status {status}", "fail",
                  f"{program} {what}: {complaint(errors)}")
            return
        answers.append(shlex.split(text))
    run_embedding("embed-config", cc, where, *answers)


def embed_pkgconfig(cc, where, own):
    name = "embed-pkgconfig"
    tool = shutil.which("pkg-config") or shutil.which("pkgconf")
    if not tool:
        return check(name, None, None, "skip", "there is no pkg-config here")
    version = f"{sys.version_info.major}.{sys.version_info.minor}{sys.abiflags}"
    folder = os.path.join(sys.base_prefix, "lib", "pkgconfig")
    if not own:
        folder = os.path.join(sysconfig.get_config_var("LIBDIR") or "", "pkgconfig")
    package = f"python-{version}-embed"
    file = os.path.join(folder, package + ".pc")
    if not os.path.exists(file):
        return check(name, package, "none", "fail" if own else "skip", f"there is no {file}")
    env = dict(os.environ, PKG_CONFIG_PATH=folder)
    answers = []
    for what in ("--cflags", "--libs"):
        status, text, errors = call([tool, what, package], env=env)
        if status:
            return check(name, "exit status 0", f"status {status}", "fail", complaint(errors))
        answers.append(shlex.split(text))
    run_embedding(name, cc, where, *answers)


def main():
    p = params()
    ft, own = p["variant"] == "ft", "prefix" in p
    trials = {
        "extension": lambda cc, where: extension("extension", cc, where, ft, True),
        "trap": lambda cc, where: extension("trap", cc, where, ft, False),
        "embed-config": lambda cc, where: embed_config(cc, where, own),
        "embed-pkgconfig": lambda cc, where: embed_pkgconfig(cc, where, own),
    }
    if "--with-thread-sanitizer" in p.get("configure", ()):
        trials["thread-sanitizer"] = thread_sanitizer
    trials = {n: t for n, t in trials.items() if wanted(n)}
    cc, why_not = compiler()
    header = os.path.join(sysconfig.get_path("include"), "Python.h")
    if not cc:
        skip_all(trials, why_not)
        return done()
    if not own and not os.path.exists(header):
        skip_all(trials, f"its headers are not installed: there is no {header}")
        return done()
    found = libraries()
    if not found or all(bitcode(f) for f in found):
        apart = "static" not in p.get("parts", ["static"])  # installed from a bundle
        reason = ("libpython is LLVM bitcode, for clang -flto only" if found
                  else "libpython is in a bundle of its own, and not installed" if apart
                  else "there is no libpython to link with")
        for name in [n for n in trials if n.startswith("embed")]:
            check(name, "libpython", found[0] if found else "none",
                  "fail" if own and not found and not apart else "skip", reason)
            del trials[name]
    with tempfile.TemporaryDirectory(prefix="ungil-compile-") as where:
        crew = [threading.Thread(target=t, args=(cc, where)) for t in trials.values()]
        for t in crew:
            t.start()
        for t in crew:
            t.join()
    done()


main()
