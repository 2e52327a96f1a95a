"""One measurement: one kernel, in one form and one mode, by N workers, after a warm-up.

The kernels are in bench_cpu.py, bench_app.py and bench_contend.py. ungil decides what is measured,
in which order, on which CPUs and what to make of it; this file only does the work and tells how
long it took, with what proves that the time is worth something: the result, who worked, and
whether the GIL was on before and after each task.

Parameters:
  facts      true: what this interpreter is, and nothing else
  kernel, form, mode (threads, interpreters, processes), workers, scale (1 is the published size),
  cpus       one for each worker, to bind it to; [] or left out: not bound
or, in place of scale:
  calibrate  the seconds that one worker shall take: answers with that scale
"""

import importlib
import os
import sys
import threading
import time

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from bench_worker import watched
from ungil_kernel import done, emit, gil_on, params

WARM_UP = 0.1  # the share of the work that is done once, before the clock counts
HOMES = {"primes": "cpu", "sha256": "cpu", "matmul": "cpu", "squares": "cpu",
         "tokenise": "app", "pipeline": "app", "requests": "app",
         "dict": "contend", "local": "contend", "refcount": "contend"}


def facts():
    import platform
    import sysconfig
    names = ("thread_inherit_context", "context_aware_warnings")
    emit(version=sys.version, release=platform.python_version(),
         free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")), gil=gil_on(),
         compiler=platform.python_compiler(),
         configure=sysconfig.get_config_var("CONFIG_ARGS") or "",
         flags={name: getattr(sys.flags, name, None) for name in names})


def make_pool(mode, workers):
    if mode == "threads":
        from concurrent.futures import ThreadPoolExecutor
        return ThreadPoolExecutor(workers)
    if mode == "interpreters":
        from concurrent.futures import InterpreterPoolExecutor
        # a new interpreter does not know where bench_worker and its like are
        return InterpreterPoolExecutor(workers, initializer=exec, initargs=(
            f"import sys; sys.path.append({os.path.dirname(os.path.abspath(__file__))!r})",))
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    # fork: the same way in every release, and -X options are inherited
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork"))


def everyone(pool, mode, workers):
    """The ids of all workers, which also makes the pool start them."""
    if mode == "threads":
        gate = threading.Barrier(workers)
        return {f.result()[0] for f in [pool.submit(watched, gate.wait) for _ in range(workers)]}
    ids = set()
    for _ in range(20):  # no barrier can be shared: whoever sleeps cannot take a second task
        ids |= {f.result()[0] for f in
                [pool.submit(watched, time.sleep, 0.01) for _ in range(workers)]}
        if len(ids) == workers:
            break
    return ids


def bind(ids, cpus):
    """Each worker to a CPU of its own, one worker just like many."""
    if not hasattr(os, "sched_setaffinity") or len(cpus) < len(ids):
        return False
    for worker, cpu in zip(sorted(ids), cpus):
        os.sched_setaffinity(worker, {cpu})
    return True


def once(kernel, pool):
    """Seconds by the clock and of the process, and the workers' answers."""
    kernel.begin()
    wall, cpu = time.perf_counter(), time.process_time()
    answers = [f.result() for f in [pool.submit(watched, *task) for task in kernel.tasks]]
    return time.perf_counter() - wall, time.process_time() - cpu, answers


def waited(ids):
    """Seconds that the workers stood ready while their CPUs worked for others; None: not known."""
    try:
        total = 0
        for worker in ids:
            with open(f"/proc/{worker}/schedstat") as f:
                total += int(f.read().split()[1])
        return total / 1e9
    except (OSError, ValueError, IndexError):
        return None


def measure(p, maker):
    form, mode, workers, scale = p["form"], p["mode"], int(p["workers"]), float(p["scale"])
    warm, kernel = maker(form, workers, scale * WARM_UP), maker(form, workers, scale)
    started = time.perf_counter()
    with make_pool(mode, workers) as pool:
        ids = everyone(pool, mode, workers)
        started = time.perf_counter() - started
        bound = bind(ids, p.get("cpus", []))
        once(warm, pool)
        before = waited(ids)
        wall, cpu, answers = once(kernel, pool)
        after = waited(ids)
    if mode == "processes":
        cpu = sum(a[3] for a in answers)
    emit(kernel=p["kernel"], form=form, mode=mode, workers=workers, scale=scale, seconds=wall,
         cpu_seconds=cpu, startup_seconds=started,
         waited_seconds=None if before is None or after is None else after - before,
         checksum=kernel.checksum([a[4] for a in answers]),
         gil_before=any(a[1] for a in answers), gil_after=any(a[2] for a in answers),
         workers_seen=len({a[0] for a in answers} | ids), bound=bound, version=sys.version)


def calibrate(p, maker):
    """The scale at which one worker takes about the wished time."""
    wished, scale = float(p["calibrate"]), 0.005
    while True:
        runs = [maker(p["form"], 1, scale) for _ in range(2)]
        with make_pool(p["mode"], 1) as pool:
            bind(everyone(pool, p["mode"], 1), p.get("cpus", []))
            took = min(once(run, pool)[0] for run in runs)
        factor = (wished / took) ** (1 / maker.growth)
        if factor < 4:
            break
        scale *= min(factor, 30)
    emit(kernel=p["kernel"], form=p["form"], scale=scale * factor)


def main():
    p = params()
    if p.get("facts"):
        facts()
        return done()
    maker, forms = importlib.import_module("bench_" + HOMES[p["kernel"]]).KERNELS[p["kernel"]]
    if p["form"] not in forms:
        raise SystemExit(f"{p['kernel']} has no form {p['form']}")
    if p["mode"] == "interpreters" and sys.version_info < (3, 14):
        emit(kernel=p["kernel"], form=p["form"], skip="InterpreterPoolExecutor came with 3.14")
    elif p["mode"] != "threads" and p["form"] not in maker.isolated:
        emit(kernel=p["kernel"], form=p["form"], skip=f"its workers share memory: not as {p['mode']}")
    elif "calibrate" in p:
        calibrate(p, maker)
    else:
        measure(p, maker)
    done()


if __name__ == "__main__":
    main()
