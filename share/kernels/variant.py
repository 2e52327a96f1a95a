"""Is this the variant that configure was asked for: debug, JIT, tail calls, shared library?

What one of these builds is for cannot be seen in its name, and a build that quietly lacks it runs
all the same. (A build for ThreadSanitizer is proven by "compile": it takes a compiler.)

Parameters: configure, the words that configure was given, when ungil did it; prefix, where it is.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import check, compare, done, params, wanted

JIT_PROGRAM = """
import sys
seen = False
for i in range(100000):
    if sys._jit.is_active():
        seen = True
print("on" if sys._jit.is_enabled() else "off", "machine code" if seen else "interpreted", sep=", ")
"""

MAPPED = """
for line in open("/proc/self/maps"):
    if "/libpython" in line:
        print(line.split(None, 5)[5].strip())
        break
else:
    print("none")
"""


def ask(program, options, **environment):
    """What a fresh interpreter prints; it hears no PYTHON… variable but these."""
    argv, env = [sys.executable, *options, "-c", program], dict(os.environ)
    for name in [n for n in env if n.startswith("PYTHON") or n == "LD_LIBRARY_PATH"]:
        del env[name]
    try:
        run = subprocess.run(argv, env={**env, **environment}, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                             timeout=60)
    except (OSError, subprocess.TimeoutExpired) as e:
        return f"{type(e).__name__}: {e}"
    lines = run.stdout.strip().splitlines() or ["nothing"]
    return lines[-1] if run.returncode == 0 else f"status {run.returncode}: {lines[-1]}"


# ---- --with-pydebug ----

def debug(words):
    """Only a debug build counts references, and knows itself as Py_DEBUG."""
    expected = {"Py_DEBUG": int("--with-pydebug" in words),
                "gettotalrefcount": "--with-pydebug" in words}
    seen = {"Py_DEBUG": int(sysconfig.get_config_var("Py_DEBUG") or 0),
            "gettotalrefcount": hasattr(sys, "gettotalrefcount")}
    compare("debug", expected, seen, "configured the other way")


# ---- --enable-experimental-jit ----

def asked_for_jit(words):
    asked = [w for w in words if w.startswith("--enable-experimental-jit")]
    wish = asked[-1].partition("=")[2] or "yes" if asked else "no"
    return wish in ("yes", "yes-off")


def jit_switch(words):
    """That PYTHON_JIT=1 switches it on and machine code then runs, and that PYTHON_JIT=0 does not.
    """
    name = "jit-switch"
    if not asked_for_jit(words):
        return check(name, None, None, "skip", "configure was not asked for the JIT")
    if not hasattr(sys, "_jit"):
        built = any("_Py_JIT" in str(v) for v in sysconfig.get_config_vars().values())
        return check(name, "compiled with _Py_JIT", "compiled with _Py_JIT" if built else "without",
                     "pass" if built else "fail", None if built else "it has no JIT")
    seen = {v: ask(JIT_PROGRAM, ["-s", "-S", "-B"], PYTHON_JIT=v) for v in "10"}
    compare(name, {"1": "on, machine code", "0": "off, interpreted"}, seen,
            "PYTHON_JIT does not switch it")


# ---- --with-tail-call-interp ----

def has_instruction_functions():
    """In its table of symbols each instruction is a function; None: it was stripped."""
    program = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        program = os.path.join(sys.base_prefix, "lib", library_file())
    with open(program, "rb") as f:
        data = f.read()
    return b"\0_TAIL_CALL_" in data if b"\0.symtab\0" in data else None


def tail_call(words):
    name = "tail-call"
    asked = "--with-tail-call-interp" in words
    # 3.14 calls it without the underscore
    values = [sysconfig.get_config_var(n) for n in ("Py_TAIL_CALL_INTERP", "_Py_TAIL_CALL_INTERP")]
    is_so = any(str(v) == "1" for v in values)
    text = {True: "instructions call each other", False: "a loop"}
    if not asked and not is_so:
        return check(name, None, None, "skip", "configure was not asked for it")
    functions = has_instruction_functions()
    is_so = is_so and functions is not False
    compare(name, text[asked], text[is_so], "not the interpreter that configure was asked for")


# ---- --enable-shared ----

def library_file():
    return sysconfig.get_config_var("INSTSONAME") or ""


def where(path, prefix):
    """In words, where a mapped libpython is."""
    expected = os.path.join(os.path.realpath(prefix), "lib", library_file())
    return "beside it" if os.path.realpath(path) == expected else path


def moved(temporary):
    """A copy of the interpreter and its library elsewhere, which finds the copy."""
    program = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    copy = os.path.join(temporary, "bin", os.path.basename(program))
    library = os.path.join(sys.base_prefix, "lib", library_file())
    for folder in ("bin", "lib"):
        os.mkdir(os.path.join(temporary, folder))
    shutil.copy2(program, copy)
    if os.path.isfile(library):
        shutil.copy2(library, os.path.join(temporary, "lib"))
    sys.executable, own = copy, sys.executable
    try:
        return where(ask(MAPPED, ["-s", "-S", "-B"], PYTHONHOME=sys.base_prefix), temporary)
    finally:
        sys.executable = own


def shared_library(words):
    name = "shared-library"
    is_so = bool(sysconfig.get_config_var("Py_ENABLE_SHARED"))
    if "--enable-shared" not in words:
        return compare(name, "static", "shared" if is_so else "static", "configured the other way")
    if not sys.platform.startswith("linux"):
        return check(name, None, None, "skip", "only Linux has /proc/self/maps")
    with tempfile.TemporaryDirectory(prefix="ungil-moved-") as temporary:
        seen = {"here": where(ask(MAPPED, ["-I", "-S", "-B"]), sys.base_prefix),
                "moved": moved(temporary)}
    compare(name, {"here": "beside it", "moved": "beside it"}, seen,
            "it does not find its library from its own place ($ORIGIN) without LD_LIBRARY_PATH")


CHECKS = {"debug": debug, "jit-switch": jit_switch, "tail-call": tail_call,
          "shared-library": shared_library}


def main():
    words = params().get("configure")
    for name, trial in CHECKS.items():
        if not wanted(name):
            continue
        if words is None:
            check(name, None, None, "skip",
                  "only of what ungil installed is it known how it was meant")
        else:
            trial(words)
    done()


main()
