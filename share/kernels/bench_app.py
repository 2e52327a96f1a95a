"""The kernels that show what free-threading is for: the work of applications.

  tokenise  text     words of a text found by a regular expression, put into lower case, counted.
  pipeline  records  lines are split into records, checked, computed with, grouped, written as JSON.
  requests  http     a server on loopback: each worker takes a connection and answers its requests,
                     which cost it some CPU time. The clients are in a process of their own.
"""

import json
import os
import re
import socket

from bench_worker import Kernel

TEXTS, BATCHES, REQUESTS = 600, 700, 9_000
PARTS = 32  # at least so many tasks: whoever is free takes the next


WORD = re.compile(r"[A-Za-z']+|[0-9]+")


def tokenise(text):
    counts = {}
    for match in WORD.finditer(text):
        word = match.group().lower()
        counts[word] = counts.get(word, 0) + 1
    return sum(counts.values()) * 1000 + len(counts)


class Tokenise(Kernel):
    isolated = ("text",)

    def __init__(self, form, workers, scale):
        stems = ("Thread", "lock", "Count", "owner's", "page", "Frame", "index", "42", "loop")
        words = [stems[i * 7 % 9] + "abcdefgh"[i * 5 % 8] * (i % 3) for i in range(4001)]
        texts = max(PARTS, int(TEXTS * scale))
        length = min(len(words), max(20, int(len(words) * TEXTS * scale / texts)))
        self.tasks = [(tokenise, " ".join(words[i % 997:] + words[:i % 997])[:length * 6])
                      for i in range(texts)]

    def checksum(self, values):
        return str(sum(values))


def transform(lines):
    groups = {}
    for line in lines:
        number, name, quantity, price = line.split(",")
        record = {"number": int(number), "name": name.strip().title(), "quantity": int(quantity),
                  "price": float(price)}
        if record["quantity"] % 7 == 0:
            continue
        record["total"] = record["quantity"] * record["price"]
        groups.setdefault(record["name"], []).append(record)
    sums = {name: sum(r["total"] for r in group) for name, group in sorted(groups.items())}
    return len(json.dumps({"sums": sums, "groups": groups}))


class Pipeline(Kernel):
    isolated = ("records",)

    def __init__(self, form, workers, scale):
        batches = max(PARTS, int(BATCHES * scale))
        lines = max(10, int(2000 * BATCHES * scale / batches))
        self.tasks = [(transform, [f"{i}, name{(i * 31 + batch) % 50} ,{i % 13 + batch % 5},"
                                   f"{(i * 17 % 400) / 4}" for i in range(lines)])
                      for batch in range(batches)]

    def checksum(self, values):
        return str(sum(values))


def read_until(connection, buffer, wanted):
    """`buffer` with at least `wanted` bytes in it, or shorter at the end of the stream."""
    while len(buffer) < wanted:
        more = connection.recv(65536)
        if not more:
            break
        buffer += more
    return buffer


def answer(body):
    """What a request costs: JSON in, some arithmetic and sorting, JSON out."""
    order = json.loads(body)
    rows = [{"item": f"{order['user']}-{i:03d}", "price": (i * order["seed"]) % 97 / 4}
            for i in range(order["items"])]
    rows.sort(key=lambda row: (row["price"], row["item"]))
    total = sum(row["price"] for row in rows)
    return json.dumps({"user": order["user"], "total": total, "rows": rows}).encode()


def serve(listener):
    """One connection, until the client closes it; how many bytes were answered."""
    connection, _ = listener.accept()
    sent, buffer = 0, b""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            while b"\r\n\r\n" not in buffer:
                more = connection.recv(65536)
                if not more:
                    return sent
                buffer += more
            head, buffer = buffer.split(b"\r\n\r\n", 1)
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
            length = int(fields["Content-Length"])
            buffer = read_until(connection, buffer, length)
            body = answer(buffer[:length])
            buffer = buffer[length:]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            sent += len(body)


def converse(address, requests):
    """The clients: PARTS connections at a time, each with one request under way."""
    import selectors
    ready = selectors.DefaultSelector()
    message = b'{"user": "u%02d", "seed": %d, "items": 60}'

    def ask(state):
        body = message % (state["who"], state["left"] * 7 + state["who"] + 1)
        state["left"] -= 1
        state["buffer"], state["missing"] = b"", None
        state["socket"].sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\n"
                                b"Content-Length: %d\r\n\r\n" % len(body) + body)

    open_ = 0
    for who in range(PARTS):
        one = socket.create_connection(address)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        state = {"who": who, "left": requests, "socket": one}
        ready.register(one, selectors.EVENT_READ, state)
        ask(state)
        open_ += 1
    while open_:
        for key, _ in ready.select():
            state = key.data
            more = state["socket"].recv(65536)
            if not more:
                raise SystemExit("the server hung up")
            state["buffer"] += more
            if state["missing"] is None and b"\r\n\r\n" in state["buffer"]:
                head, state["buffer"] = state["buffer"].split(b"\r\n\r\n", 1)
                state["missing"] = int(head.rsplit(b" ", 1)[1])
            if state["missing"] is not None and len(state["buffer"]) >= state["missing"]:
                if state["left"]:
                    ask(state)
                else:
                    ready.unregister(state["socket"])
                    state["socket"].close()
                    open_ -= 1


class Requests(Kernel):
    def __init__(self, form, workers, scale):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=PARTS)
        self.listener.settimeout(30)  # clients that died will not come
        each = max(1, int(REQUESTS * scale / PARTS))
        self.tasks = [(serve, self.listener)] * PARTS
        waits, self.go = os.pipe()
        if os.fork() == 0:  # there is no other thread yet
            try:
                os.close(self.go)
                if os.read(waits, 1):
                    converse(self.listener.getsockname(), each)
            finally:
                os._exit(0)
        os.close(waits)

    def begin(self):
        os.write(self.go, b"!")
        os.close(self.go)

    def checksum(self, values):
        return str(sum(values))


KERNELS = {"tokenise": (Tokenise, ("text",)), "pipeline": (Pipeline, ("records",)),
           "requests": (Requests, ("http",))}
