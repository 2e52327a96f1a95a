"""The token server of a registry (distribution's token specification), for tests.

    token_server.py PORT-FILE LOG KEY CERTIFICATE SECONDS [tls]

lab with the password secret may pull and push everything, but nobody the repository "locked"; without a login one may
pull what begins with "public/". A refresh token "refresh-me" is as good as the password (POST). The tokens (JWT,
RS256, signed by the openssl program) are good for SECONDS; the answer claims 60, so that a client sees some expire. The
log has a line for each token: METHOD USER SCOPES.
"""
import base64, http.server, json, os, ssl, subprocess, sys, time
from urllib.parse import parse_qs, urlsplit

port_file, log, key, certificate, seconds = sys.argv[1:6]
LEEWAY = 60  # seconds that distribution grants


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def der():
    text = open(certificate).read().split("-----")[2]
    return "".join(text.split())


def token(user, scopes):
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":", 2)
        if user == "lab" and name != "locked":
            granted = actions.split(",")
        elif not user and name.startswith("public/"):
            granted = [a for a in actions.split(",") if a == "pull"]
        else:
            granted = []
        access.append({"type": kind, "name": name, "actions": granted})
    now = int(time.time())
    claims = {"iss": "ungil-tests", "sub": user, "aud": "laboratory", "iat": now, "nbf": now - 120, "jti": str(time.time()),
              "exp": now + int(seconds) - LEEWAY, "access": access}
    head = {"typ": "JWT", "alg": "RS256", "x5c": [der()]}
    signed = b64(json.dumps(head).encode()) + "." + b64(json.dumps(claims).encode())
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=signed.encode(), check=True,
                               capture_output=True).stdout
    return signed + "." + b64(signature)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give(self, user, scopes):
        with open(log, "a") as f:
            f.write(f"{self.command} {user or '-'} {' '.join(scopes)}\n")
        self.answer(200, {"token": token(user, scopes), "expires_in": 60})

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        login = self.headers.get("Authorization")
        if login and login != "Basic " + base64.b64encode(b"lab:secret").decode():
            return self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong password"}]})
        self.give("lab" if login else "", query.get("scope", []))

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form.get("grant_type") != ["refresh_token"] or form.get("refresh_token") != ["refresh-me"]:
            return self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong refresh token"}]})
        self.give("lab", form.get("scope", [""])[0].split())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if sys.argv[6:] == ["tls"]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
server.serve_forever()
