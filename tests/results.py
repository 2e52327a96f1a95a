"""Bench results (format 2) to make reports of, without measuring: results.py VARIANT > FILE.

  pair     3.14 on 2 CPUs, figures like those of a real run
  wide     the same on 8 CPUs: workers 1, 2, 4, 8
  gil      the build with the GIL alone
  one-cpu  scaling refused, no ratio of it
  busy     two rounds on a machine that had other things to do
  one      one round: no intervals
  hostile  texts that try to get out of where they are put
  empty    no kernel was measured
"""
import json
import random
import statistics
import sys

# kernel, form, kind, what it contends for, what it shows, build overhead, share of the ideal on the free-threaded build
# and on the GIL build, modes
KERNELS = [
    ("primes", "equal", "friendly", None, "as published: ranges of equal length are not equal work", 0.98, 0.60, 0, ["threads"]),
    ("primes", "balanced", "friendly", None, "the same numbers in small ranges, taken by whoever is free", 1.01, 0.96, 0, ["threads"]),
    ("sha256", "9000", "released", None, "hashlib lets go of the GIL from 2048 bytes on: every build scales", 0.99, 0.93, 0.72, ["threads"]),
    ("sha256", "900", "friendly", None, "below 2048 bytes hashlib keeps the GIL", 0.97, 0.91, 0.02, ["threads"]),
    ("matmul", "shared", "contended", "the reference counts of the numbers and rows that all threads read",
     "all threads read the same two lists", 1.58, 0.05, 0, ["threads"]),
    ("matmul", "private", "friendly", None, "each thread owns what it reads", 1.22, 0.95, 0, ["threads"]),
    ("squares", "threads", "friendly", None, "a sum of squares; nothing is shared", 1.06, 0.98, 0, ["threads"]),
    ("squares", "interpreters", "friendly", None, "the same, each in an interpreter of its own", 1.05, 0.9, 0.88, ["interpreters"]),
    ("squares", "processes", "friendly", None, "the same, each in a process of its own", 1.06, 0.9, 0.88, ["processes"]),
    ("tokenise", "text", "friendly", None, "each thread has texts of its own", 1.09, 0.94, 0, ["threads"]),
    ("pipeline", "records", "friendly", None, "read, transform, sum up", 1.11, 0.92, 0, ["threads"]),
    ("requests", "http", "friendly", None, "answers that wait a while and compute a while", 1.05, 0.81, 0.21, ["threads"]),
    ("dict", "shared", "contended", "the lock of one dict that all threads write", "all threads count in one dict",
     1.12, -0.22, 0, ["threads"]),
    ("dict", "private", "friendly", None, "each thread counts in a dict of its own", 1.10, 0.93, 0, ["threads"]),
    ("refcount", "shared", "contended", "the reference count of one object", "all threads take and drop one object", 1.15, -0.30, 0,
     ["threads"]),
    ("refcount", "private", "friendly", None, "each thread takes and drops an object of its own", 1.13, 0.96, 0, ["threads"]),
    ("local", "reads", "friendly", None, "threading.local is read in a loop", 1.18, 0.90, 0, ["threads"]),
]
rounds = 9


def cell(rng, build, mode, workers, seconds):
    values = [seconds * rng.gauss(1, 0.015) for _ in range(rounds)]
    median = statistics.median(values)
    return {"build": build, "mode": mode, "workers": workers, "seconds": median,
            "mad": statistics.median(abs(v - median) for v in values), "cpu_seconds": median * workers, "values": values}


def ratio(rng, value, spread, **what):
    half = spread * rng.uniform(0.6, 1.4)
    low, high = value * (1 - half), value * (1 + half)
    if rounds == 1:
        return dict(what, ratio=value, rounds=1, verdict="no difference seen")
    return dict(what, ratio=value, low=low, high=high, rounds=rounds,
                verdict="difference" if low > 1 or high < 1 else "no difference seen")


def kernel(rng, row, workers, builds, spread):
    name, form, kind, resource, shows, overhead, free, held, modes = row
    cells, ratios = [], []
    for mode in modes:
        for n in workers:
            gain = {"gil": 1 + (n - 1) * held, "ft": 1 + (n - 1) * free, "ft+gil": 1 + (n - 1) * held * 0.9}
            gain = {b: max(0.25, g) * rng.gauss(1, 0.01) for b, g in gain.items()}
            for b in builds:
                cells.append(cell(rng, b, mode, n, 0.2 * (overhead if b != "gil" else 1) / gain[b]))
                if n > 1 and b != "ft+gil":
                    ratios.append(ratio(rng, gain[b], spread, what="scaling", build=b, mode=mode, workers=n))
            if "ft+gil" in builds and mode == "threads":
                ratios.append(ratio(rng, gain["ft"] / gain["ft+gil"], spread, what="gil_effect", mode=mode, workers=n))
        if {"gil", "ft"} <= set(builds):
            ratios.append(ratio(rng, overhead, spread, what="build_overhead", mode=mode, workers=1))
    return {"kernel": name, "form": form, "mode": modes[0], "kind": kind, "shows": shows, "resource": resource, "checksum": "41538",
            "scale": 0.05, "cells": cells, "ratios": ratios}


def build(id):
    ft = id != "gil"
    name = "3.14.7t" if ft else "3.14.7"
    return {"id": id, "python": f"/opt/ungil/versions/{name}/bin/python3.14" + "t" * ft, "name": name, "release": "3.14.7",
            "variant": "ft" if ft else "gil", "compiler": "GCC 12.2.0", "preset": "release",
            "configure": "--enable-optimizations --with-lto" + " --disable-gil" * ft}


def result(variant):
    global rounds
    rng = random.Random(7)
    workers = {"wide": [1, 2, 4, 8], "one-cpu": [1]}.get(variant, [1, 2])
    builds = ["gil"] if variant == "gil" else ["gil", "ft", "ft+gil"]
    spread = 0.02
    if variant == "busy":
        rounds, spread = 2, 0.6
    if variant == "one":
        rounds = 1
    cpus = max(workers)
    r = {"format": 2, "ungil": "0.1.0", "started": "2026-11-25T18:00:00Z", "seconds": 171.2, "length": "default",
         "rounds": rounds,
         "machine": {"cpu": "AMD EPYC 7B13", "cpus": cpus, "cpus_online": cpus, "quota": None, "load": 0.1,
                     "system": "Debian GNU/Linux 12 (bookworm)", "kernel": "Linux 6.1.0", "arch": "x86_64",
                     "cpu_granted": 0.62 if variant == "busy" else 0.99},
         "builds": [build(b) for b in builds], "workers": workers,
         "scaling": "refused: 2 threads need 2 CPUs, and this process may use 1" if variant == "one-cpu" else "measured",
         "kernels": [] if variant == "empty" else [kernel(rng, row, workers, builds, spread) for row in KERNELS]}
    if variant == "hostile":
        evil = "</script><script>document.title='broken out'</script><img src=x onerror=\"document.title='broken out'\">&amp;\u2028\u2029<!--"
        r["machine"]["cpu"] = r["builds"][0]["configure"] = evil
        r["machine"]["system"] = "W" * 400
        for k in r["kernels"][:3]:
            k["kernel"] = k["shows"] = evil
        r["kernels"][4]["resource"] = evil
        skipped = r["kernels"][5]
        skipped["skip"] = evil
        del skipped["cells"], skipped["ratios"]
    return r


json.dump(result(sys.argv[1]), sys.stdout, indent=1, ensure_ascii=False)
