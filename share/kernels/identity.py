"""Is this the build that its name says? Flags, names, version text, live GIL state, its paths.

Parameters: variant "ft" or "gil"; abiflags ("", "t", "td" ...); release; prefix, where it is;
final, where it will be. With "ask" it only says what it is.
"""

import json
import os
import subprocess
import sys
import sysconfig

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import check, compare, done, emit, gil_on, params, startup_culprits, wanted


def ask(*argv):
    """(exit status, what it printed) of this interpreter."""
    run = subprocess.run([sys.executable, "-I", "-B", *argv], stdin=subprocess.DEVNULL, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                         timeout=60)
    return run.returncode, " ".join(run.stdout.split())


def version_text(ft):
    """3.13 calls itself experimental; from 3.14 on free-threading is supported (PEP 779)."""
    _, text = ask("-VV")
    said = "experimental free-threading build" in text
    plain = "free-threading build" in text
    if not ft:
        wanted_text = "no mention of free-threading"
        good = text.startswith("Python ") and not plain
    else:
        experimental = sys.version_info < (3, 14)
        wanted_text = "experimental free-threading build" if experimental else "free-threading build"
        good = plain and said == experimental
    check("version-text", wanted_text, wanted_text if good else text, "pass" if good else "fail",
          None if good else "python -VV says something else", proof=ft)


def build_details(flags, release):
    if sys.version_info < (3, 14):
        check("build-details", None, None, "skip", "build-details.json came with 3.14")
        return
    path = os.path.join(sysconfig.get_path("stdlib"), "build-details.json")
    try:
        with open(path, encoding="utf-8") as f:
            details = json.load(f)
        seen = {"flags": details["abi"]["flags"], "version": details["language"]["version"]}
    except (OSError, ValueError, KeyError, TypeError) as e:
        seen = f"{type(e).__name__}: {e}"
    expected = {"flags": list(flags), "version": ".".join(release.split(".")[:2])}
    compare("build-details", expected, seen, f"{path} speaks of another build")


def gil_state(ft):
    name = "gil-off" if ft else "gil-on"
    on = gil_on()
    culprits = startup_culprits() if ft and on else ()
    reason = None
    if on == ft:
        reason = "it was switched on from outside, or always is" if ft else "there is no GIL"
    if culprits:
        reason = ("what Python loads at its start switches the GIL on: "
                  + ", ".join(f"{c['module']} ({c['file']})" for c in culprits))
    check(name, "on" if not ft else "off", "on" if on else "off",
          "pass" if on != ft else "fail", reason, proof=ft, culprits=culprits)


def gil_flag(ft):
    """sys.flags.gil: None when nobody says anything, 0 and 1 when -X gil or PYTHON_GIL does."""
    if not hasattr(sys.flags, "gil"):
        check("gil-flag", None, None, "skip", "sys.flags.gil came with 3.13")
        return
    expected = "None" if ft else "1"
    compare("gil-flag", expected, str(sys.flags.gil),
            "-X gil or PYTHON_GIL reaches this interpreter from somewhere")


def gil_option(ft):
    """-X gil=1 switches a free-threaded build's GIL on; -X gil=0 is fatal for the other one."""
    if not hasattr(sys.flags, "gil"):
        check("gil-option", None, None, "skip", "-X gil came with 3.13")
    elif ft:
        status, text = ask("-X", "gil=1", "-c", "import sys; print(sys._is_gil_enabled())")
        seen = {"True": "on", "False": "off"}.get(text, f"status {status}: {text}")
        compare("gil-option", "on", seen, "-X gil=1 does not switch the GIL on")
    else:
        status, text = ask("-X", "gil=0", "-c", "pass")
        refused = status != 0 and "GIL is not supported" in text
        compare("gil-option", "refused", "refused" if refused else f"status {status}: {text}",
                "-X gil=0 must end an interpreter that has no way to do without")


def abi_info(ft, flags):
    info = getattr(sys, "abi_info", None)
    if info is None:
        check("abi-info", None, None, "skip", "sys.abi_info came with 3.15")
        return
    compare("abi-info", {"free_threaded": ft, "debug": "d" in flags},
            {"free_threaded": bool(info.free_threaded), "debug": bool(getattr(info, "debug", 0))},
            "sys.abi_info speaks of another build")


def sysconfig_paths(p):
    """Where headers and libraries are, as recorded at build time; in the stage: where they will be.
    """
    if "final" not in p:
        check("sysconfig", None, None, "skip", "only of what ungil installed is it known")
        return
    final = p["final"]
    right = tuple(os.path.join(os.path.realpath(d), "") for d in (final, p["prefix"]))
    known = sysconfig.get_config_vars()
    wrong = [f"{name}={known.get(name)}" for name in ("BINDIR", "LIBDIR", "INCLUDEPY", "LIBPL")
             if not os.path.realpath(str(known.get(name))).startswith(right)]
    where = os.path.join(sysconfig.get_path("include"), "Python.h")
    if not os.path.exists(where):
        wrong.append(f"no {where}")
    check("sysconfig", f"below {final}", ", ".join(wrong) or f"below {final}",
          "fail" if wrong else "pass",
          "extensions would be built with something else, or not at all" if wrong else None)


def release_text():
    v = sys.version_info
    stage = {"final": ""}.get(v.releaselevel, f"{v.releaselevel}{v.serial}")
    return f"{v.major}.{v.minor}.{v.micro}" + stage.replace("candidate", "rc").replace(
        "alpha", "a").replace("beta", "b")


def state():
    emit(info={
        "release": release_text(),
        "version": sys.version,
        "compiler": sys.version.split("[")[-1].rstrip("]"),
        "platform": sysconfig.get_platform(),
        "soabi": sysconfig.get_config_var("SOABI"),
        "configure": sysconfig.get_config_var("CONFIG_ARGS"),
    })


def main():
    p = params()
    if "ask" in p:
        emit(abiflags=sys.abiflags)
        return done()
    ft = p["variant"] == "ft"
    flags = p.get("abiflags", "t" if ft else "")
    release = p.get("release") or release_text()

    state()
    gil_state(ft)
    gil_flag(ft)
    if wanted("gil-option"):
        gil_option(ft)
    compare("build-flag", int(ft), int(sysconfig.get_config_var("Py_GIL_DISABLED") or 0),
            "configured the other way", proof=ft)
    compare("abiflags", flags, sys.abiflags, "sys.abiflags is another one", proof=ft)
    soabi = f"cpython-{sys.version_info.major}{sys.version_info.minor}{flags}"
    seen = sysconfig.get_config_var("SOABI") or ""
    compare("soabi", soabi, "-".join(seen.split("-")[:2]), "SOABI is another one", proof=ft)
    abi_info(ft, flags)
    if wanted("version-text"):
        version_text(ft)
    build_details(flags, release)
    if p.get("release"):
        compare("release", release, release_text(), "another release")
    if p.get("prefix"):
        compare("prefix", os.path.realpath(p["prefix"]), os.path.realpath(sys.prefix),
                "it found the library of another one")
    sysconfig_paths(p)
    done()


main()
