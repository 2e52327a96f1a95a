"""One measurement: one kernel, in one form, by N workers, `repeat` times after a warm-up.

Kernels and forms:
  primes  equal      [0, 500000) in N ranges of equal length. Not equal work: the last costs most.
          balanced   the same numbers in 64 ranges, taken by whoever is free.
  sha256  9000       400000 hashes of 9000 bytes in 4 tasks. hashlib lets go of the GIL from 2048
                     bytes on, so this scales on every build.
          900        as many of 900 bytes: here it does not let go.
  matmul  shared     rows of a product of two matrices; all threads read the same two lists. Without
                     the GIL their reference counts travel from CPU to CPU.
          private    each worker copies the input first, numbers too, and owns what it counts.
  squares threads    sum(i*i for i in range(10_000_000)), 4 tasks.
          interpreters  the same on InterpreterPoolExecutor (3.14 and later).

The work is the same whatever the number of workers, and so is the checksum. Each worker says
whether the GIL was on before and after each task; each is bound to a CPU of its own.

Parameters: kernel, form, workers, scale (1 is the size above), repeat; or kernel, form and
calibrate, the seconds that one worker shall take: answers with that scale.
"""

import math
import os
import sys
import threading
import time

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from ungil_kernel import done, emit, params

WARM_UP = 0.15  # the share of the work that is done once, before the clock counts
PRIMES, HASHES, ORDER, SQUARES = 500_000, 400_000, 240, 10_000_000
BALANCED_RANGES = 64


def watched(work, *args):
    """Runs in a worker: the value, who did it, and the state of the GIL around it."""
    before = sys._is_gil_enabled()
    value = work(*args)
    return before, sys._is_gil_enabled(), threading.get_native_id(), value


def count_primes(start, stop):
    found = 0
    for n in range(max(start, 2), stop):
        for d in range(2, math.isqrt(n) + 1):
            if n % d == 0:
                break
        else:
            found += 1
    return found


