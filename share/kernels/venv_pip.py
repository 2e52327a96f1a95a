"""A virtual environment made by this interpreter has a working pip of the same kind.

Made in a temporary directory and removed again; pip is the one that CPython carries, so no network.
And the prefix has a pip of its own, unless its user removed it.

Parameters: prefix, when ungil installed it: it must then have all of this; final, where it will be,
if that is elsewhere.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import check, done, gil_on, params

INSIDE = """
import json, sys
from pip import __version__
from pip._internal.utils.compatibility_tags import get_supported
json.dump({"pip": __version__, "tag": str(get_supported()[0]), "base": sys.base_prefix,
           "gil": getattr(sys, "_is_gil_enabled", lambda: True)()}, sys.stdout)
"""


def call(argv):
    """(output, error). Nothing may be written into the prefix: its files are in the manifest."""
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PIP_CONFIG_FILE=os.devnull,
               PIP_DISABLE_PIP_VERSION_CHECK="1")
    run = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, errors="replace")
    if run.returncode == 0:
        return run.stdout, None
    last = (run.stderr.strip() or run.stdout.strip()).splitlines()[-1:]
    return None, f"status {run.returncode}: " + "".join(last)


def examine(where, own):
    python = os.path.join(where, "bin", "python")
    _, error = call([sys.executable, "-I", "-B", "-m", "venv", where])
    if error and not own and importlib.util.find_spec("ensurepip") is None:
        for name in ("venv", "pip"):
            check(name, "works", None, "skip",
                  "this Python comes without ensurepip (on Debian it is in python3-venv)")
        return
    if error:
        check("venv", "made", error, "fail", "python -m venv does not work")
        check("pip", "works", None, "skip", "there is no environment to try it in")
        return
    text, error = call([python, "-I", "-B", "-c", INSIDE])
    if error:
        check("venv", "made", "made", "pass")
        check("pip", "works", error, "fail", "pip does not work in a new environment")
        return
    inside = json.loads(text)
    same = os.path.realpath(inside["base"]) == os.path.realpath(sys.base_prefix)
    right = same and inside["gil"] == gil_on()
    state = {True: "GIL on", False: "GIL off"}
    check("venv", f"{state[gil_on()]}, of {sys.base_prefix}",
          f"{state[inside['gil']]}, of {inside['base']}", "pass" if right else "fail",
          None if right else "the environment is not of the same kind as its base")
    _, error = call([os.path.join(where, "bin", "pip"), "--version"])
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    wanted = f"{tag}-{tag}{sys.abiflags}"
    seen = error or "-".join(inside["tag"].split("-")[:2])
    good = seen == wanted
    check("pip", wanted, seen, "pass" if good else "fail",
          None if good else f"pip {inside['pip']} looks for wheels of another kind")


def own_pip(prefix, made_now):
    program = os.path.join(prefix, "bin", "pip{}.{}".format(*sys.version_info))
    if not made_now and not os.path.exists(program):
        check("own-pip", "works", None, "skip", "it was removed; \"-m ensurepip\" brings it back")
        return
    text, error = call([sys.executable, "-I", "-B", "-m", "pip", "--version"])
    if not error and not os.path.exists(program):
        error = f"there is no {program}"
    elif not error and os.path.join(prefix, "lib", "") not in text:
        error = text.strip()
    check("own-pip", "works", error or "works", "fail" if error else "pass",
          "the prefix has no pip of its own" if error else None)


def main():
    p = params()
    if "prefix" in p:
        own_pip(p["prefix"], p["final"] != p["prefix"])
    with tempfile.TemporaryDirectory(prefix="ungil-venv-") as where:
        examine(os.path.join(where, "v"), "prefix" in p)
    done()


main()
