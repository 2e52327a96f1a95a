"""The modules that a complete Python has: each is there and does a little of its work.

Parameters: variant; require and optional, lists of the names that recipes use ("ssl", "zstd" ...).
"""

import importlib
import os
import sys

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import check, described, done, gil_on, params, wanted


def ssl():
    import ssl
    ssl.create_default_context()
    return ssl.OPENSSL_VERSION


def hashlib():
    import _hashlib
    assert len(_hashlib.openssl_sha256(b"ungil").hexdigest()) == 64
    return "openssl"


def sqlite3():
    import sqlite3
    with sqlite3.connect(":memory:") as db:
        assert db.execute("select 6 * 7").fetchone() == (42,)
    db.close()
    return sqlite3.sqlite_version


def round_trip(name):
    module = importlib.import_module(name)
    text = b"ungil " * 100
    assert module.decompress(module.compress(text)) == text
    for version in ("ZLIB_RUNTIME_VERSION", "zstd_version"):
        if hasattr(module, version):
            return getattr(module, version)
    return "works"


def zstd():
    if sys.version_info < (3, 14):
        return None
    return round_trip("compression.zstd")


def ctypes():
    import ctypes
    ctypes.pythonapi.Py_GetVersion.restype = ctypes.c_char_p
    assert ctypes.pythonapi.Py_GetVersion().decode() == sys.version
    return "works"


def readline():
    import readline
    backend = getattr(readline, "backend", "readline")
    return f"{backend} {readline._READLINE_RUNTIME_VERSION:#x}"


def uuid():
    import _uuid  # uuid itself does without, and is then slower and less unique
    assert len(_uuid.generate_time_safe()[0]) == 16
    return "libuuid"


def curses():
    import curses
    import curses.panel
    v = curses.ncurses_version
    return f"ncurses {v.major}.{v.minor}.{v.patch}"


def tkinter():
    import tkinter
    return f"Tk {tkinter.TkVersion}"


def decimal():
    import _decimal
    return f"libmpdec {_decimal.__libmpdec_version__}"


def database(name):
    import tempfile
    module = importlib.import_module(name)
    with tempfile.TemporaryDirectory() as where:
        with module.open(os.path.join(where, "db"), "c") as db:
            db[b"ungil"] = b"42"
            assert db[b"ungil"] == b"42"
    return name


# Where trying more than the import is worth it; any other name is imported.
TRIALS = {
    "ssl": ssl, "hashlib": hashlib, "sqlite3": sqlite3, "zstd": zstd, "ctypes": ctypes,
    "readline": readline, "uuid": uuid, "curses": curses, "tkinter": tkinter, "decimal": decimal,
    "zlib": lambda: round_trip("zlib"), "bz2": lambda: round_trip("bz2"),
    "lzma": lambda: round_trip("lzma"), "gdbm": lambda: database("dbm.gnu"),
    "dbm": lambda: database("dbm.ndbm"), "dbm.gnu": lambda: database("dbm.gnu"),
    "dbm.ndbm": lambda: database("dbm.ndbm"), "compression.zstd": zstd,
}


def trial(name):
    if name in TRIALS:
        return TRIALS[name]()
    importlib.import_module(name)
    return "imported"


def examine(name, ft, required):
    before = gil_on()
    key = f"module:{name}"
    if not wanted(key):
        return
    try:
        seen = trial(name)
    except Exception as e:
        verdict = "fail" if required else "skip"
        reason = "the recipe requires it" if required else "optional, and not there"
        check(key, "works", f"{type(e).__name__}: {e}", verdict, reason)
        return
    if seen is None:
        check(key, "works", None, "skip", "came with 3.14")
    elif ft and not before and gil_on():
        check(key, "GIL off", "GIL on", "fail", "its import switches the GIL on", proof=True,
              culprits=[described(name)])
    else:
        check(key, "works", seen, "pass")


def main():
    p = params()
    ft = p["variant"] == "ft"
    named = [*p.get("require", []), *p.get("optional", [])]
    for name in p.get("require", []):
        examine(name, ft, True)
    for name in p.get("optional", []):
        examine(name, ft, False)
    if not {"zstd", "compression.zstd"}.intersection(named):
        examine("compression.zstd", ft, False)  # a feature of 3.14, whatever the recipe says
    done()


main()
