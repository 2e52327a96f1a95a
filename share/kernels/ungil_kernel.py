"""What every kernel shares: its parameters, the answer channel, and who switched the GIL on.

A kernel is run as `PYTHON -I -B DIR/NAME.py JSON` and answers with one JSON object a line on file
descriptor 3; what it imports may print on 1 and 2. The last line is {"done": true}: an answer
without it was cut short and proves nothing. Started by hand, without a descriptor 3, a kernel
answers on standard output.

Works on CPython 3.13 and later, with and without the GIL.
"""

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import warnings


def _open_channel():
    try:
        os.set_inheritable(3, False)  # children must not be able to answer in our place
    except OSError:
        return sys.stdout
    # a path may hold bytes that are no text: better a "?" than no answer
    return os.fdopen(3, "w", encoding="utf-8", errors="replace")


_channel = _open_channel()


def params():
    return json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}


def emit(**answer):
    _channel.write(json.dumps(answer, ensure_ascii=False) + "\n")
    _channel.flush()


def done():
    emit(done=True)


def check(name, expected, seen, verdict, why, proof=False, culprits=()):
    """One verdict. `proof` marks the checks without which a build is not proven free-threaded."""
    answer = dict(check=name, expected=expected, seen=seen, verdict=verdict, why=why, proof=proof)
    if culprits:
        answer["culprits"] = list(culprits)
    emit(**answer)


def compare(name, expected, seen, why, proof=False):
    check(name, expected, seen, "pass" if expected == seen else "fail", why, proof)


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


def named_in(text):
    """The modules that CPython's RuntimeWarning says the GIL was switched on for."""
    return _ENABLED_BY.findall(text)


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
    run = subprocess.run([sys.executable, "-I", "-B", "-v", "-c", "pass"], text=True,
                         errors="replace", stdin=subprocess.DEVNULL, capture_output=True)
    names = re.findall(r"# loading module '([^']+)', which requires the GIL", run.stderr)
    return [described(n) for n in dict.fromkeys(names)]
