"""The kernels that articles about free-threading use.

  primes  equal      [0, 500000) in N ranges of equal length. Not equal work: the last costs most.
          balanced   the same numbers in 64 ranges, taken by whoever is free.
  sha256  9000       400000 hashes of 9000 bytes in 4 tasks. hashlib lets go of the GIL from 2048
                     bytes on, so this scales on every build.
          900        as many of 900 bytes: here it does not let go.
  matmul  shared     rows of a product of two matrices; all threads read the same two lists. Without
                     the GIL their reference counts travel from CPU to CPU.
          private    each worker copies the input first, numbers too, and owns what it counts.
  squares sum        sum(i*i for i in range(10_000_000)), 4 tasks.
"""

import math

from bench_worker import Kernel, cut

PRIMES, HASHES, ORDER, SQUARES = 500_000, 400_000, 240, 10_000_000
BALANCED_RANGES = 64


def count_primes(start, stop):
    found = 0
    for n in range(max(start, 2), stop):
        for d in range(2, math.isqrt(n) + 1):
            if n % d == 0:
                break
        else:
            found += 1
    return found


class Primes(Kernel):
    growth = 1.4
    isolated = ("equal", "balanced")

    def __init__(self, form, workers, scale):
        parts = workers if form == "equal" else BALANCED_RANGES
        ranges = cut(max(1000, int(PRIMES * scale)), parts)
        self.tasks = [(count_primes, *r) for r in ranges]

    def checksum(self, values):
        return str(sum(values))


def hash_many(data, count):
    from hashlib import sha256
    digest = ""
    for _ in range(count):
        digest = sha256(data).hexdigest()
    return digest, count


class Sha256(Kernel):
    isolated = ("9000", "900")

    def __init__(self, form, workers, scale):
        data = b"u" * int(form)
        parts = 4 if 4 % workers == 0 else workers
        self.tasks = [(hash_many, data, b - a) for a, b in cut(max(4, int(HASHES * scale)), parts)]

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
    return math.fsum(map(math.fsum, rows))


class Matmul(Kernel):
    isolated = ("private",)

    def __init__(self, form, workers, scale):
        n = max(8, round(ORDER * scale ** (1 / 3)))
        # Multiples of 1/256 below 4: every sum of products is exact, in whatever order.
        a = [[((i * 31 + j * 17) % 1024) / 256 for j in range(n)] for i in range(n)]
        b = [[((i * 13 + j * 7) % 1024) / 256 for j in range(n)] for i in range(n)]
        self.tasks = [(multiply_rows, a, b, s, e, form == "private") for s, e in cut(n, workers)]

    def checksum(self, values):
        return repr(math.fsum(values))


def sum_squares(n):
    return sum(i * i for i in range(n))


class Squares(Kernel):
    isolated = ("sum",)

    def __init__(self, form, workers, scale):
        # 4 tasks as published. With a number of workers that 4 cannot be shared out to, there are
        # as many tasks as workers, and the last is a little longer or shorter.
        self.parts = 4 if 4 % workers == 0 else workers
        total = max(1000, int(SQUARES * scale)) * 4
        self.tasks = [(sum_squares, b - a) for a, b in cut(total, self.parts)]
        self.expected = [n * (n - 1) * (2 * n - 1) // 6 for _, n in self.tasks]
        self.total = total

    def checksum(self, values):
        return f"{self.total} numbers" if sorted(values) == sorted(self.expected) else "differ"


KERNELS = {"primes": (Primes, ("equal", "balanced")), "sha256": (Sha256, ("9000", "900")),
           "matmul": (Matmul, ("shared", "private")), "squares": (Squares, ("sum",))}
