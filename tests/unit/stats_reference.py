#!/usr/bin/env python3
"""Prints what tests/unit/stats.c expects, computed by SciPy and, for Holm's method, by its definition.

Needs SciPy (Debian: python3-scipy), which the tests themselves do not: the printed table is in stats.c.
"""

import itertools
from math import exp, log, sqrt

from numpy import array
from scipy import stats
from scipy.stats import mstats

PAIRS = {
    "two": ([1.10, 1.14], [1.00, 1.02]),
    "three": ([0.2513, 0.2498, 0.2551], [0.1327, 0.1301, 0.1366]),
    "four": ([0.2513, 0.2498, 0.2551, 0.2467], [0.2487, 0.2512, 0.2549, 0.2471]),
    "five": ([1.31, 1.29, 1.35, 1.30, 2.9], [1.00, 1.01, 0.99, 1.02, 1.0]),
    "nine": ([0.182, 0.186, 0.160, 0.375, 0.181, 0.179, 0.188, 0.183, 0.184],
             [0.180, 0.184, 0.165, 0.181, 0.185, 0.176, 0.184, 0.186, 0.179]),
    "seventeen": ([1.02, 0.98, 1.01, 1.05, 0.97, 1.00, 1.03, 0.99, 1.02, 1.01, 1.04, 0.96, 1.9, 1.01, 0.5, 1.02, 1.00],
                  [0.99, 1.01, 0.98, 1.02, 1.00, 0.98, 1.01, 1.00, 0.97, 0.93, 1.00, 0.99, 1.01, 0.97, 0.98, 1.03, 0.99]),
    "twelve": ([1.02, 0.98, 1.01, 1.05, 0.97, 1.00, 1.03, 0.99, 1.02, 1.01, 1.04, 0.96],
               [1.00, 1.01, 0.99, 1.02, 1.00, 0.98, 1.01, 1.00, 0.97, 1.03, 1.00, 0.99]),
}


def paired(over, under):
    logs = [log(a / b) for a, b in zip(over, under)]
    n = len(logs)
    cut = n // 8
    mean = stats.trim_mean(logs, cut / n) if cut else sum(logs) / n
    # the standard error by its definition: winsorized variance over the share that is kept
    wins = mstats.winsorize(array(logs), limits=(cut / n, cut / n))
    h = n - 2 * cut
    error = sqrt(sum((x - wins.mean()) ** 2 for x in wins) / (h * (h - 1)))
    half = stats.t.ppf(0.975, h - 1) * error
    if not cut:  # then it is the textbook's t interval
        textbook = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
        assert abs(textbook.low - (mean - half)) < 1e-12 and abs(textbook.high - (mean + half)) < 1e-12
    return exp(mean), exp(mean - half), exp(mean + half), 2 * stats.t.sf(abs(mean) / error, h - 1)


def unpaired(over, under):
    a, b = [log(x) for x in over], [log(x) for x in under]
    trim = 1 / 8
    p = stats.ttest_ind(a, b, equal_var=False, trim=trim).pvalue  # Yuen's test

    def part(v):
        cut = len(v) // 8
        h = len(v) - 2 * cut
        wins = mstats.winsorize(array(v), limits=(cut / len(v), cut / len(v)))
        return stats.trim_mean(v, cut / len(v)), sum((x - wins.mean()) ** 2 for x in wins) / (h * (h - 1)), h - 1
    (ma, sa, da), (mb, sb, db) = part(a), part(b)
    df = (sa + sb) ** 2 / (sa ** 2 / da + sb ** 2 / db)
    half = stats.t.ppf(0.975, df) * sqrt(sa + sb)
    return exp(ma - mb), exp(ma - mb - half), exp(ma - mb + half), p


def holm(p):
    """Closed testing with Bonferroni tests: the largest, over all subsets that hold i, of size * smallest p."""
    n = len(p)
    subsets = [s for k in range(1, n + 1) for s in itertools.combinations(range(n), k)]
    return [min(1, max(len(s) * min(p[j] for j in s) for s in subsets if i in s)) for i in range(n)]


def row(values):
    return "{" + ", ".join(f"{v:.12g}" for v in values) + "}"


for name, (over, under) in PAIRS.items():
    print(f"paired {name}: {row(paired(over, under))}")
for a, b in (("nine", "five"), ("three", "twelve"), ("twelve", "nine"), ("seventeen", "twelve")):
    print(f"unpaired {a} over {b}: {row(unpaired(PAIRS[a][0], PAIRS[b][1]))}")
for p in ([0.01, 0.04, 0.03, 0.005], [0.2, 0.0004, 0.9, 0.0003, 0.0004, 0.02], [0.5]):
    print(f"holm {row(p)}: {row(holm(p))}")
for t, df in ((1, 1), (2.5, 3), (12.7, 1), (0.1, 30), (6, 4.37), (40, 2)):
    print(f"tail {t} {df}: {2 * stats.t.sf(t, df):.12g}")
for p, df in ((0.05, 1), (0.05, 2), (0.05, 6), (0.001, 3), (1e-6, 5), (0.05, 7.31)):
    print(f"quantile {p} {df}: {stats.t.isf(p / 2, df):.12g}")
