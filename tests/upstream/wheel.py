"""A wheel, made by hand: wheel.py DIR NAME VERSION TAG[.TAG] PATH=FILE|PATH:TEXT...

PATH is the path in the wheel, FILE what is copied there, TEXT its whole text. Prints the path of the wheel.
"""

import base64
import hashlib
import os
import sys
import zipfile

out, name, version, tag, *contents = sys.argv[1:]
info = f"{name}-{version}.dist-info"
files = {}
for item in contents:
    path, equal, source = item.partition("=")
    if equal and ":" not in path:
        with open(source, "rb") as f:
            files[path] = f.read()
    else:
        path, _, text = item.partition(":")
        files[path] = (text + "\n").encode()
files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
pure = "true" if tag.endswith("-none-any") else "false"
files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: wheel.py\nRoot-Is-Purelib: {pure}\nTag: {tag}\n".encode()
record = ""
for path, data in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    record += f"{path},sha256={digest},{len(data)}\n"
files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
wheel = os.path.join(out, f"{name}-{version}-{tag}.whl")
with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as z:
    for path, data in files.items():
        z.writestr(path, data)
print(wheel)
