"""What a user may count on beyond the modules: trusted certificates, and what came with 3.14.

Parameters: variant.
"""

import os
import sys

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import check, compare, done, gil_on, params, wanted

# Where distributions keep the certificates that they trust.
PLACES = ("/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem",
          "/usr/local/share/certs", "/etc/pki/ca-trust/extracted/pem")


def machine_certificates():
    """Where this machine has some; None: nowhere."""
    for place in PLACES:
        if os.path.isfile(place) and os.path.getsize(place):
            return place
        if os.path.isdir(place) and any(n.endswith((".pem", ".crt", ".0"))
                                        for n in os.listdir(place)):
            return place
    return None


def certificates():
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        os.environ.pop(name, None)  # the caller's answer, not this build's
    expected = "at least one CA"
    place = machine_certificates()
    try:
        import ssl
        context = ssl.create_default_context()
        loaded = context.cert_store_stats()["x509_ca"]
        paths = ssl.get_default_verify_paths()
    except Exception as e:
        check("certificates", expected, f"{type(e).__name__}: {e}", "fail", "ssl does not work")
        return
    folder = paths.capath  # those are read when a server is to be verified
    waiting = len([n for n in os.listdir(folder) if n.endswith(".0")]) if folder else 0
    if loaded or waiting:
        seen = f"{loaded} in {paths.cafile}" if loaded else f"{waiting} in {folder}"
        check("certificates", expected, seen, "pass")
    elif place is None:
        check("certificates", expected, None, "skip",
              "this machine has none (the package is usually called ca-certificates)")
    else:
        check("certificates", expected, "none", "fail",
              f"OpenSSL looks in {paths.openssl_cafile} and {paths.openssl_capath}, this machine "
              f"has its own in {place}")


def template_strings():
    name = "world"
    try:
        found = eval('t"hello {name!r}"', {"name": name})
        seen = [list(found.strings), found.interpolations[0].value,
                found.interpolations[0].conversion]
    except Exception as e:
        seen = f"{type(e).__name__}: {e}"
    compare("template-strings", [["hello ", ""], "world", "r"], seen, "t-strings do not work")


def annotations():
    try:
        from annotationlib import Format, get_annotations
        space = {}
        exec("def f(x: Later): pass", space)
        seen = get_annotations(space["f"], format=Format.STRING)["x"]
        space["Later"] = int
        seen = [seen, get_annotations(space["f"])["x"].__name__]
    except Exception as e:
        seen = f"{type(e).__name__}: {e}"
    compare("annotationlib", ["Later", "int"], seen, "annotations are not evaluated lazily")


def interpreters(ft):
    """Two workers, each an interpreter of its own; nothing that can be pickled only by __main__."""
    ask = "__import__('concurrent.interpreters').interpreters.get_current().id"
    before = gil_on()
    try:
        from concurrent.futures import InterpreterPoolExecutor
        with InterpreterPoolExecutor(2) as pool:
            values = list(pool.map(pow, [2, 3, 5], [10, 10, 10]))
            others = 0 not in set(pool.map(eval, [ask] * 2))
        seen = "other interpreters" if others else "the main interpreter"
        if values != [1024, 59049, 9765625]:
            seen = f"wrong values: {values}"
    except Exception as e:
        seen = f"{type(e).__name__}: {e}"
    if ft and not before and gil_on():
        check("interpreters", "GIL off", "GIL on", "fail", "a pool of interpreters switches it on",
              proof=True)
        return
    compare("interpreters", "other interpreters", seen, "InterpreterPoolExecutor does not work")


def jit():
    """A fact, and whether it is the one that configure was asked for."""
    state = getattr(sys, "_jit", None)
    if state is None:
        check("jit", None, None, "skip", "sys._jit came with 3.14")
        return
    import sysconfig
    asked = [a for a in (sysconfig.get_config_var("CONFIG_ARGS") or "").replace("'", " ").split()
             if a.startswith("--enable-experimental-jit")]
    wish = asked[-1].partition("=")[2] if asked else "no"
    built = wish not in ("no", "interpreter")
    words = {True: "available", False: "not built in"}
    seen = words[bool(state.is_available())] + (", on" if state.is_enabled() else "")
    expected = words[built] + (", on" if built and wish != "yes-off" else "")
    compare("jit", expected, seen, "not what configure was asked for")


NEW = {"template-strings": template_strings, "annotationlib": annotations}


def main():
    ft = params()["variant"] == "ft"
    if wanted("certificates"):
        certificates()
    for name, trial in {**NEW, "interpreters": lambda: interpreters(ft)}.items():
        if not wanted(name):
            continue
        if sys.version_info < (3, 14):
            check(name, None, None, "skip", "came with 3.14")
        else:
            trial()
    jit()
    done()


main()
