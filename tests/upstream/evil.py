#!/usr/bin/env python3
"""Archives that nobody should unpack. evil.py GOOD.tar.xz OUT_DIRECTORY writes, from a good archive:

  dotdot absolute symlink-out symlink-absolute symlink-through hardlink-out device fifo setuid zeros many truncated flipped
  not-a-tar empty

each as OUT_DIRECTORY/NAME/<the good one's name>. Prints a line `NAME SHA256` for each.
All but `truncated` and `flipped` are complete archives whose digest can be pinned: only the unpacking can refuse them.
"""

import hashlib
import io
import lzma
import os
import sys
import tarfile

good, out = sys.argv[1:3]
name = os.path.basename(good)
top = name.removesuffix(".tar.xz")
with open(good, "rb") as file:
    packed = file.read()


def entry(path, **attributes):
    info = tarfile.TarInfo(path)
    info.mode = 0o644
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def with_entries(*entries):
    """The good archive with more entries at its end."""
    plain = io.BytesIO(lzma.decompress(packed))
    with tarfile.open(fileobj=plain, mode="a:") as tar:
        for info, data in entries:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return lzma.compress(plain.getvalue(), preset=0)


def zeros():
    """10 GB of zeros after a header that says so, in 1.5 MB: made of equal compressed blocks, or it would take minutes."""
    head = with_entries()  # the archive's two blocks of zeros at the end must go
    plain = lzma.decompress(head)
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        last = tar.getmembers()[-1]
    end = last.offset_data + (last.size + 511) // 512 * 512
    size, block = 10 << 30, 64 << 20
    header = entry(f"{top}/zeros", size=size).tobuf(format=tarfile.GNU_FORMAT)
    stream = lzma.compress(bytes(block), preset=0)  # concatenated .xz streams are one .xz file
    return lzma.compress(plain[:end] + header, preset=0) + stream * (size // block) + lzma.compress(bytes(1024), preset=0)


def flipped():
    data = bytearray(packed)
    data[len(data) // 2] ^= 1
    return bytes(data)


def link(path, target, kind=tarfile.SYMTYPE):
    return entry(path, type=kind, linkname=target), b""


EVIL = {
    "dotdot": lambda: with_entries((entry(f"{top}/../../escaped"), b"x")),
    "absolute": lambda: with_entries((entry("/tmp/ungil-escaped"), b"x")),
    "symlink-out": lambda: with_entries(link(f"{top}/out", "../../.."), (entry(f"{top}/out/escaped"), b"x")),
    "symlink-absolute": lambda: with_entries(link(f"{top}/out", "/etc/passwd")),
    "symlink-through": lambda: with_entries(link(f"{top}/Lib2", "Lib"), link(f"{top}/Lib2/up", "../../../.."),
                                            (entry(f"{top}/Lib2/up/escaped"), b"x")),
    "hardlink-out": lambda: with_entries(link(f"{top}/passwd", "/etc/passwd", tarfile.LNKTYPE)),
    "device": lambda: with_entries((entry(f"{top}/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), b"")),
    "fifo": lambda: with_entries((entry(f"{top}/fifo", type=tarfile.FIFOTYPE), b"")),
    "setuid": lambda: with_entries((entry(f"{top}/su", mode=0o4755), b"#!/bin/sh\n")),
    "zeros": zeros,
    "many": lambda: with_entries(*((entry(f"{top}/many/{i}"), b"") for i in range(300_000))),
    "truncated": lambda: packed[: len(packed) // 2],
    "flipped": flipped,
    "not-a-tar": lambda: lzma.compress(b"this is not an archive\n" * 1000),
    "empty": lambda: b"",
}

for kind, make in EVIL.items():
    if len(sys.argv) > 3 and kind not in sys.argv[3:]:
        continue
    data = make()
    os.makedirs(os.path.join(out, kind), exist_ok=True)
    with open(os.path.join(out, kind, name), "wb") as file:
        file.write(data)
    print(kind, hashlib.sha256(data).hexdigest())
