"""What there is to audit: distributions, their wheel tags, extension modules, importable names.

Nothing of it is imported. Parameters: paths, directories to look at instead of the interpreter's
own site directories.
"""

import os
import re
import sys
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import distributions

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import done, emit, gil_on, params, startup_culprits

SUFFIXES = sorted(EXTENSION_SUFFIXES, key=len, reverse=True)
# ".cpython-313-x86_64-linux-gnu.so", ".abi3.so": of an interpreter, though not of this one
FOREIGN = re.compile(r"\.(cpython-\d+[a-z]*|abi3t?|pypy\d+[^.]*)(-[^.]+)?\.so$")
SKIPPED = {"tests", "test", "docs", "doc", "examples", "benchmarks"}
LEFT_OUT = {"__pycache__", "bin"}


def split_name(base):
    """(module, whether this interpreter's import system would load it); (None, False): no module."""
    for suffix in SUFFIXES:
        stem = base[:-len(suffix)]
        if base.endswith(suffix) and stem.isidentifier():
            return stem, True
    found = FOREIGN.search(base)
    if found and base[:found.start()].isidentifier():
        return base[:found.start()], False
    return None, False


def extension(top, path):
    relative = os.path.relpath(path, top)
    *folders, base = relative.split(os.sep)
    stem, ours = split_name(base)
    if stem is None or not all(f.isidentifier() for f in folders):
        return None
    # foo/__init__.cpython-….so is the package foo itself
    parts = folders if stem == "__init__" and folders else [*folders, stem]
    return {"module": ".".join(parts), "file": path, "ours": ours}


def in_tree(top):
    """Every *.so below top, whoever put it there."""
    for folder, below, names in os.walk(top):
        below[:] = sorted(d for d in below if d not in LEFT_OUT)
        for name in sorted(names):
            if name.endswith(".so"):
                yield os.path.join(folder, name)


def importable(files):
    """The names that an application imports: top-level packages and modules, and the packages of a
    namespace package."""
    packages, modules = set(), set()
    for path in files:
        parts = path.split("/")
        if parts[-1].endswith(".py"):
            parts[-1] = parts[-1][:-3]
        else:
            stem, ours = split_name(parts[-1])
            if stem is None or not ours:
                continue
            parts[-1] = stem
        if not all(p.isidentifier() for p in parts) or parts[0] in SKIPPED or ".." in parts:
            continue
        if parts[-1] == "__init__":
            packages.add(tuple(parts[:-1]))
        elif len(parts) == 1:
            modules.add(tuple(parts))
    tops = [p for p in packages if not any(p[:n] in packages for n in range(1, len(p)))]
    shortest = min(map(len, tops), default=0)
    tops = [p for p in tops if len(p) == shortest and not SKIPPED & set(p)]
    return sorted(".".join(p) for p in {*tops, *modules} if p)


def files_of(dist):
    """Paths below its site directory; of a distribution without a RECORD, what lies in its
    packages."""
    listed = dist.files
    if listed:
        return [f.as_posix() for f in listed]
    top = os.fspath(dist.locate_file(""))
    names = (dist.read_text("top_level.txt") or "").split()
    found = []
    for name in names:
        found += [os.path.join(r, f) for r, _, fs in os.walk(os.path.join(top, name)) for f in fs]
        found += [p for p in (os.path.join(top, name + s) for s in [".py", *SUFFIXES])
                  if os.path.exists(p)]
    return [os.path.relpath(f, top) for f in found]


def describe(dist, claimed):
    top = os.fspath(dist.locate_file(""))
    files = files_of(dist)
    extensions = []
    for file in files:
        path = os.path.normpath(os.path.join(top, file))
        if path.endswith(".so") and os.path.exists(path):
            claimed.add(os.path.realpath(path))
            found = extension(top, path)
            extensions += [found] if found else []
    wheel = dist.read_text("WHEEL") or ""
    tags = re.findall(r"^Tag:\s*(\S+)", wheel, re.M)
    emit(distribution={
        "name": dist.metadata["Name"], "version": dist.version, "where": top, "tags": tags,
        "wheel": bool(wheel), "extensions": extensions, "modules": importable(files),
        "editable": '"editable": true' in (dist.read_text("direct_url.json") or ""),
    })


def main():
    p = params()
    paths = p.get("paths")
    stdlib = {os.path.realpath(sysconfig.get_path(n)) for n in ("stdlib", "platstdlib")}
    stdlib |= {os.path.join(s, "lib-dynload") for s in stdlib}
    sites = paths or [d for d in sys.path if os.path.isdir(d) and os.path.realpath(d) not in stdlib
                      and d != os.path.dirname(os.path.abspath(__file__))]
    on = gil_on()
    emit(interpreter={
        "version": sys.version.split()[0], "series": "%d.%d" % sys.version_info[:2],
        "flags": sys.abiflags, "soabi": sysconfig.get_config_var("SOABI"),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil": on, "startup": startup_culprits() if on else [],
        "sites": sites, "stdlib": sorted(stdlib), "prefix": sys.prefix,
    })
    seen, claimed = set(), set()
    for dist in distributions(path=sites):
        name = re.sub(r"[-_.]+", "-", dist.metadata["Name"] or "").lower()
        if name and name not in seen:
            seen.add(name)
            describe(dist, claimed)
    for top in sites:
        for path in in_tree(top):
            found = extension(top, path)
            if found and os.path.realpath(path) not in claimed:
                emit(loose=found)
    done()


main()
