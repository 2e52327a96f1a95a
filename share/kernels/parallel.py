"""Do threads of pure Python really run at the same time?

N threads do the same work; CPU time divided by wall time says how many CPUs they kept busy. With
the GIL that is 1, however many threads there are. A machine that is busy, or grants less than N
CPUs, also shows little: then N *processes* are tried, and when these get no further the answer is
"inconclusive". Nothing but threads running at once can show much, so a pass is never false.

CPU time counts what the CPUs grant, so what a cgroup's quota withholds shows in the wall time.

Parameters: variant; threads, N; cpus, what affinity and the cgroup's quota leave, and both of
these; control, {"name", "ratio"} as seen on the GIL build by the same
kernel. Without it, the control of a free-threaded build is itself, started with its GIL on.
"""

import json
import os
import subprocess
import sys
import threading
import time

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import check, done, emit, params

TRIES = 3
OWN = "itself with the GIL on"
SECONDS = 0.1  # one thread's share of a try


def work(n):
    """Small integers only: they are immortal, so no reference count ties the threads together."""
    x = 0
    for _ in range(n):
        x = (x * 5 + 3) & 63
    return x


def calibrate():
    n = 10000
    while True:
        start = time.perf_counter()
        work(n)
        took = time.perf_counter() - start
        if took > SECONDS / 5:
            return max(1, int(n * SECONDS / took))
        n *= 2


def threads_ratio(threads, n):
    """CPUs kept busy by `threads` threads: CPU time / wall time from the common start."""
    gate = threading.Barrier(threads + 1)

    def run():
        gate.wait()
        work(n)

    crew = [threading.Thread(target=run) for _ in range(threads)]
    for t in crew:
        t.start()
    gate.wait()
    wall, cpu = time.perf_counter(), time.process_time()
    for t in crew:
        t.join()
    return (time.process_time() - cpu) / max(time.perf_counter() - wall, 1e-9)


def processes_ratio(processes, n):
    """The same with a process in place of each thread: what the machine grants today."""
    crew = [subprocess.Popen([sys.executable, "-I", "-B", os.path.abspath(__file__),
                              json.dumps({"spin": n * 2})], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for _ in range(processes)]
    spans = [json.loads(p.communicate()[0]) for p in crew]
    cpu = sum(s[2] for s in spans)
    return cpu / max(max(s[1] for s in spans) - min(s[0] for s in spans), 1e-9)


def spin(n):
    start, cpu = time.monotonic(), time.process_time()
    work(n)
    print(json.dumps([start, time.monotonic(), time.process_time() - cpu]))


def contest(threads, n, need, ft):
    """(best of the threads, least and most that the processes were granted), of three tries.

    Threads and processes by turns: a burst of other work must not hit one of them only. One good
    try settles it; a bad one may be the machine's fault, so all three must be bad.
    """
    best, granted = 0.0, []
    for attempt in range(TRIES):
        for _ in range(1 if attempt else 2):
            best = max(best, threads_ratio(threads, n))
            if best >= need:
                return best, 0.0, 0.0
        granted.append(processes_ratio(threads, n))
        if not ft and granted[-1] >= need:
            break
    return best, min(granted), max(granted)


def busy(threads, granted, cpus):
    """Why nothing can be said: the load counts what waits for a CPU, this run's own work too."""
    try:
        load = f"load {os.getloadavg()[0]:.1f} on {cpus} CPUs"
    except OSError:
        load = f"{cpus} CPUs that others use too"
    return f"{load}: {threads} processes got {granted:.2f} CPUs"


def own_control(threads):
    """A free-threaded build with its GIL switched on is a GIL build as far as this goes."""
    run = subprocess.run([sys.executable, "-I", "-B", "-X", "gil=1", os.path.abspath(__file__),
                          json.dumps({"ratio_only": threads})], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        return {"name": OWN, "ratio": json.loads(run.stdout)}
    except ValueError:
        return None


def judge_ft(threads, best, need, control, least, most, cpus):
    """The verdict on a free-threaded build, and the reason when it is not "pass"."""
    if best >= need:
        if control and control["ratio"] >= min(need, 1.3):
            return "inconclusive", (f"the control, {control['name']}, ran in parallel too "
                                    f"({control['ratio']:.2f}): this measure tells nothing")
        return "pass", None
    if least < need:
        return "inconclusive", busy(threads, least, cpus)
    if best < 1 + 0.15 * (threads - 1):
        return "fail", f"threads take turns, while {threads} processes got {most:.2f} CPUs"
    return "inconclusive", f"threads kept {best:.2f} CPUs busy, processes {most:.2f}"


def judge_gil(threads, best, need, most, cpus):
    if best > 1.2:
        return "fail", "threads run at the same time in a build that should have a GIL"
    if most < need:
        return "inconclusive", busy(threads, most, cpus)
    return "pass", None


def affinity():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def main():
    p = params()
    if "spin" in p:
        return spin(p["spin"])
    if "ratio_only" in p:
        threads = p["ratio_only"]
        return print(max(threads_ratio(threads, calibrate()) for _ in range(2)))

    ft = p["variant"] == "ft"
    threads = int(p.get("threads", 2))
    cpus = min(affinity(), int(p.get("cpus", 999)))
    need = 1 + 0.4 * (threads - 1)
    if threads < 2 or cpus < threads:
        quota = p.get("quota") or 0
        limit = f" and a cgroup quota of {quota:g} CPUs" if quota else ""
        check("parallel", "2 CPUs to try it on", f"{cpus} CPU" + "s" * (cpus > 1), "inconclusive",
              f"{affinity()} in the affinity mask{limit}: one CPU cannot show that two threads run "
              "at once", proof=ft)
        return done()
    n = calibrate()
    best, least, most = contest(threads, n, need, ft)
    if ft:
        control = p.get("control") or own_control(threads)
        verdict, reason = judge_ft(threads, best, need, control, least, most, cpus)
    else:
        control = None
        verdict, reason = judge_gil(threads, best, need, most, cpus)
    seen = f"{best:.2f} CPUs by {threads} threads"
    if control:
        itself = control["name"] == OWN
        seen += f"; {OWN if itself else 'the GIL build'}: {control['ratio']:.2f}"
    elif most:
        seen += f"; {threads} processes: {most:.2f}"
    emit(ratio=best)
    check("parallel", f">= {need:.1f} CPUs" if ft else "<= 1.2 CPUs", seen, verdict, reason,
          proof=ft)
    done()


if __name__ == "__main__":
    main()
