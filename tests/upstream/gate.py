#!/usr/bin/env python3
"""Stands before a git server and is in the way, at a port of 127.0.0.1 of its own choice.

  gate.py PORT_FILE LOG cut HOST:PORT BYTES          passes on what the server says, BYTES of it a connection
  gate.py PORT_FILE LOG login [CERTIFICATE KEY]      asks for a login, then has nothing to give (404)
  gate.py PORT_FILE LOG away URL [CERTIFICATE KEY]   sends everybody to URL

Each request is one line in LOG: PATH AUTHORIZATION; cut writes a line a connection.
"""

import http.server
import socket
import ssl
import sys
import threading

PORT_FILE, LOG, MODE = sys.argv[1:4]


def log(line):
    with open(LOG, "a", encoding="utf-8") as f:
        f.write(line + "\n")


def pump(source, sink, budget):
    try:
        while budget > 0 and (data := source.recv(min(4096, budget))):
            sink.sendall(data)
            budget -= len(data)
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def relay(listener, host, port, budget):
    while True:
        client, _ = listener.accept()
        log("connection")
        server = socket.create_connection((host, port))
        for source, sink, limit in ((client, server, 1 << 40), (server, client, budget)):
            threading.Thread(target=pump, args=(source, sink, limit), daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        authorization = self.headers.get("Authorization", "-")
        log(f"{self.path} {authorization}")
        if MODE == "away":
            self.send_response(302)
            self.send_header("Location", sys.argv[4] + self.path)
        elif authorization == "-":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        else:
            self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()


def announce(port):
    with open(PORT_FILE, "w", encoding="utf-8") as f:
        f.write(str(port))


if MODE == "cut":
    host, _, port = sys.argv[4].partition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    announce(listener.getsockname()[1])
    relay(listener, host, int(port), int(sys.argv[5]))
else:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tls = sys.argv[5 if MODE == "away" else 4:]
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    announce(server.server_address[1])
    server.serve_forever()
