"""Change the manifest of a bundle in a registry, and store it properly under another tag.

    registry_change.py URL REPOSITORY DIGEST TAG CHANGE

CHANGE is a line of Python: `m` is the manifest; index(m, TAG) puts an index of it there.
"""
import hashlib
import json
import sys
import urllib.request

url, repository, digest, tag, change = sys.argv[1:]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def put(reference, kind, document):
    data = json.dumps(document).encode()
    request = urllib.request.Request(f"{url}/v2/{repository}/manifests/{reference}", data=data, method="PUT",
                                     headers={"Content-Type": kind})
    urllib.request.urlopen(request).close()
    return {"mediaType": kind, "size": len(data), "digest": "sha256:" + hashlib.sha256(data).hexdigest()}


def index(m, at):
    entry = put(at + "-bundle", MANIFEST, m)
    put(at, INDEX, {"schemaVersion": 2, "mediaType": INDEX, "artifactType": m["artifactType"],
                    "manifests": [dict(entry, annotations=m["annotations"])]})


request = urllib.request.Request(f"{url}/v2/{repository}/manifests/{digest}", headers={"Accept": MANIFEST})
with urllib.request.urlopen(request) as answer:
    m = json.load(answer)
exec(change)
print(put(tag, MANIFEST, m)["digest"])
