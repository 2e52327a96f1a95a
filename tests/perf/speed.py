#!/usr/bin/env python3
"""How fast are interpreters of one release beside each other?

    tests/perf/speed.py [--rounds N] [--only WORKLOAD,...] NAME=PYTHON NAME=PYTHON ...

The first one is what the others are compared with. Each round starts every interpreter once, in an
order that changes, so that what else the machine does meets all of them. A process runs each
workload for a while and tells the fastest of its runs: the least disturbed. Of each workload the
ratio of the two times in the same round is taken; what is printed is the geometric mean of these
ratios with its 95 % interval (Student's t on their logarithms). Below 1: faster than the first.

Kernels of one thread (as in share/kernels) and the standard library's own workloads. No package is
needed; the interpreters run with -I, without anything of the caller's.
"""

import argparse
import json
import math
import os
import subprocess
import sys

CHILD = r'''
import ast, asyncio, decimal, io, json, pickle, re, sqlite3, sys, time
perf = time.perf_counter

def sieve():
    n = 60_000
    flags = bytearray([1]) * n
    for i in range(2, 245):
        if flags[i]:
            for j in range(i * i, n, i):
                flags[j] = 0
    return sum(flags)

def nbody():
    b = [[0.0, 0.0, 0.0, 0.1, 0.2, 0.3, 39.4], [4.8, -1.1, -0.1, 0.6, 2.8, -0.02, 0.037],
         [8.3, 4.1, -0.4, -1.0, 1.8, 0.008, 0.011], [12.8, -15.1, -0.2, 1.0, 0.8, -0.01, 0.0017]]
    for _ in range(1500):
        for i in range(4):
            p = b[i]
            for j in range(i + 1, 4):
                q = b[j]
                dx = p[0] - q[0]; dy = p[1] - q[1]; dz = p[2] - q[2]
                m = 0.01 / ((dx * dx + dy * dy + dz * dz) ** 1.5)
                p[3] -= dx * q[6] * m; p[4] -= dy * q[6] * m; p[5] -= dz * q[6] * m
                q[3] += dx * p[6] * m; q[4] += dy * p[6] * m; q[5] += dz * p[6] * m
        for p in b:
            p[0] += 0.01 * p[3]; p[1] += 0.01 * p[4]; p[2] += 0.01 * p[5]

def matmul():
    n = 48
    a = [[float(i * j % 7) for j in range(n)] for i in range(n)]
    for row in a:
        [sum(x * y for x, y in zip(row, column)) for column in zip(*a)]
    out = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(n):
                s += a[i][k] * a[k][j]
            out[i][j] = s

def fib():
    def f(n):
        return n if n < 2 else f(n - 1) + f(n - 2)
    f(21)

class Node:
    __slots__ = 'left', 'right'
    def __init__(self, left, right):
        self.left = left
        self.right = right

def trees():
    def make(d):
        return Node(make(d - 1), make(d - 1)) if d else None
    def check(t):
        return 1 + check(t.left) + check(t.right) if t else 0
    check(make(13))

def dicts():
    d = {}
    for i in range(30_000):
        d[f'k{i % 5000}'] = d.get(f'k{i % 5000}', 0) + i
    sorted(d.items(), key=lambda x: (-x[1], x[0]))

def strings():
    words = ('the quick brown fox jumps over the lazy dog ' * 400).split()
    ' '.join(w.upper().replace('O', '0').strip('X') for w in words).split('0')

def integers():
    x = 3
    for _ in range(300):
        x = x * x % (2 ** 521 - 1)
    str(7 ** 4000)

doc = [{'id': i, 'name': f'n{i}', 'values': [i / 7, i * 3, None, True], 'sub': {'x': 'é' * 9}} for i in range(300)]
text = json.dumps(doc)
source = "\n".join(f"def f{i}(a, b=1, *c, d: int = {i}, **e):\n    return [x ** {i} for x in c if x > a and b] or {{'k': e}}\n" for i in range(60))
log = "\n".join(f"10.0.{i % 256}.7 - - [12/Mar/2025:06:{i % 60:02}:01] \"GET /a/{i}?q={i * 7} HTTP/1.1\" 200 {i * 13}" for i in range(800))
line = re.compile(r'^(\S+) \S+ \S+ \[([^]]+)\] "(\w+) ([^ "]+)[^"]*" (\d+) (\d+)$', re.M)

def json_dump(): json.dumps(doc)
def json_load(): json.loads(text)
def regex():
    sum(int(m[6]) for m in line.finditer(log))
    re.sub(r'(\d+)\.(\d+)', r'\2.\1', log)
def pickles(): pickle.loads(pickle.dumps(doc, 5))
def asts(): compile(ast.unparse(ast.parse(source)), 'x', 'exec')
def decimals():
    with decimal.localcontext() as c:
        c.prec = 60
        x = decimal.Decimal(2)
        for _ in range(500):
            x = (x + 2 / x) / 2 + decimal.Decimal('1e-20')
def sqlite():
    db = sqlite3.connect(':memory:')
    db.execute('create table t(a integer primary key, b text, c real)')
    db.executemany('insert into t values(?, ?, ?)', [(i, str(i), i / 3) for i in range(3000)])
    db.execute('select b, sum(c) from t where a % 3 group by a % 50').fetchall()
def tasks():
    async def leaf(n):
        await asyncio.sleep(0)
        return n
    async def main():
        for _ in range(10):
            await asyncio.gather(*(leaf(i) for i in range(100)))
    asyncio.run(main())

WORK = dict(sieve=sieve, nbody=nbody, matmul=matmul, fib=fib, trees=trees, dicts=dicts, strings=strings,
            integers=integers, json_dump=json_dump, json_load=json_load, re=regex, pickle=pickles, ast=asts,
            decimal=decimals, sqlite3=sqlite, asyncio=tasks)
wanted = json.loads(sys.argv[1])
result = {}
for name, work in WORK.items():
    if wanted and name not in wanted:
        continue
    work()
    best, until = 1e9, perf() + 0.35
    runs = 0
    while runs < 3 or perf() < until:
        t = perf(); work(); best = min(best, perf() - t); runs += 1
    result[name] = best
print(json.dumps(result))
'''

