"""Every extension module of the standard library imports, and leaves the GIL as it was.

Twice: all in one process, as a large program would; and each alone in a fresh process, so that
every module that switches the GIL on is named and not only the first one.

Parameters: variant; jobs, how many processes at once; import, a list of more modules to load (by
name, or the path of an extension).
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import EXTENSION_SUFFIXES

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import check, culprits_of, described, done, gil_on, may_lack, named_in, params, wanted, watched_import

# Made by CPython's authors to switch the GIL on; only in a build with the test modules.
MADE_TO_FAIL = {"_testsinglephase"}

# The answer is the exit status and what was printed on the way: 0, 10 when the import switched the
# GIL on, 11 when it was on before.
ALONE = """
import sys
on = getattr(sys, "_is_gil_enabled", lambda: True)
before = on()
__import__(sys.argv[1])
sys.exit(11 if before else 10 if on() else 0)
"""
STARTED_ON = 11


def module_name(top, path):
    for suffix in sorted(EXTENSION_SUFFIXES, key=len, reverse=True):
        if path.endswith(suffix):
            return os.path.relpath(path[:-len(suffix)], top).replace(os.sep, ".")
    return None


def extensions():
    """All there are: built in, in lib-dynload, and whatever lies elsewhere in the library."""
    found = dict.fromkeys(sys.builtin_module_names, "built-in")
    library = os.path.dirname(os.__file__)
    for folder, below, files in os.walk(library):
        below[:] = [d for d in below if d not in ("site-packages", "dist-packages", "__pycache__")]
        top = folder if os.path.basename(folder) == "lib-dynload" else library
        for file in files:
            name = module_name(top, os.path.join(folder, file))
            # "config-3.11-…/libpython3.11.so": a library to link with, no module
            if name and all(part.isidentifier() for part in name.split(".")):
                found[name] = os.path.join(folder, file)
    return {n: found[n] for n in sorted(found) if n not in MADE_TO_FAIL | {"__main__"}}


def alone(name):
    """(error, culprits) of one import in a process of its own."""
    try:
        run = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", ALONE, name],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True, errors="replace", timeout=60)
    except subprocess.TimeoutExpired:
        return "the import did not end within 60 s", []
    if run.returncode == STARTED_ON:
        return None, [STARTED_ON]
    if run.returncode == 10:
        return None, culprits_of("-I", "-S", "-c", ALONE, name) or named_in(run.stderr) or [name]
    if run.returncode < 0:
        return f"killed by signal {-run.returncode}", []
    if run.returncode:
        return (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1], []
    return None, []


def report(name, ft, count, broken, culprits):
    """broken: error text by module; culprits: file by module that switched the GIL on."""
    lacking = [n for n, error in broken.items() if may_lack(n, error)]
    broken = {n: error for n, error in broken.items() if n not in lacking}
    count -= len(lacking)
    named = [{"module": n, "file": f} for n, f in culprits.items()]
    named += [{"module": n, "error": e} for n, e in broken.items()]
    seen = f"{count - len(broken)} of {count} imported"
    expected = f"{count} of {count} imported"
    if ft:
        expected += ", GIL off"
        seen += ", GIL on" if culprits else ", GIL off"
    reason = None
    if lacking:
        seen += "; not here: " + ", ".join(lacking)
    if culprits:
        reason = "the GIL came back on: " + ", ".join(f"{n} ({f})" for n, f in culprits.items())
    elif broken:
        reason = "cannot be imported: " + ", ".join(f"{n} ({e})" for n, e in broken.items())
    check(name, expected, seen, "fail" if named else "pass", reason,
          proof=ft and (bool(culprits) or not broken), culprits=named)


def report_started_on(name):
    check(name, "GIL off", "GIL on", "fail", "the GIL was on before the first import", proof=True)


def sweep_together(ft, found):
    broken, culprits = {}, {}
    started_on = gil_on()
    for name in found:
        error, culprit = watched_import(name)
        if error:
            broken[name] = error
        if culprit and ft:
            culprits[culprit["module"]] = culprit["file"]
    if ft and started_on:
        return report_started_on("stdlib-together")
    report("stdlib-together", ft, len(found), broken, culprits)


def sweep_alone(ft, found, jobs):
    broken, culprits = {}, {}
    with ThreadPoolExecutor(jobs) as pool:
        for name, (error, on) in zip(found, pool.map(alone, found)):
            if error:
                broken[name] = error
            if ft and on == [STARTED_ON]:
                return report_started_on("stdlib-alone")
            for module in on if ft else ():
                culprits[module] = found.get(module) or described(module)["file"]
    report("stdlib-alone", ft, len(found), broken, culprits)


def only(target):
    """In a process of its own: import one thing, answer on what was standard output."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what it prints must not mix with the answer
    started_on = gil_on()
    error, culprit = watched_import(target)
    os.write(answer, json.dumps([started_on, error, culprit]).encode())


def switched_on(target, culprit):
    """Everything that `target` brings in and that needs the GIL; `culprit` was the first."""
    names = culprits_of("-I", os.path.abspath(__file__), json.dumps({"target": target}))
    found = {n: described(n) for n in names if n != culprit["module"]}
    return [culprit, *found.values()]


def extra(ft, target):
    """With site-packages, unlike the sweeps: it was asked for by name."""
    name = f"import:{os.path.basename(target)}"
    if not wanted(name):
        return
    run = subprocess.run([sys.executable, "-I", "-B", os.path.abspath(__file__),
                          json.dumps({"target": target})], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         errors="replace")
    try:
        started_on, error, culprit = json.loads(run.stdout)
    except ValueError:
        started_on, culprit = False, None
        error = f"ended with status {run.returncode} on import"
    if error:
        check(name, "imported", error, "fail", "it was asked for, and cannot be imported")
    elif not ft:
        check(name, "imported", "imported", "pass")
    elif culprit:
        all_of_them = switched_on(target, culprit)
        check(name, "GIL off", "GIL on", "fail",
              "not declared to run without the GIL: "
              + ", ".join(f"{c['module']} ({c['file']})" for c in all_of_them), proof=True,
              culprits=all_of_them)
    elif started_on:
        check(name, "GIL off", "GIL on", "fail", "the GIL was on before the import", proof=True)
    else:
        check(name, "GIL off", "GIL off", "pass", proof=True)


def main():
    p = params()
    if "target" in p:
        only(p["target"])
        return
    ft = p["variant"] == "ft"
    found = extensions()
    if wanted("stdlib-alone"):
        sweep_alone(ft, found, max(1, int(p.get("jobs", 2))))
    if wanted("stdlib-together"):
        sweep_together(ft, found)
    for target in p.get("import", []):
        extra(ft, target)
    done()


main()
