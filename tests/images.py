#!/usr/bin/env python3
"""A base image as somebody else might make it: copies a good image layout and spoils, or only changes, one thing.

    images.py GOOD OTHER FAULT    writes the layout OTHER, whose image is called "base"
    images.py --list              the faults, a line each: NAME, exit status, what the error must say, between tabs
    images.py --tree LAYOUT DIR   unpacks the layers of its only image, one after the other
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

FAULTS = {
    "flipped": (5, "has the digest"),
    "config-flipped": (5, "has the digest"),
    "manifest-flipped": (5, "has the digest"),
    "short": (5, "and should have"),
    "size": (5, "and should have"),
    "missing-layer": (5, "lacks the blob"),
    "missing-manifest": (5, "lacks the blob"),
    "symlink": (5, "lacks the blob"),
    "path": (5, "has no digest"),
    "no-size": (5, "has no size"),
    "huge": (5, "more than the"),
    "not-json": (5, "is no JSON object"),
    "no-tar": (5, "is no tar"),
    "sparse": (5, "a header is longer than any may be"),
    "diff-ids": (5, "its configuration is not that of an image of"),
    "nested": (5, "one index stands in the other"),
    "version": (5, "is not an image layout of a version"),
    "version-fifo": (5, "is not an image layout of a version"),
    "index-fifo": (5, "is not the index of an image layout"),
    "layer-fifo": (5, "lacks the blob"),
    "index-json": (5, "is not the index of an image layout"),
    "architecture": (1, "is for linux/s390x, the interpreters are for linux/"),
    "other-platforms": (1, "has no image for linux/"),
    "artifact": (1, "is no image, but application/vnd.example+json"),
    "layer-type": (1, "is of a kind that this ungil does not know"),
    "no-loader": (1, "lacks the dynamic loader"),
    "shell-gone": (1, "lacks /bin/sh"),
    "shell-loop": (1, "lacks /bin/sh"),
}
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


class Layout:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.index = json.loads((self.dir / "index.json").read_text())
        self.entry = self.index["manifests"][0]
        self.manifest = json.loads(self.blob(self.entry).read_text())
        self.config = json.loads(self.blob(self.manifest["config"]).read_text())

    def blob(self, descriptor):
        return self.dir / "blobs/sha256" / descriptor["digest"].split(":")[1]

    def put(self, data, media_type, **more):
        digest = hashlib.sha256(data).hexdigest()
        (self.dir / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data), **more}

    def add_layer(self, *members):
        """A layer of links and empty files: (name, target or None)."""
        path = self.dir / "layer.tar"
        with tarfile.open(path, "w") as tar:
            for name, target in members:
                info = tarfile.TarInfo(name)
                if target:
                    info.type, info.linkname = tarfile.SYMTYPE, target
                tar.addfile(info)
        data = path.read_bytes()
        path.unlink()
        self.manifest["layers"].append(self.put(data, "application/vnd.oci.image.layer.v1.tar"))
        self.config["rootfs"]["diff_ids"].append("sha256:" + hashlib.sha256(data).hexdigest())

    def save(self):
        """Writes what was changed, with right digests."""
        config = self.put(json.dumps(self.config).encode(), self.manifest["config"]["mediaType"])
        self.manifest["config"] = config
        self.name(self.put(json.dumps(self.manifest).encode(), self.manifest.get("mediaType", MANIFEST)))

    def name(self, entry):
        entry["annotations"] = {"org.opencontainers.image.ref.name": "base"}
        self.index["manifests"] = [entry]
        (self.dir / "index.json").write_text(json.dumps(self.index))


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def spoil_blob(layout, fault):
    """Faults of what lies there, below a name that says otherwise."""
    layout.save()
    layer = layout.blob(layout.manifest["layers"][0])
    manifest = layout.blob(layout.index["manifests"][0])
    if fault == "flipped":
        flip(layer)
    elif fault == "config-flipped":
        flip(layout.blob(layout.manifest["config"]))
    elif fault == "manifest-flipped":
        flip(manifest)
    elif fault == "short":
        os.truncate(layer, layer.stat().st_size - 1)
    elif fault == "missing-layer":
        layer.unlink()
    elif fault == "missing-manifest":
        manifest.unlink()
    elif fault == "symlink":
        shutil.move(layer, layout.dir / "elsewhere")
        layer.symlink_to(layout.dir / "elsewhere")
    elif fault.endswith("-fifo"):
        path = {"version-fifo": layout.dir / "oci-layout", "index-fifo": layout.dir / "index.json",
                "layer-fifo": layer}[fault]
        path.unlink()
        os.mkfifo(path)
    elif fault == "version":
        (layout.dir / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')
    elif fault == "index-json":
        (layout.dir / "index.json").write_text('{"manifests": {}}')
    else:
        return False
    return True


def spoil_index(layout, fault):
    """Faults of what index.json says."""
    layout.save()
    entry = layout.index["manifests"][0]
    if fault == "path":
        entry["digest"] = "sha256:" + "../" * 20 + "etc/passwd"
        layout.name(entry)
    elif fault == "no-size":
        entry["size"] = -1
        layout.name(entry)
    elif fault == "huge":
        layout.name(layout.put(json.dumps(layout.manifest | {"x": "x" * 5000000}).encode(), MANIFEST))
    elif fault == "artifact":
        layout.name(layout.put(b"{}", "application/vnd.example+json"))
    elif fault in ("nested", "other-platforms", "index"):
        entry = layout.put(layout.blob(entry).read_bytes(), MANIFEST)
        other = dict(entry, platform={"os": "linux\x1b[2J", "architecture": "s390x"})
        ours = dict(entry, platform={k: layout.config[k] for k in ("os", "architecture")})
        entries = [other] if fault == "other-platforms" else [other, ours]
        for _ in range(5 if fault == "nested" else 1):
            entry = layout.put(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode(), INDEX)
            entries = [entry]
        layout.name(dict(entry))
    else:
        return False
    return True


def change(layout, fault):
    """Everything else: the digests are right."""
    layers, ids = layout.manifest["layers"], layout.config["rootfs"]["diff_ids"]
    if fault == "size":
        layers[0]["size"] += 1
    elif fault == "not-json":
        layout.manifest["config"] = layout.put(b"[]", layout.manifest["config"]["mediaType"])
        layout.name(layout.put(json.dumps(layout.manifest).encode(), MANIFEST))
        return
    elif fault == "no-tar":
        layers[0] = layout.put(b"nobody's tar" * 1000, GZIP)
    elif fault == "sparse":  # a file of few bytes whose map of holes takes gigabytes
        data = b"20000000\n" + b"0\n0\n" * 20000000
        path = layout.dir / "layer.tar.gz"
        with tarfile.open(path, "w:gz", compresslevel=1) as tar:
            info = tarfile.TarInfo("holes")
            info.size = len(data)
            info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "holes",
                                "GNU.sparse.realsize": "2000000000"}
            tar.addfile(info, io.BytesIO(data))
        layers.append(layout.put(path.read_bytes(), GZIP))
        ids.append("sha256:" + hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest())
    elif fault == "diff-ids":
        ids.pop()
    elif fault == "architecture":
        layout.config["architecture"] = "s390x"
    elif fault == "layer-type":
        layers[0]["mediaType"] = "application/vnd.example.layer"
    elif fault == "no-loader":
        del layers[0], ids[0]
    elif fault == "shell-gone":
        layout.add_layer(("usr/bin/.wh.sh", None), ("bin/.wh.sh", None))
    elif fault == "shell-loop":
        layout.add_layer(("usr/bin/sh", "sh"), ("bin/sh", "sh"))
    elif fault == "opaque":  # DIR/.wh..wh..opq: nothing of lower layers is in DIR, what this layer has is
        layout.add_layer(("usr/share/ungil/.wh..wh..opq", None), ("usr/share/ungil/new", None))
    elif fault == "docker":
        layout.manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
        layout.manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
        for layer in layers:
            layer["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    elif fault == "zstd":
        # into files: bsdtar pads what it writes to a pipe with zeros, which is no zstd
        plain, packed = layout.dir / "plain", layout.dir / "packed"
        plain.write_bytes(gzip.decompress(layout.blob(layers[0]).read_bytes()))
        subprocess.run(["bsdtar", "-cf", packed, "--zstd", "--format=raw", "-C", layout.dir, "plain"], check=True)
        layers[0] = layout.put(packed.read_bytes(), "application/vnd.oci.image.layer.v1.tar+zstd")
        ids[0] = "sha256:" + hashlib.sha256(plain.read_bytes()).hexdigest()
    elif fault == "settings":
        layout.config["config"] = {"Env": ["HOME=/there", "PATH=/own/bin:/bin"], "User": "lab", "WorkingDir": "/work",
                                   "Entrypoint": ["/bin/sh", "-c"], "Labels": {"of": "the base"}}
        del layout.config["history"]
    else:
        sys.exit(f"there is no fault {fault}")
    layout.save()


def tree(directory, to):
    layout = Layout(directory)
    for layer in layout.manifest["layers"]:
        with tarfile.open(layout.blob(layer)) as tar:
            tar.extractall(to)


def main():
    if sys.argv[1] == "--list":
        for name, (status, text) in FAULTS.items():
            print(f"{name}\t{status}\t{text}")
    elif sys.argv[1] == "--tree":
        tree(*sys.argv[2:])
    else:
        good, other, fault = sys.argv[1:]
        shutil.copytree(good, other)
        layout = Layout(other)
        if not spoil_blob(layout, fault) and not spoil_index(layout, fault):
            change(layout, fault)


main()