# 97.5 % points of Student's t; 1.96 beyond
T = [0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
     2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052,
     2.048, 2.045, 2.042]


def interval(logs):
    n = len(logs)
    mean = sum(logs) / n
    if n < 2:
        return math.exp(mean), 0, math.inf
    deviation = math.sqrt(sum((x - mean) ** 2 for x in logs) / (n - 1) / n)
    half = (T[n - 1] if n - 1 < len(T) else 1.96) * deviation
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def measure(python, only):
    environment = {'PATH': os.environ['PATH'], 'LC_ALL': 'C.UTF-8'}
    out = subprocess.run([python, '-I', '-c', CHILD, json.dumps(only)], env=environment, check=True,
                         stdout=subprocess.PIPE).stdout
    return json.loads(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--only', default='')
    parser.add_argument('--json', metavar='FILE')
    parser.add_argument('interpreter', nargs='+')
    args = parser.parse_args()
    pythons = dict(word.split('=', 1) for word in args.interpreter)
    names = list(pythons)
    if len(names) < 2 or len(names) != len(args.interpreter):
        parser.error('two or more different NAME=PYTHON')
    only = [x for x in args.only.split(',') if x]
    rounds = []
    for i in range(args.rounds):
        print(f'round {i + 1} of {args.rounds}', file=sys.stderr)
        order = names[i % len(names):] + names[:i % len(names)]
        rounds.append({n: measure(pythons[n], only) for n in order})
    if args.json:
        with open(args.json, 'w') as f:
            json.dump(rounds, f)
    base, others = names[0], names[1:]
    works = list(rounds[0][base])
    print(f'{"times " + base + " =":<14} ' + ' '.join(f'{n:>22}' for n in others))
    for work in works + ['all']:
        cells = []
        for n in others:
            logs = [sum(math.log(r[n][w] / r[base][w]) for w in (works if work == 'all' else [work])) /
                    (len(works) if work == 'all' else 1) for r in rounds]
            cells.append('{:.3f} [{:.3f}, {:.3f}]'.format(*interval(logs)))
        print(f'{work:<14} ' + ' '.join(f'{c:>22}' for c in cells))


main()
