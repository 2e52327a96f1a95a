"""Compile a standard library to bytecode that is the same whoever compiles it.

    python -I -S -B bytecode.py LIBRARY JOBS [FILE...]

Writes __pycache__/NAME.TAG.pyc for every FILE below LIBRARY, or for all of it, with JOBS processes.
The standard compileall would do, but what it writes depends on more than the source:

- The header holds the source's time, or a hash that import compares again and again. Here it is an
  unchecked hash (PEP 552): what ungil installs is not edited, and nothing has to be compared.
- marshal marks an object that it may have to refer to again, and which it marks depends on who else
  holds it at that moment: on the modules imported so far, and on the build. The free-threaded build
  interns all string constants, the other those that look like names. Here the stream is taken apart
  and written anew: equal constants once, marked where they are referred to, interned where they look
  like names (code objects intern the names they need by themselves). The GIL build and the
  free-threaded one then write the same bytes. Code that cannot be taken apart (a later marshal
  format), or does not come out equal, stays as it was.
"""
import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER, cache_from_source  # importlib.util takes 15 ms
from _imp import source_hash

UNCHECKED = (1).to_bytes(4, "little")
IN_NAMES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

# The types of marshal, by what follows their letter.
ALONE = frozenset(b"NFTS.")
FIXED = {ord("i"): 4, ord("g"): 8, ord("y"): 16}
TEXT = {ord(c): width for c, width in zip("zZaAtus", (1, 1, 4, 4, 4, 4, 4))}
PARTS = {ord(c): width for c, width in zip(")([<>", (1, 4, 4, 4, 4))}
INTEGER, SLICE, CODE, REFERENCE = b"l:cr"
# Strings, by whether they look like names.
PLAIN = {ord(a): ord(b) for a, b in zip("zZaAtu", "zzaauu")}
INTERNED = {ord(a): ord(b) for a, b in zip("zZaAtu", "ZZAAuu")}
ONCE = ALONE | {ord("i"), ord("g"), CODE}  # never referred to: singletons, small numbers, code


class Stream:
    """A marshalled object, taken apart: each node once, as (type, bytes, numbers of its parts)."""

    def __init__(self, data):
        self.data, self.at = data, 0
        self.nodes, self.numbers, self.referable = [], {}, []
        self.root = self.node()
        if self.at != len(data):
            raise ValueError("not of its length")

    def take(self, size):
        start = self.at
        self.at = start + size
        return self.data[start:start + size]

    def number(self, size=4):
        start = self.at
        self.at = start + size
        return int.from_bytes(self.data[start:start + size], "little")

    def node(self):
        kind = self.data[self.at]
        self.at += 1
        if kind == REFERENCE:
            return self.referable[self.number()]
        slot = None
        if kind & 0x80:
            kind &= 0x7F
            slot = len(self.referable)
            self.referable.append(None)
        content = self.content(kind)
        number = self.numbers.get(content)
        if number is None:
            number = self.numbers[content] = len(self.nodes)
            self.nodes.append(content)
        if slot is not None:
            self.referable[slot] = number
        return number

    def content(self, kind):
        if kind in TEXT:
            text = self.take(self.number(TEXT[kind]))
            names = PLAIN if text.translate(None, IN_NAMES) else INTERNED
            return names.get(kind, kind), text, ()
        if kind in PARTS:
            node = self.node
            return kind, b"", tuple([node() for _ in range(self.number(PARTS[kind]))])
        if kind in FIXED:
            return kind, self.take(FIXED[kind]), ()
        if kind in ALONE:
            return kind, b"", ()
        if kind == CODE:
            counts = self.take(20)
            parts = [self.node() for _ in range(8)]
            line = self.take(4)
            return kind, counts + line, (*parts, self.node(), self.node())
        if kind == INTEGER:
            size = self.take(4)
            return kind, size + self.take(2 * abs(int.from_bytes(size, "little", signed=True))), ()
        if kind == SLICE:
            return kind, b"", (self.node(), self.node(), self.node())
        raise ValueError(f"type {kind}")


def repeated(stream):
    """The numbers of the nodes that are written once and referred to afterwards."""
    seen, again, left, nodes = set(), set(), [stream.root], stream.nodes
    while left:
        number = left.pop()
        kind, _, parts = nodes[number]
        if kind not in ONCE:
            if number in seen:
                again.add(number)
                continue
            seen.add(number)
        left.extend(reversed(parts))
    return again


def written(stream):
    nodes, again, references, out = stream.nodes, repeated(stream), {}, bytearray()

    def write(number):
        if number in references:
            out.append(REFERENCE)
            out.extend(references[number].to_bytes(4, "little"))
            return
        kind, data, parts = nodes[number]
        if number in again:
            references[number] = len(references)
            out.append(kind | 0x80)
        else:
            out.append(kind)
        if kind == CODE:
            out.extend(data[:20])
            for part in parts[:8]:
                write(part)
            out.extend(data[20:])
            parts = parts[8:]
        elif kind in TEXT:
            out.extend(len(data).to_bytes(TEXT[kind], "little"))
            out.extend(data)
        elif kind in PARTS:
            out.extend(len(parts).to_bytes(PARTS[kind], "little"))
        else:
            out.extend(data)
        for part in parts:
            write(part)

    write(stream.root)
    return bytes(out)


def canonical(code):
    """The bytes of a code object."""
    plain = marshal.dumps(code)
    try:
        new = written(Stream(plain))
        return new if marshal.loads(new) == code else plain
    except (ValueError, EOFError, TypeError, IndexError, RecursionError):
        return plain


def compile_file(library, file):
    """False when it is no Python; files of test suites are like that on purpose."""
    with open(file, "rb") as f:
        source = f.read()
    made = cache_from_source(file, optimization="")
    head = MAGIC_NUMBER + UNCHECKED + source_hash(int.from_bytes(MAGIC_NUMBER, "little"), source)
    try:
        with open(made, "rb") as f:
            if f.read(len(head)) == head:
                return True
    except OSError:
        pass
    try:
        code = compile(source, os.path.relpath(file, library), "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError) as error:
        print(f"{file}: {error}")
        return False
    os.makedirs(os.path.dirname(made), exist_ok=True)
    os.chmod(os.path.dirname(made), 0o755)
    temporary = f"{made}.{os.getpid()}"
    with open(temporary, "wb") as f:
        f.write(head + canonical(code))
    os.chmod(temporary, 0o644)
    os.replace(temporary, made)
    return True


def sources(library):
    found = []
    for folder, _, files in os.walk(library):
        for name in files:
            path = os.path.join(folder, name)
            if name.endswith(".py") and os.path.isfile(path):
                found.append((os.path.getsize(path), path))
    return [path for _, path in sorted(found, reverse=True)]


def work(library, files):
    return sum(not compile_file(library, file) for file in files)


def main():
    library, jobs, files = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    files = files or sources(library)
    children = []
    for part in range(1, min(jobs, len(files))):
        child = os.fork()
        if child == 0:
            status = 2
            try:
                work(library, files[part::jobs])
                status = 0
            finally:
                sys.stdout.flush()
                os._exit(status)
        children.append(child)
    work(library, files[::jobs])
    if any(os.waitpid(child, 0)[1] for child in children):
        sys.exit(1)


sys.setrecursionlimit(10000)
main()
