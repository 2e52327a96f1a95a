"""Imports modules, and says of each what came of it and whether the GIL is on afterwards.

Run by `ungil audit` with -v, in a fresh process for each extension module, so it imports next to
nothing itself (no json: that would cost more than most extension modules do). CPython names the
culprits on standard error, which the caller reads.

Arguments: a token that marks our answers, how many directories follow, these, then the modules:
NAME, or NAME=PATH for an extension module that is loaded from just this file.
"""

import sys
from time import perf_counter

import posix

TOKEN = sys.argv[1]
COUNT = int(sys.argv[2])
PATHS = sys.argv[3:3 + COUNT]
TARGETS = sys.argv[3 + COUNT:]


def take_channel():
    """Descriptor 3, out of reach of a module that writes there as well."""
    try:
        taken = posix.dup(3)
    except OSError:
        return 1
    nowhere = posix.open("/dev/null", posix.O_RDWR)
    posix.dup2(nowhere, 3)
    return taken


CHANNEL = take_channel()


def text(value):
    value = str(value)[:2000].encode("ascii", "backslashreplace").decode("ascii")
    return '"' + "".join(c if c not in '"\\' and " " <= c <= "~" else f"\\u{ord(c):04x}"
                         for c in value) + '"'


def answer(**fields):
    body = ", ".join(f'"{name}": {value}' for name, value in fields.items())
    posix.write(CHANNEL, f'{{"token": {text(TOKEN)}, {body}}}\n'.encode())


def gil_on():
    return "true" if sys._is_gil_enabled() else "false"


def load(target):
    name, separator, path = target.partition("=")
    if not separator:
        __import__(name)
        return
    from importlib._bootstrap import _load
    from importlib.machinery import ExtensionFileLoader, ModuleSpec
    spec = ModuleSpec(name, ExtensionFileLoader(name, path), origin=path)
    spec._set_fileattr = True
    _load(spec)


def described(error):
    fields = {"type": text(type(error).__name__), "error": text(error)}
    if isinstance(error, ImportError):
        fields["name"] = text(error.name) if error.name else "null"
    return fields


def files():
    """Where every extension module that is loaded came from."""
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".so"):
            yield f"{text(name)}: {text(path)}"


def main():
    sys.argv = ["audit"]
    sys.path += PATHS
    answer(start=gil_on())
    for i, target in enumerate(TARGETS):
        answer(begin=i)
        fields = {}
        began = perf_counter()
        try:
            load(target)
        except BaseException as error:  # whatever a module raises, SystemExit too, is the answer
            fields = described(error)
        answer(end=i, seconds=f"{perf_counter() - began:.6f}", gil=gil_on(), **fields)
    answer(files="{" + ", ".join(files()) + "}")
    answer(done="true")
    # without ado: a thread that a module left behind must not make an import look hung
    posix._exit(0)


main()
