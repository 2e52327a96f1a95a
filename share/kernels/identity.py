"""Is this the build that its name says? Flags, names, version text, live GIL state.

Parameters: variant "ft" or "gil"; abiflags ("", "t", "td" ...); release; prefix.
"""

import json
import os
import sys
import sysconfig

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import check, compare, done, emit, gil_on, params, startup_culprits


def version_text(ft):
    """3.13 calls itself experimental; from 3.14 on free-threading is supported (PEP 779)."""
    said = "experimental free-threading build" in sys.version
    plain = "free-threading build" in sys.version
    if not ft:
        wanted = "no mention of free-threading"
        seen, verdict = (None, "fail") if plain else (wanted, "pass")
    else:
        experimental = sys.version_info < (3, 14)
        wanted = "experimental free-threading build" if experimental else "free-threading build"
        verdict = "pass" if plain and said == experimental else "fail"
        seen = wanted if verdict == "pass" else None
    check("version-text", wanted, seen or sys.version.split("\n")[0], verdict,
          "what python -VV tells people", proof=ft)


def build_details(flags, release):
    why = "build-details.json is what other tools read instead of running the interpreter"
    if sys.version_info < (3, 14):
        check("build-details", None, None, "skip", "build-details.json came with 3.14")
        return
    path = os.path.join(sysconfig.get_path("stdlib"), "build-details.json")
    try:
        with open(path, encoding="utf-8") as f:
            details = json.load(f)
        seen = {"flags": details["abi"]["flags"], "version": details["language"]["version"]}
    except (OSError, ValueError, KeyError) as e:
        seen = f"{type(e).__name__}: {e}"
    wanted = {"flags": list(flags), "version": ".".join(release.split(".")[:2])}
    compare("build-details", wanted, seen, why)


def gil_state(ft):
    name = "gil-off" if ft else "gil-on"
    on = gil_on()
    culprits = startup_culprits() if ft and on else ()
    why = "the switch itself, in a running process"
    if culprits:
        why = "something that Python loads at its start switches the GIL on"
    check(name, "on" if not ft else "off", "on" if on else "off",
          "pass" if on != ft else "fail", why, proof=ft, culprits=culprits)


def release_text():
    v = sys.version_info
    stage = {"final": ""}.get(v.releaselevel, f"{v.releaselevel}{v.serial}")
    return f"{v.major}.{v.minor}.{v.micro}" + stage.replace("candidate", "rc").replace(
        "alpha", "a").replace("beta", "b")


def main():
    p = params()
    ft = p["variant"] == "ft"
    flags = p.get("abiflags", "t" if ft else "")
    release = p.get("release") or release_text()

    emit(info={
        "release": release_text(),
        "version": sys.version,
        "compiler": sys.version.split("[")[-1].rstrip("]"),
        "platform": sysconfig.get_platform(),
        "soabi": sysconfig.get_config_var("SOABI"),
        "configure": sysconfig.get_config_var("CONFIG_ARGS"),
    })
    gil_state(ft)
    compare("build-flag", int(ft), int(sysconfig.get_config_var("Py_GIL_DISABLED") or 0),
            "Py_GIL_DISABLED: how the build was configured", proof=ft)
    compare("abiflags", flags, sys.abiflags, "sys.abiflags: which extensions it can load", proof=ft)
    soabi = f"cpython-{sys.version_info.major}{sys.version_info.minor}{flags}"
    seen = sysconfig.get_config_var("SOABI") or ""
    compare("soabi", soabi, "-".join(seen.split("-")[:2]),
            "SOABI: the tag in the file name of its extension modules", proof=ft)
    version_text(ft)
    build_details(flags, release)
    if p.get("release"):
        compare("release", release, release_text(), "the release that was asked for")
    if p.get("prefix"):
        compare("prefix", os.path.realpath(p["prefix"]), os.path.realpath(sys.prefix),
                "it finds its own library, not another one's")
    done()


main()
