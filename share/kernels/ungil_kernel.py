"""What every kernel shares: its parameters, the answer channel, and who switched the GIL on.

A kernel is run as `PYTHON -I -B DIR/NAME.py JSON` and answers with one JSON object a line on file
descriptor 3; what it imports may print on 1 and 2. The last line is {"done": true}: an answer
without it was cut short and proves nothing. Started by hand, without a descriptor 3, a kernel
answers on standard output.

Works on CPython 3.8 and later, with and without the GIL.
"""

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import warnings


def _open_channel():
    try:
        os.set_inheritable(3, False)  # children must not be able to answer in our place
    except OSError:
        return sys.stdout
    # a path may hold bytes that are no text: better a "?" than no answer
    return os.fdopen(3, "w", encoding="utf-8", errors="replace")


_channel = _open_channel()
_lock = threading.Lock()


_params = json.loads(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1][:1] == "{" else {}


def params():
    return _params


def emit(**answer):
    with _lock:  # a line whole, also from threads
        _channel.write(json.dumps(answer, ensure_ascii=False) + "\n")
        _channel.flush()


def done():
    emit(done=True)


_introduced = False


def _introduce():
    """Who answers here: ungil compares it between kernels."""
    global _introduced
    with _lock:
        if _introduced:
            return
        _introduced = True
    emit(interpreter={"version": sys.version.split(" (")[0], "prefix": sys.prefix,
                      "abiflags": sys.abiflags})


def wanted(name):
    """Whether this check was asked for: "module" asks for "module:ssl" too."""
    only = params().get("only")
    return not only or name in only or name.split(":")[0] in only


def check(name, expected, seen, verdict, reason=None, proof=False, culprits=()):
    """One verdict: "pass", "fail", "skip" or "inconclusive"; `reason` says why it is not "pass".

    `proof` marks the checks without which a build is not proven free-threaded. Why each check
    matters is in ungil's own table.
    """
    _introduce()
    answer = dict(check=name, expected=expected, seen=seen, verdict=verdict, reason=reason,
                  proof=proof)
    if culprits:
        answer["culprits"] = list(culprits)
    emit(**answer)


def compare(name, expected, seen, reason=None, proof=False):
    """Passes when both are equal; `reason` is what it means when they are not."""
    same = expected == seen
    check(name, expected, seen, "pass" if same else "fail", None if same else reason, proof)


def gil_on():
    """Before 3.13 there is no such function, and always a GIL."""
    ask = getattr(sys, "_is_gil_enabled", None)
    return True if ask is None else ask()


def described(name):
    """A culprit: the module and the file that it came from."""
    module = sys.modules.get(name)
    path = getattr(module, "__file__", None)
    if path is None:
        try:
            spec = importlib.util.find_spec(name)
            path = spec.origin if spec else None
        except (ImportError, ValueError):
            path = None
    return {"module": name, "file": path or "unknown"}


_ENABLED_BY = re.compile(r"enabled to load module '([^']+)'")
_REQUIRES = re.compile(r"# loading module '([^']+)', which requires the GIL")


def named_in(text):
    """The modules for which CPython says that it switched the GIL on, in this order.

    Its RuntimeWarning names the first one only, once. With -v, 3.13 and 3.14 name every one on
    stderr and 3.15 all but the first: both together are all of them.
    """
    return list(dict.fromkeys(_ENABLED_BY.findall(text) + _REQUIRES.findall(text)))


def culprits_of(*argv):
    """The names of all that switch the GIL on in `PYTHON -v ARGV`, a process of its own.

    Never with PYTHON_GIL=0 or -X gil=0: these silence both voices and hide every culprit.
    """
    try:
        run = subprocess.run([sys.executable, "-B", "-v", "-W", "always", *argv], text=True,
                             errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, timeout=60)
    except subprocess.TimeoutExpired:
        return []
    return named_in(run.stderr)


def may_lack(extension, error):
    """Whether this extension module is one of an optional module ("_tkinter" of "tkinter"), and
    the machine lacks a library of it: an interpreter that was built elsewhere is complete without."""
    irregular = {"dbm.gnu": "_gdbm", "dbm.ndbm": "_dbm", "dbm.sqlite3": "_sqlite3",
                 "curses.panel": "_curses_panel"}
    lacks = "cannot open shared object file" in error or "Error loading shared library" in error
    optional = params().get("optional", [])
    return lacks and any(extension in (irregular.get(n), "_" + n.split(".")[-1], n) for n in optional)


def watched_import(target):
    """Import a module by name, or an extension by path.

    Returns (error, culprit): the text of an exception or None; and, when this import switched the
    GIL on, the module that did it, which may be one that `target` imports in turn.
    """
    before = gil_on()
    error = None
    name = target
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            if os.sep in target:
                name = os.path.basename(target).split(".")[0]
                spec = importlib.util.spec_from_file_location(name, target)
                if spec is None:
                    raise ImportError(f"{target} is not a Python module")
                sys.modules[name] = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(sys.modules[name])
            else:
                importlib.import_module(name)
        except BaseException as e:  # whatever a module raises, SystemExit too, is the answer
            error = f"{type(e).__name__}: {e}"
    if before or not gil_on():
        return error, None
    names = [n for w in seen for n in named_in(str(w.message))]
    culprit = described(names[0] if names else name)
    if culprit["file"] == "unknown" and os.sep in target:
        culprit["file"] = target
    return error, culprit


def startup_culprits():
    """Who switched the GIL on before the first line of a kernel ran (a .pth file, say)."""
    return [described(n) for n in culprits_of("-I", "-c", "pass")]
