#!/usr/bin/env python3
"""Wheels for tests/unit/wheel.c, written into the working directory: wheels.py EXTENSION.

Prints a line for each: NAME, a tab, and what the error must say; for a good one nothing, or "note: " and what one of
its notes must say. EXTENSION is a shared library of this machine, which goes into some of them.
"""

import os
import stat
import struct
import sys
import zipfile

EXTENSION = open(sys.argv[1], "rb").read()
PLATFORM = "linux_" + os.uname().machine


def info(name="spam", version="1.0", tags=("py3-none-any",), **files):
    at = f"{name}-{version}.dist-info/"
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not a field any more\n",
        "WHEEL": "Wheel-Version: 1.0\n" + "".join(f"Tag: {tag}\n" for tag in tags),
        "RECORD": "spam.py,,\n",
    } | files
    return {at + file: text for file, text in texts.items() if text is not None}


def write(name, members, must="", method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(name, "w", method, allowZip64=True) as archive:
        for path, data in members.items():
            mode = stat.S_IFREG | 0o644
            if isinstance(data, tuple):
                mode, data = data
            entry = zipfile.ZipInfo(path)
            entry.external_attr, entry.compress_type, entry.create_system = mode << 16, method, 3
            with archive.open(entry, "w") as file:
                if isinstance(data, int):  # so many zeros
                    for _ in range(data >> 20):
                        file.write(bytes(1 << 20))
                else:
                    file.write(data.encode() if isinstance(data, str) else data)
    print(name, must, sep="\t")


def patch(name, change):
    data = bytearray(open(name, "rb").read())
    change(data)
    open(name, "wb").write(data)


PURE = "spam-1.0-py3-none-any.whl"
BASE = {"spam.py": "print()\n", "spam_data/a b.txt": "x"}


def bad(name, must, members, **more):
    os.makedirs(name, exist_ok=True)
    write(f"{name}/{PURE}", members, must, **more)


write(PURE, BASE | info())
os.makedirs("stored", exist_ok=True)
write(f"stored/{PURE}", BASE | info(), method=zipfile.ZIP_STORED)

bad("up", "..", BASE | info() | {"../out.py": "x"})
bad("up-inside", "..", BASE | info() | {"a/../../out.py": "x"})
bad("absolute", "/tmp/ungil-out.py", BASE | info() | {"/tmp/ungil-out.py": "x"})
bad("link-out", "link", BASE | info() | {"link": (stat.S_IFLNK | 0o777, "../../etc/passwd")})
bad("setuid", "run", BASE | info() | {"run": (stat.S_IFREG | 0o4755, "x")})
bad("bomb", "zip bomb", BASE | info() | {"zeros": 300 << 20})
bad("no-info", "no *.dist-info", BASE)
bad("two-infos", "more than one", BASE | info() | info("eggs"))
bad("no-record", "RECORD", BASE | info(RECORD=None))
bad("no-metadata", "METADATA", BASE | info(METADATA=None))

# An entry that says it is small and is not: in its own header and in the directory at the end.
bad("lie", "zeros", BASE | info() | {"zeros": 2 << 20})


def lie(data):
    for signature, at in (b"PK\x03\x04", 22), (b"PK\x01\x02", 24):
        here = data.index(signature, 0)
        while here >= 0:
            n = 26 if signature[2] == 3 else 28
            length = struct.unpack_from("<H", data, here + n)[0]
            name = data[here + n + (4 if n == 26 else 18):][:length]
            if name == b"zeros":
                struct.pack_into("<I", data, here + at, 1000)
            here = data.find(signature, here + 4)


patch(f"lie/{PURE}", lie)

os.makedirs("text", exist_ok=True)
open(f"text/{PURE}", "w").write("<html>404 not found</html>\n" * 100)
print(f"text/{PURE}\tnot a zip archive")
os.makedirs("empty", exist_ok=True)
open(f"empty/{PURE}", "w").close()
print(f"empty/{PURE}\tnot a zip archive")
os.makedirs("cut", exist_ok=True)
whole = open(PURE, "rb").read()
open(f"cut/{PURE}", "wb").write(whole[: len(whole) * 2 // 3])
print(f"cut/{PURE}\tnot a zip archive")

bad("other-name", "note: METADATA says eggs", BASE | {"spam-1.0.dist-info/" + f.split("/")[1]: t for f, t in info("eggs").items()})
bad("other-version", "note: METADATA says 2.0", BASE | info(METADATA="Name: Spam\nVersion: 2.0\n"))
bad("other-tag", "note: WHEEL has the tag cp314-cp314-linux_x86_64", BASE | info(tags=["cp314-cp314-linux_x86_64"]))
bad("two-tags", "note: its WHEEL has not", BASE | info(tags=[]))


def binary(python, abi, member, must="", platform=PLATFORM):
    tag = f"{python}-{abi}-{platform}"
    write(f"spam-1.0-{tag}.whl", {member: EXTENSION} | info(tags=[tag], RECORD=f'"{member}",,\n'), must)


binary("cp314", "cp314t", "pkg/spam.cpython-314t-x86_64-linux-gnu.so")
binary("cp314", "cp314t", "pkg/spam.pyd", "note: only extension modules for Linux", platform="win_amd64")
binary("cp314", "cp314", "pkg/spam.cpython-314t-x86_64-linux-gnu.so",
       "note: is built for cp314t, but the ABI tag of the wheel is cp314")
binary("py3", "none", "spam.cpython-314t-x86_64-linux-gnu.so",
       "note: is built for cp314t, but the ABI tag of the wheel is none")
binary("cp313", "cp313", "spam.so", "note: is built for a build without the GIL, but the ABI tag of the wheel is cp313")
binary("cp314", "cp314t", "spam.cpython-314t-x86_64-linux-gnu.so",
       "note: but the platform tag of the wheel is linux_s390x", platform="linux_s390x")
