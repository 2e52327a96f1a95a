"""No file of the prefix holds a path that is not there: of the build tree, the stage, or the prefix
that it was configured for.

Allowed: the interpreter and libpython hold the configured prefix, where they look last when they do
not find their library from their own place; ungil.json tells where things came from.

Parameters: prefix, where the files are; final, where they will be; configured, for which prefix;
stale, more paths to look for.
"""

import os
import re
import sys

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import check, done, params

RECORDS = ("ungil.json", "ungil.mtree")
COMPILED_IN = re.compile(r"(bin|lib)/([^/]+/)*(lib)?python[0-9][^/]*$")
MOST = 64 << 20  # bytes of one file: more is no file of Python


def regular_files(top):
    seen = set()
    for folder, below, files in os.walk(top):
        if os.path.basename(folder) in ("site-packages", "dist-packages"):
            # what the user installs there is the user's own; pip itself came with the release
            below[:] = [d for d in below if d.startswith("pip")]
        for file in files:
            path = os.path.join(folder, file)
            st = os.lstat(path)
            if os.path.islink(path) or st.st_size > MOST or (st.st_dev, st.st_ino) in seen:
                continue
            seen.add((st.st_dev, st.st_ino))
            yield path


def patterns(stale, final):
    """Each path as a whole, or as the head of one: "/v/3.14.7" is not in "/v/3.14.7t".

    What leads to `final`, also by another name, is not stale.
    """
    here = (os.path.join(final, ""), os.path.join(os.path.realpath(final), ""))
    return [(s, re.compile(re.escape(os.fsencode(s)) + rb"(?![\w.+-])")) for s in stale
            if not any(h.startswith((os.path.join(s, ""), os.path.join(os.path.realpath(s), "")))
                       for h in here)]


def scan(top, wanted, configured):
    found, count = [], 0
    for path in regular_files(top):
        relative = os.path.relpath(path, top)
        if relative in RECORDS:
            continue
        count += 1
        try:
            with open(path, "rb") as f:
                data = f.read()
        except OSError as e:
            found.append((relative, f"cannot be read: {e.strerror}"))
            continue
        for text, pattern in wanted:
            if os.fsencode(text) in data and pattern.search(data):
                if not (COMPILED_IN.match(relative) and text == configured):
                    found.append((relative, text))
    return found, count


def main():
    p = params()
    if "prefix" not in p:
        check("stale-paths", None, None, "skip",
              "of an interpreter that ungil did not install it is not known where it was built")
        return done()
    configured = p.get("configured")
    stale = {*p.get("stale", []), p["prefix"], configured} - {None}
    found, count = scan(p["prefix"], patterns(sorted(stale), p["final"]), configured)
    reason = "; ".join(f"{file}: {what}" for file, what in found[:8])
    if len(found) > 8:
        reason += f"; and {len(found) - 8} more"
    check("stale-paths", f"{count} files without", f"{len(found)} files with" if found
          else f"{count} files without", "fail" if found else "pass", reason or None)
    done()


main()
