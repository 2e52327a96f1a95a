#!/usr/bin/env python3
"""A bundle as somebody else might make it: takes a good one apart and puts it together with one thing wrong.

    bundles.py GOOD BAD FAULT     writes BAD
    bundles.py --list             the faults, a line each: NAME, a tab, what the error must say
"""

import hashlib
import io
import json
import subprocess
import sys
import tarfile

EMPTY = hashlib.sha256(b"").hexdigest().encode()

FAULTS = {
    "flipped": "has another SHA-256 than the manifest says",
    "longer": "has another size than the manifest says",
    "extra": "is not in its manifest",
    "missing": "is in its manifest, and missing",
    "twice": "comes twice",
    "receipt-twice": "comes twice",
    "executable": "has other permissions than the manifest says",
    "link-elsewhere": "leads elsewhere than the manifest says",
    "link-out": "is a symbolic link that leads out of the archive",
    "file-for-link": "is of another kind than the manifest says",
    "parent": 'has ".." in its path',
    "absolute": "has an absolute path",
    "outside": "lies outside of the directory",
    "device": "is a device",
    "fifo": "is a fifo or a socket",
    "setuid": "has a setuid or setgid bit",
    "hardlink-out": "is a hard link that leads out of the archive",
    "hardlink-other": "is not the file that the manifest names",
    "other-manifest": "is not the one that ungil.json names",
    "no-manifest": "stands where the manifest must",
    "no-receipt": "does not begin with ungil.json",
    "receipt-no-json": "ungil.json",
    "receipt-large": "is larger than it may be",
    "name-elsewhere": "names no interpreter",
    "name-and-release": "names no interpreter",
    "control": "holds control characters",
    "no-runtime": "does not say what it needs of a machine",
    "manifest-large": "is larger than it may be",
    "directory-first": "stands where ungil.json must",
    "receipt-elsewhere": "stands where ungil.json must",
    "receipt-shows": "ungil.json:1:",
    "series": "names no interpreter",
    "control-key": "holds control characters",
    "control-c1": "holds control characters",
    "control-line": "holds control characters",
    "soname-path": "is no name of one",
    "soname-shell": "is no name of one",
    "manifest-set": "is no manifest that ungil wrote",
    "manifest-lines": "is no manifest that ungil wrote",
    "manifest-cut": "is no manifest that ungil wrote",
    "manifest-out": "has an entry outside of its directory: ../../out",
    "sparse-first": "a header is longer than any may be",
    "sparse": "a header is longer than any may be",
    "directories": "does not begin with ungil.json",
    "part": "names no part of an interpreter that this ungil knows",
    "empty": "does not begin with ungil.json",
}


def unpack(path):
    data = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [[member, tar.extractfile(member).read() if member.isreg() else None] for member in tar]


def pack(path, entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, data in entries:
            if data is not None:
                member.size = len(data)
            tar.addfile(member, io.BytesIO(data) if data is not None else None)
    subprocess.run(["zstd", "-qf", "-", "-o", path], input=out.getvalue(), check=True)


def added(entries, name, kind=tarfile.REGTYPE, data=None, link="", mode=0o644):
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, link, mode
    entries.append([member, data])


def find(entries, end):
    return next(e for e in entries if e[0].name.endswith(end))


def receipt(entries, change):
    entry = find(entries, "/ungil.json")
    value = json.loads(entry[1])
    change(value)
    entry[1] = json.dumps(value).encode()


def seal(entries, manifest):
    """Another manifest, and the receipt that names it."""
    find(entries, "/ungil.mtree")[1] = manifest
    receipt(entries, lambda r: r["manifest"].update(digest=hashlib.sha256(manifest).hexdigest()))


def needs(entries, soname):
    receipt(entries, lambda r: r["runtime"]["libraries"].append({"soname": soname, "versions": [], "modules": ["_ssl"]}))


def sparse(entry):
    """A file of few bytes whose map of holes would take gigabytes."""
    member, _ = entry
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": member.name,
                          "GNU.sparse.realsize": "2000000000"}
    entry[1] = b"20000000\n" + b"0\n0\n" * 20000000