def cut(total, parts):
    """[0, total) in consecutive ranges of equal length."""
    edges = [total * i // parts for i in range(parts + 1)]
    return list(zip(edges, edges[1:]))


class Primes:
    growth = 1.4  # of the time, when the scale doubles: 2 ** growth

    def __init__(self, form, workers, scale):
        parts = workers if form == "equal" else BALANCED_RANGES
        self.ranges = cut(max(1000, int(PRIMES * scale)), parts)

    def submit(self, pool):
        return [pool.submit(watched, count_primes, *r) for r in self.ranges]

    def checksum(self, values):
        return str(sum(values))


def hash_many(data, count):
    from hashlib import sha256
    digest = ""
    for _ in range(count):
        digest = sha256(data).hexdigest()
    return digest, count


class Sha256:
    growth = 1

    def __init__(self, form, workers, scale):
        self.data = b"u" * int(form)
        self.ranges = cut(max(4, int(HASHES * scale)), max(4, workers))

    def submit(self, pool):
        return [pool.submit(watched, hash_many, self.data, b - a) for a, b in self.ranges]

    def checksum(self, values):
        digests = {digest for digest, _ in values}
        return " ".join(sorted(digests)) + f" {sum(count for _, count in values)}"


def multiply_rows(a, b, start, stop, private):
    if private:  # + 0.0 makes new numbers: a copied list alone would still share them
        a = [[x + 0.0 for x in row] for row in a[start:stop]]
        b = [[x + 0.0 for x in row] for row in b]
    else:
        a = a[start:stop]
    order = len(b)
    rows = []
    for i in range(len(a)):
        row = []
        for j in range(order):
            total = 0.0
            for k in range(order):
                total += a[i][k] * b[k][j]
            row.append(total)
        rows.append(row)
    return math.fsum(map(math.fsum, rows)), start


class Matmul:
    growth = 1

    def __init__(self, form, workers, scale):
        self.private = form == "private"
        self.workers = workers
        n = self.n = max(8, round(ORDER * scale ** (1 / 3)))
        # Multiples of 1/256 below 4: every sum of products is exact, in whatever order.
        self.a = [[((i * 31 + j * 17) % 1024) / 256 for j in range(n)] for i in range(n)]
        self.b = [[((i * 13 + j * 7) % 1024) / 256 for j in range(n)] for i in range(n)]

    def submit(self, pool):
        return [pool.submit(watched, multiply_rows, self.a, self.b, s, e, self.private)
                for s, e in cut(self.n, self.workers)]

    def checksum(self, values):
        return repr(math.fsum(total for total, _ in values))


def sum_squares(n):
    """Sent to other interpreters as bare code, so it brings all that it needs."""
    import sys
    import threading
    before = sys._is_gil_enabled()
    total = sum(i * i for i in range(n))
    return before, sys._is_gil_enabled(), threading.get_native_id(), total


class Squares:
    growth = 1

    def __init__(self, form, workers, scale):
        # 4 tasks as published. With a number of workers that 4 cannot be shared out to, the
        # tasks shrink, and the whole stays the same.
        self.tasks = 4 if 4 % workers == 0 else workers
        self.n = max(1000, int(SQUARES * scale)) * 4 // self.tasks

    def submit(self, pool):
        return [pool.submit(sum_squares, self.n) for _ in range(self.tasks)]

    def checksum(self, values):
        return f"{values[0]} * {len(values)}" if len(set(values)) == 1 else "differ"


KERNELS = {"primes": (Primes, ("equal", "balanced")), "sha256": (Sha256, ("9000", "900")),
           "matmul": (Matmul, ("shared", "private")),
           "squares": (Squares, ("threads", "interpreters"))}


def make_pool(form, workers):
    if form != "interpreters":
        from concurrent.futures import ThreadPoolExecutor
        return ThreadPoolExecutor(workers)
    from concurrent.futures import InterpreterPoolExecutor
    return InterpreterPoolExecutor(workers)


def bind(ids):
    """Each worker to a CPU of its own, one worker just like many."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < len(ids):
        return False
    for thread, cpu in zip(sorted(ids), cpus):
        os.sched_setaffinity(thread, {cpu})
    return True


def everyone(pool, form, workers):
    """The native thread ids of all workers; a barrier makes the pool start them all."""
    if form == "interpreters":  # a barrier cannot be shared; starting one takes long enough
        return {f.result()[2] for f in [pool.submit(sum_squares, 100_000) for _ in range(workers)]}
    gate = threading.Barrier(workers)
    return {f.result()[2] for f in [pool.submit(watched, gate.wait) for _ in range(workers)]}


def once(kernel, pool):
    wall, cpu = time.perf_counter(), time.process_time()
    answers = [future.result() for future in kernel.submit(pool)]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu, answers


def measure(p, maker):
    form, workers, scale = p["form"], int(p["workers"]), float(p["scale"])
    started = time.perf_counter()
    with make_pool(form, workers) as pool:
        ids = everyone(pool, form, workers)
        started = time.perf_counter() - started
        bound = bind(ids) if p.get("bind", True) else False
        once(maker(form, workers, scale * WARM_UP), pool)
        kernel = maker(form, workers, scale)
        runs = [once(kernel, pool) for _ in range(int(p.get("repeat", 3)))]
    sums = {kernel.checksum([a[3] for a in answers]) for _, _, answers in runs}
    answers = [a for _, _, run in runs for a in run]
    emit(kernel=p["kernel"], form=form, mode="interpreters" if form == "interpreters" else
         "threads", workers=workers, scale=scale, seconds=[r[0] for r in runs],
         cpu_seconds=[r[1] for r in runs], startup_seconds=started,
         checksum=sums.pop() if len(sums) == 1 else "differ",
         gil_before=any(a[0] for a in answers), gil_after=any(a[1] for a in answers),
         workers_seen=len({a[2] for a in answers} | ids), bound=bound,
         flags={"thread_inherit_context": getattr(sys.flags, "thread_inherit_context", None),
                "context_aware_warnings": getattr(sys.flags, "context_aware_warnings", None)})


def calibrate(p, maker):
    """The scale at which one worker takes about the wished time."""
    wished, scale = float(p["calibrate"]), 0.005
    with make_pool(p["form"], 1) as pool:
        everyone(pool, p["form"], 1)
        while True:
            took = min(once(maker(p["form"], 1, scale), pool)[0] for _ in range(2))
            factor = (wished / took) ** (1 / maker.growth)
            if factor < 4:
                break
            scale *= min(factor, 30)
    emit(kernel=p["kernel"], form=p["form"], scale=scale * factor)


def main():
    p = params()
    maker, forms = KERNELS[p["kernel"]]
    if p["form"] not in forms:
        raise SystemExit(f"{p['kernel']} has no form {p['form']}")
    if p["form"] == "interpreters" and sys.version_info < (3, 14):
        emit(kernel=p["kernel"], form=p["form"], skip="InterpreterPoolExecutor came with 3.14")
    elif "calibrate" in p:
        calibrate(p, maker)
    else:
        measure(p, maker)
    done()


if __name__ == "__main__":
    main()
