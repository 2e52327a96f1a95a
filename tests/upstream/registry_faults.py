"""A registry that misbehaves on demand (distribution-spec, in memory). Nothing but Python's standard library.

    registry_faults.py PORT-FILE LOG [CERTIFICATE KEY]

A token is good for 12 requests. A repository's first component says what goes wrong, "once" in each repository: see FAULTS. The port file gets two ports:
the registry's (TLS with a certificate) and that of another host, always in the clear, which serves blobs. The log has a
line for each request: HOST METHOD PATH STATUS AUTHORIZATION RANGE ("-": none).
"""
import hashlib, http.server, itertools, json, os, re, ssl, sys, threading, time
from urllib.parse import parse_qs, unquote, urlsplit

port_file, log_file = sys.argv[1:3]
tls = sys.argv[3:5]
lock = threading.Lock()
blobs, manifests, uploads, counts = {}, {}, {}, {}
upload_ids = itertools.count()
ports = []

FAULTS = """ok redirect circle tohttp relative absolute away chunks standing416 cutup cutwhole gone nochunks cutdown norange
wrongrange stall flipped shorter longer digestlie typelie tagdigest large html busy down endless expire
basicredirect mount nomount forbidmount refer pages loop words nolocation wrongstored tokenclear badtoken readonly proxied slow escape noread scopes""".split()