def spoil(entries, fault):
    top = entries[0][0].name.strip("/")
    manifest = find(entries, "/ungil.mtree")[1]
    if fault == "other-part":
        added(entries, f"{top}/bin/python3", data=b"", mode=0o755)
        seal(entries, manifest + b"./bin/python3 mode=755 type=file size=0 sha256digest=" + EMPTY + b"\n")
        return
    victim, link = find(entries, "/os.py"), find(entries, "/bin/python")
    match fault:
        case "flipped":
            victim[1] = bytes([victim[1][0] ^ 1]) + victim[1][1:]
        case "longer":
            victim[1] += b"# more\n"
        case "extra":
            added(entries, f"{top}/lib/more.py", data=b"")
        case "missing":
            entries.remove(victim)
        case "twice":
            entries.append(victim)
        case "receipt-twice":
            entries.append(find(entries, "/ungil.json"))
        case "executable":
            victim[0].mode = 0o755
        case "link-elsewhere":
            link[0].linkname = "pip3"
        case "link-out":
            link[0].linkname = "../../../etc/passwd"
        case "file-for-link":
            link[0].type, link[1] = tarfile.REGTYPE, b"#!/bin/sh\n"
        case "parent":
            added(entries, f"{top}/../../out", data=b"")
        case "absolute":
            added(entries, "/out", data=b"")
        case "outside":
            added(entries, "beside", data=b"")
        case "device":
            added(entries, f"{top}/null", tarfile.CHRTYPE)
        case "fifo":
            added(entries, f"{top}/fifo", tarfile.FIFOTYPE)
        case "setuid":
            victim[0].mode = 0o4755
        case "hardlink-out":
            added(entries, f"{top}/passwd", tarfile.LNKTYPE, link="../../etc/passwd")
        case "hardlink-other":
            victim[0].type, victim[0].linkname = tarfile.LNKTYPE, find(entries, "/json.py")[0].name
            victim[0].size, victim[1] = 0, None
            entries.remove(victim)
            entries.append(victim)
        case "other-manifest":
            find(entries, "/ungil.mtree")[1] += b"# more\n"
        case "no-manifest":
            entries.remove(find(entries, "/ungil.mtree"))
        case "no-receipt":
            entries.remove(find(entries, "/ungil.json"))
        case "receipt-no-json":
            find(entries, "/ungil.json")[1] = b"{"
        case "receipt-large":
            find(entries, "/ungil.json")[1] += b" " * (2 << 20)
        case "name-elsewhere":
            receipt(entries, lambda r: r.update(name="../3.99.1t"))
        case "name-and-release":
            receipt(entries, lambda r: r.update(release="3.99.2"))
        case "part":
            receipt(entries, lambda r: r["bundle"].update(part="everything"))
        case "control":
            receipt(entries, lambda r: r.update(preset="\x1b[2Jquick"))
        case "no-runtime":
            receipt(entries, lambda r: r.pop("runtime"))
        case "manifest-large":
            find(entries, "/ungil.mtree")[1] += b"#" * (33 << 20)
        case "directory-first":
            entries.insert(1, find(entries, "/bin"))
        case "receipt-elsewhere":
            find(entries, "/ungil.json")[0].name = f"{top}/lib/ungil.json"
        case "receipt-shows":
            find(entries, "/ungil.json")[1] = '{"a" "\x7f\x9b2J"}'.encode()
        case "series":
            receipt(entries, lambda r: r.update(series="3"))
        case "control-line":
            receipt(entries, lambda r: r["build"].update(compiler="gcc\nungil: error: call this number"))
        case "control-key":
            receipt(entries, lambda r: r["build"].update(environment={"\x1b[2J": "x"}))
        case "control-c1":
            receipt(entries, lambda r: r.update(preset="\x9b2Jquick"))
        case "soname-path":
            needs(entries, "/lib/libssl.so.3.99")
        case "soname-shell":
            needs(entries, "libssl.so.3.99'; echo '")
        case "manifest-set":
            seal(entries, manifest + b"/set mode=644\n")
        case "manifest-lines":
            seal(entries, manifest + b"a\n" * 500000)
        case "manifest-cut":
            seal(entries, manifest + b"# x")
        case "manifest-out":
            seal(entries, manifest + b"./../../out type=file mode=644 size=0 sha256digest=" + EMPTY + b"\n")
        case "sparse-first":
            sparse(find(entries, "/ungil.json"))
        case "sparse":
            sparse(find(entries, "/os.py"))
        case "directories":
            entries[1:1] = [entries[0]] * 100
        case "empty":
            entries.clear()
        # what is no fault, only for another machine
        case "machine":
            receipt(entries, lambda r: r["runtime"].update(machine="aarch64"))
        case "musl":
            receipt(entries, lambda r: r["runtime"].update(loader="/lib/ld-musl-x86_64.so.1"))
        case "glibc":
            receipt(entries, lambda r: find_library(r, "libc.so.6")["versions"].append("GLIBC_2.99"))
        case "library":
            receipt(entries, lambda r: r["runtime"]["libraries"].extend([
                {"soname": "libssl.so.3.99", "versions": ["OPENSSL_3.0.0"], "modules": ["_ssl", "_hashlib"]},
                {"soname": "libtk8.6.so.99", "versions": [], "modules": ["_tkinter"]}]))
        case "optional":
            receipt(entries, lambda r: r["runtime"]["libraries"].append(
                {"soname": "libtk8.6.so.99", "versions": [], "modules": ["_tkinter"]}))
        case _:
            sys.exit(f"no fault {fault}")


def find_library(value, soname):
    return next(entry for entry in value["runtime"]["libraries"] if entry["soname"] == soname)


def main():
    if sys.argv[1:] == ["--list"]:
        for fault, message in FAULTS.items():
            print(fault, message, sep="\t")
        return
    good, bad, fault = sys.argv[1:]
    entries = unpack(good)
    spoil(entries, fault)
    pack(bad, entries)
    if hashlib.sha256(open(good, "rb").read()).digest() == hashlib.sha256(open(bad, "rb").read()).digest():
        sys.exit("nothing is different")


main()
