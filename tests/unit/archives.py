#!/usr/bin/env python3
"""Archives for tests/unit/archive.c, written into the working directory.

Prints a line for each: NAME, a tab, and what the error must name; nothing where the archive is good.
"""

import io
import shutil
import subprocess
import tarfile

MTIME = 1_000_000_000


def file(path, data=b"hello", **more):
    return {"name": path, "data": data, **more}


def directory(path, **more):
    return {"name": path, "type": tarfile.DIRTYPE, "mode": 0o700, **more}


def link(path, target, kind=tarfile.SYMTYPE):
    return {"name": path, "type": kind, "linkname": target}


def write(name, *entries, form=tarfile.PAX_FORMAT, mode="w", encoding="utf-8", raw=b"", must_name=""):
    with tarfile.open(name, mode, format=form, encoding=encoding, errors="surrogateescape") as tar:
        for entry in entries:
            info = tarfile.TarInfo(entry["name"])
            info.mtime, info.mode = MTIME, 0o600
            for key, value in entry.items():
                if key not in ("name", "data"):
                    setattr(info, key, value)
            data = entry.get("data", b"")
            info.size = entry.get("size", len(data))
            tar.addfile(info, io.BytesIO(data) if data else None)
    print(name, must_name, sep="\t")


TREE = (
    directory("p"), directory("p/empty"), file("p/a.txt"), file("p/bin/run", b"#!/bin/sh\n", mode=0o777),
    file("p/deep/er/b.txt", b"x" * 300_000), link("p/deep/up", "../a.txt"), link("p/deep/er/upup", "../../bin/run"),
    link("p/dangling", "nowhere/at/all"), link("p/dot", "./deep/./er"), link("p/hard", "p/a.txt", tarfile.LNKTYPE),
    file("p/a name with spaces"), file("p/n\u00e4me-\u20ac.txt"), file("./p/./dotted"),
)

for ext, mode in ("tar", "w"), ("tar.xz", "w:xz"), ("tar.gz", "w:gz"), ("tar.bz2", "w:bz2"):
    write(f"good.{ext}", *TREE, mode=mode)
if shutil.which("zstd"):
    subprocess.run(["zstd", "-q", "-f", "good.tar"], check=True)
    print("good.tar.zst\t")
write("good-gnu.tar", *TREE, file("p/" + "long/" * 30 + "x"), form=tarfile.GNU_FORMAT)
write("good-ustar.tar", *TREE, form=tarfile.USTAR_FORMAT)
write("good-headers.tar.xz", *TREE, file("p/" + "long/" * 30 + "x", pax_headers={"comment": "c", "SCHILY.xattr.user.a": "b"}),
      mode="w:xz")
write("good-latin1.tar", *TREE, file("p/n\udce4me"), form=tarfile.GNU_FORMAT)
write("good-twice.tar", *TREE, file("p/a.txt", b"another text"), file("p/a.txt"))

BAD = {
    "dotdot": [file("p/../../escaped")],
    "dotdot-end": [directory("p/..")],
    "absolute": [file("/tmp/escaped")],
    "symlink-up": [link("p/l", "..")],
    "symlink-up-deep": [link("p/x/y/l", "../../../..")],
    "symlink-absolute": [link("p/l", "/etc")],
    "symlink-down-up": [link("p/x/y/s", "../.."), link("p/l", "x/y/s/../z")],
    "symlink-dot-up": [link("p/l", "./a/../../x")],
    "symlink-through-name": [link("p/l", "nothing/../../x")],
    "through-symlink": [link("p/s", "deep"), file("p/s/l")],
    "mkdir-through-symlink": [link("p/s", "deep"), directory("p/s/l")],
    "replace-directory": [link("p/deep", "a.txt")],
    "file-as-directory": [file("p/a.txt/l")],
    "hardlink-absolute": [link("p/l", "/etc/passwd", tarfile.LNKTYPE)],
    "hardlink-up": [link("p/l", "p/../../x", tarfile.LNKTYPE)],
    "hardlink-stripped": [link("p/l", "p", tarfile.LNKTYPE)],
    "hardlink-nothing": [link("p/l", "p/nothing", tarfile.LNKTYPE)],
    "hardlink-symlink": [link("p/deep/er/s", "../.."), link("p/l", "p/deep/er/s", tarfile.LNKTYPE)],
    "fifo": [{"name": "p/l", "type": tarfile.FIFOTYPE}],
    "character": [{"name": "p/l", "type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}],
    "block": [{"name": "p/l", "type": tarfile.BLKTYPE, "devmajor": 8, "devminor": 0}],
    "setuid": [file("p/l", mode=0o4755)],
    "setgid": [directory("p/l", mode=0o2755)],
    "outside": [file("stranger")],
    "deep": [file("p/" + "d/" * 100 + "l")],
    "long": [file("p/" + "/".join(["n" * 200] * 10))],
    "large": [file("p/l", b"x" * 2_000_000)],
}
for name, entries in BAD.items():
    last = entries[-1]["name"]
    must = {"replace-directory": "deep\"", "long": "nnn"}.get(name, last.split("/")[-1])
    write(f"bad-{name}.tar", *TREE, *entries, must_name=must if must != ".." else "p/..")
write("bad-many.tar", *(file(f"p/{i}", b"") for i in range(300)), must_name="p/200")
write("bad-control.tar", *TREE, link("p/\033]0;owned\007\nl", "/"), must_name="?]0;owned??l")

with open("bad-nothing.tar", "wb"), open("bad-noise.tar", "wb") as noise:
    noise.write(b"this is no archive at all\n" * 1000)
print("bad-nothing.tar\tbad-nothing.tar\nbad-noise.tar\tbad-noise.tar")
write("bad-empty.tar", must_name="empty")
# It says that it has 8 GiB and ends after a block.
with open("good.tar", "rb") as good, open("bad-cut.tar", "wb") as cut:
    cut.write(good.read()[:-20480] + tarfile.TarInfo("p/l").tobuf()[:200])
