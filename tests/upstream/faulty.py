#!/usr/bin/env python3
"""A file server that behaves badly on request. Answers on 127.0.0.1, at a port of its own choice.

  faulty.py DOCUMENT_ROOT PORT_FILE LOG [CERTIFICATE KEY]

The first part of the path says how the rest of it is served:

  /ok/F          as a good server does: 206 for a Range, ETag
  /norange/F     always the whole file
  /NNN/F         status NNN, always            /503x2/F      503 twice, then as /ok
  /429/F         429 with `Retry-After: 2` once, then as /ok
  /cut/F         closes half-way, once; then as /ok
  /cutmore/F     closes after 64 KiB, every time      /empty/F   closes before the first byte, every time
  /liar/F        answers a Range with another one
  /flip/F        one bit of one byte is wrong         /short/F   a complete answer with half of the file
  /stall/F       half of it, then nothing, for ever   /slow/F    some bytes a second
  /loop/F        redirects to itself                  /moved/F   redirects to /ok/F
  /tofile/F      redirects to file:///etc/passwd      /tohttp/F  redirects to http://, the same server

A request with an absolute URL (as to a proxy) is served like its path, and logged as PROXY.
Each request is one line in LOG: SECONDS METHOD PATH RANGE STATUS.
"""

import http.server
import os
import re
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

ROOT, PORT_FILE, LOG = sys.argv[1:4]
seen, lock = {}, threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, status):
        with lock, open(LOG, "a") as log:
            print(f"{time.time():.3f}", self.command, self.asked, self.headers.get("Range", "-"), status, file=log)

    def nth(self):
        """The how-manieth request for this path this is, from 1."""
        with lock:
            seen[self.path] = seen.get(self.path, 0) + 1
            return seen[self.path]

    def empty(self, status, **headers):
        self.note(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.asked = self.path
        if self.path.startswith("http"):
            self.asked = "PROXY " + self.path
            self.path = urlsplit(self.path).path
        _, mode, name = (self.path.split("/", 2) + ["", ""])[:3]
        path = os.path.join(ROOT, name)
        if mode == "429" and self.nth() == 1:
            return self.empty(429, Retry_After="2")
        if mode != "429" and re.fullmatch(r"[45]\d\d", mode):
            return self.empty(int(mode))
        if (m := re.fullmatch(r"(\d\d\d)x(\d+)", mode)) and self.nth() <= int(m[2]):
            return self.empty(int(m[1]))
        if mode == "loop":
            return self.empty(302, Location=self.path)
        if mode == "moved":
            return self.empty(302, Location="/ok/" + name)
        if mode in ("tofile", "tohttp"):
            return self.empty(302, Location="file:///etc/passwd" if mode == "tofile" else f"http://{self.headers['Host']}/ok/{name}")
        if ".." in name or not os.path.isfile(path):
            return self.empty(404)
        with open(path, "rb") as file:
            self.serve(mode, file.read())

    def serve(self, mode, data):
        if mode == "flip":
            data = bytearray(data)
            data[len(data) // 2] ^= 1
        if mode == "short":
            data = data[: len(data) // 2]
        start, size = 0, len(data)
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and mode not in ("norange", "flip", "short"):
            start = int(wanted[1])
            if start >= size:
                return self.empty(416, Content_Range=f"bytes */{size}")
            if mode == "liar":
                start = start // 2
        self.note(206 if start else 200)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if mode != "norange":
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{size}"')
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        if self.command != "HEAD":
            self.body(mode, memoryview(data)[start:])

    def body(self, mode, data):
        half = len(data) // 2
        if mode == "cut" and self.nth() == 1:
            data = data[:half]
        elif mode == "cutmore":
            data = data[: 64 << 10]
        elif mode == "empty":
            data = data[:0]
        elif mode in ("stall", "slow"):
            self.wfile.write(data[:half])
            self.wfile.flush()
            for i in range(half, len(data)):
                time.sleep(1)
                if mode == "slow":
                    self.wfile.write(data[i : i + 1])
                    self.wfile.flush()
        self.wfile.write(data)
        if mode in ("cut", "cutmore", "empty"):
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that goes away is not our news


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
with open(PORT_FILE + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