def once(fault, repo, times=1):
    with lock:
        counts[fault, repo] = counts.get((fault, repo), 0) + 1
        return counts[fault, repo] <= times


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host = "registry"

    def log_message(self, *_):
        pass

    def note(self, status):
        with lock, open(log_file, "a") as f:
            f.write(f"{self.host} {self.command} {self.path} {status} {self.headers.get('Authorization', '-')} "
                    f"{self.headers.get('Range', self.headers.get('Content-Range', '-'))}\n")

    def answer(self, status, body=b"", kind="application/octet-stream", length=None, **headers):
        self.note(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message="", **headers):
        self.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), "application/json",
                    **headers)

    def drop(self):
        self.note("dropped")
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)

    def url(self, port=None, scheme=None):
        scheme = scheme or ("https" if tls else "http")
        return f"{scheme}://127.0.0.1:{port or ports[0]}"

    def read(self, part=1.0):
        size = int(int(self.headers.get("Content-Length", 0)) * part)
        return self.rfile.read(size)

    # --- who may ---

    def allowed(self, fault, repo):
        login = self.headers.get("Authorization")
        bearer = {"WWW-Authenticate": f'Bearer realm="{self.url()}/token?fault={fault}",service="faults",scope="repository:{repo}:pull,push"'}
        if fault == "endless":
            self.error(401, "UNAUTHORIZED", "never", **bearer)
        elif fault == "tokenclear" and not login:
            self.error(401, "UNAUTHORIZED", **{"WWW-Authenticate": f'Bearer realm="http://127.0.0.1:{ports[1]}/token"'})
        elif fault == "scopes" and not (login and once(fault, repo, 4)):
            wanted = {"a": "b", "b": "a"}.get(login[-1], "a") if login else "ba"[once(fault + "-", repo)]
            self.error(401, "UNAUTHORIZED", "another", **{"WWW-Authenticate": f'Bearer realm="{self.url()}/token",scope="{wanted}"'})
        elif fault in ("expire", "badtoken") and (not login or not once(login, repo, 12)):
            self.error(401, "UNAUTHORIZED", "expired", **bearer)
        elif fault == "basicredirect" and login != "Basic bGFiOnNlY3JldA==":
            self.error(401, "UNAUTHORIZED", **{"WWW-Authenticate": 'Negotiate, Basic realm="a, \\"b", charset="UTF-8"'})
        else:
            return True
        return False

    # --- what is asked ---

    def handle_any(self):
        path = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(path.query).items()}
        if path.path == "/v2/":
            return self.answer(200, b"{}", "application/json")
        if path.path == "/token":
            if query.get("fault") == "badtoken":
                return self.answer(200, b"<html>log in</html>", "text/html")
            return self.answer(200, json.dumps({"access_token": f"t{time.time()}" + query.get("scope", "")[-1:], "expires_in": 3600}).encode(), "application/json")
        m = re.fullmatch(r"/(?:v2|elsewhere)/((\w+)(?:/[^/]+)*?)/(blobs/uploads/|blobs|manifests|tags/list|referrers)/?(.*)", path.path)
        if not m or m[2] not in FAULTS:
            return self.answer(404, b"404 page not found\n", "text/plain")
        repo, fault, what, rest = m[1], m[2], m[3], m[4]
        if self.host == "registry" and not self.allowed(fault, repo):
            self.close_connection = True
            return None
        kind = what.split("/")[0]
        if what == "blobs/uploads/":
            return self.upload(fault, repo, rest, query)
        return getattr(self, kind)(fault, repo, unquote(rest), query)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = handle_any

    def blobs(self, fault, repo, name, query):
        data = blobs.get(name)
        if data is None or (fault in ("mount", "nomount", "forbidmount") and (repo, name) not in blobs):
            return self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if self.command == "HEAD":
            return self.answer(200, length=len(data))
        if fault in ("redirect", "basicredirect", "tohttp") and self.host == "registry":
            target = self.url(ports[1], "http")
            return self.answer(307, Location=f"{target}/elsewhere/{repo}/blobs/{name}?signed=secret")
        if fault == "circle":
            return self.answer(307, Location=self.path)
        if fault == "busy" and once(fault, repo):
            return self.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="1")
        if fault == "down":
            return self.error(503, "UNAVAILABLE", "maintenance")
        if fault == "stall":
            self.answer(200, data[:1000], length=len(data))
            self.wfile.flush()
            return time.sleep(30)
        if fault == "slow":
            self.answer(200, data[:1000], length=len(data))
            self.wfile.flush()
            time.sleep(1.5)
            return self.wfile.write(data[1000:])
        if fault == "flipped":
            data = data[:100] + bytes([data[100] ^ 1]) + data[101:]
        if fault == "shorter":
            data = data[:-1]
        if fault == "longer":
            data += b"x"
        start = 0
        if self.headers.get("Range") and fault != "norange":
            start = int(re.match(r"bytes=(\d+)-", self.headers["Range"])[1])
            if start >= len(data):
                return self.error(416, "RANGE")
        if fault in ("cutdown", "norange", "wrongrange") and once(fault, repo):
            self.answer(200, data[:len(data) // 2], length=len(data))
            return self.drop()
        if start:
            claimed = start + 1 if fault == "wrongrange" and once("claim", repo) else start
            return self.answer(206, data[start:], Content_Range=f"bytes {claimed}-{len(data) - 1}/{len(data)}")
        return self.answer(200, data)

    def location(self, fault, session):
        path = f"/v2/{session['repo']}/blobs/uploads/{session['id']}?_state={len(session['data'])}%2F"
        if fault == "absolute":
            return self.url() + path
        if fault == "away":
            return self.url(ports[1], "http") + path
        if fault == "proxied":
            return self.url(scheme="http") + path
        if fault == "tohttp":
            return "http://127.0.0.1:1" + path
        return path

    def upload(self, fault, repo, name, query):
        if self.command == "POST":
            if fault == "readonly":
                return self.error(405, "UNSUPPORTED", "pull-through cache")
            if "mount" in query and fault == "mount" and query["mount"] in blobs:
                blobs[repo, query["mount"]] = True
                return self.answer(201, Location="/x")
            if "mount" in query and fault == "forbidmount":
                return self.error(403, "DENIED", "not yours")
            if fault == "nolocation":
                return self.answer(202)
            session = {"id": f"u{next(upload_ids)}", "repo": repo, "data": b""}
            uploads[session["id"]] = session
            headers = {"OCI-Chunk-Min-Length": str(20 << 20)} if fault == "chunks" else {}
            return self.answer(202, Location=self.location(fault, session), **headers)
        session = uploads.get(name)
        if not session or (fault == "gone" and self.command == "PATCH" and session["data"] and once(fault, repo)):
            self.read()
            uploads.pop(name, None)
            return self.error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        if query.get("_state") != f"{len(session['data'])}/" and fault not in ("cutup", "standing416"):
            self.read()
            return self.error(400, "BLOB_UPLOAD_INVALID", f"the location's query is not what was given: {query}")
        if self.command == "GET":
            return self.answer(204, Location=self.location(fault, session), Range=f"0-{max(len(session['data']) - 1, 0)}")
        if self.command == "PATCH":
            return self.patch(fault, repo, session)
        if fault == "noread":
            return time.sleep(20)
        if fault == "cutwhole" and once(fault, repo):
            self.read(0.5)
            return self.drop()
        session["data"] += self.read()
        if digest(session["data"]) != query.get("digest"):
            return self.error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        blobs[query["digest"]] = session["data"]
        blobs[repo, query["digest"]] = True
        del uploads[name]
        stored = "sha256:" + "0" * 64 if fault == "wrongstored" else query["digest"]
        return self.answer(201, Location=f"/v2/{repo}/blobs/{stored}", Docker_Content_Digest=stored)

    def patch(self, fault, repo, session):
        size, have = int(self.headers["Content-Length"]), len(session["data"])
        if fault == "nochunks":
            self.read()
            return self.error(405, "UNSUPPORTED")
        if self.headers.get("Content-Range") != f"{have}-{have + size - 1}":
            self.read()
            return self.error(416, "RANGE", f"it stands at {have}")
        if fault == "cutup" and have and once(fault, repo):
            session["data"] += self.read(0.5)
            return self.drop()
        data = self.read()
        if fault == "standing416" and have and once(fault, repo):
            session["data"] += data[:1000]
            return self.error(416, "RANGE", "something else")
        session["data"] += data
        session.setdefault("sizes", []).append(size)
        if any(s < 20 << 20 for s in session["sizes"][:-1]) and fault == "chunks":
            return self.error(400, "SIZE_INVALID", "a chunk is too small")
        return self.answer(202, Location=self.location(fault, session), Range=f"0-{len(session['data']) - 1}")

    def manifests(self, fault, repo, name, query):
        if self.command == "PUT":
            data = self.read()
            kind = self.headers["Content-Type"]
            if fault == "words":
                return self.error(403, "DENIED", "\x1b[31mred\r\n\u009b\u202ealert\x07 " + "long " * 200)
            subject = json.loads(data).get("subject")
            manifests[repo, digest(data)] = manifests[repo, name] = data, kind
            headers = {"OCI-Subject": subject["digest"]} if subject and fault == "refer" else {}
            return self.answer(201, Docker_Content_Digest=digest(data), Location="/x", **headers)
        data, kind = manifests.get((repo, name), (None, None))
        if fault == "large":
            data, kind = b'{"schemaVersion": 2, "manifests": []}' + b" " * (5 << 20), "application/vnd.oci.image.index.v1+json"
        if fault == "html":
            return self.answer(200, b"<html>log in</html>", "text/html")
        if data is None:
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        shown = digest(data)
        if fault == "digestlie":
            data += b" "
        if fault == "tagdigest":
            shown = "sha256:" + "0" * 64
        if fault == "escape":
            shown = "sha256:\x1b[31mred"
        if fault == "typelie":
            kind = "application/vnd.oci.image.index.v1+json"
        return self.answer(200, data, kind, Docker_Content_Digest=shown)

    def tags(self, fault, repo, name, query):
        names = sorted({n for r, n in manifests if r == repo and ":" not in n})
        headers = {}
        if fault in ("pages", "loop"):
            at = names.index(query["last"]) + 1 if "last" in query else 0
            names = names[at:at + 1]
            if names:
                headers["Link"] = f'</v2/{repo}/tags/list?n=1&last={names[-1]}>; rel="next"'
        if fault == "loop":
            headers["Link"] = f'</v2/{repo}/tags/list?n=100>; rel="next"'
        self.answer(200, json.dumps({"name": repo, "tags": names or None}).encode(), "application/json", **headers)

    def referrers(self, fault, repo, name, query):
        if fault != "refer":
            return self.answer(404, b"404 page not found\n", "text/plain")
        found = []
        for (r, n), (data, kind) in sorted(manifests.items()):
            m = json.loads(data)
            if r == repo and ":" in n and m.get("subject", {}).get("digest") == name:
                found.append({"mediaType": kind, "digest": n, "size": len(data),
                              "artifactType": m.get("artifactType") or m["config"]["mediaType"]})
        return self.answer(200, json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                                            "manifests": found}).encode(), "application/vnd.oci.image.index.v1+json")


class Elsewhere(Handler):
    host = "elsewhere"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # a client that goes away is none of ours
        pass


registry, elsewhere = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Elsewhere)
if tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    registry.socket = context.wrap_socket(registry.socket, server_side=True, do_handshake_on_connect=False)
ports[:] = [registry.server_address[1], elsewhere.server_address[1]]
threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
with open(port_file + ".new", "w") as f:
    f.write("%d %d\n" % tuple(ports))
os.rename(port_file + ".new", port_file)
registry.serve_forever()
