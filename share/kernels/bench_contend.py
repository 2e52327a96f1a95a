"""The kernels that show where free-threading hurts, and what is harmless.

  dict      shared   all workers write to one dict, each to keys of its own: its lock and its table
                     travel from CPU to CPU.
            private  each worker has a dict of its own.
  local     reads    an attribute of a threading.local is read again and again; nothing is shared.
  refcount  shared   all workers take and drop references to one object: its count travels.
            private  each worker has an object of its own.
"""

import threading

from bench_worker import Kernel, cut

DICT_WRITES, READS, REFERENCES = 20_000_000, 60_000_000, 60_000_000
KEYS = 256  # of each worker


def write_dict(table, base, start, stop):
    if table is None:
        table = {}
    total = 0
    for i in range(start, stop):
        key = base + (i & (KEYS - 1))
        table[key] = i
        total += table[key]
    return total


class Dict(Kernel):
    def __init__(self, form, workers, scale):
        total = max(1000, int(DICT_WRITES * scale))
        table = dict.fromkeys(range(KEYS * workers), 0) if form == "shared" else None
        self.tasks = [(write_dict, table, w * KEYS, *r) for w, r in enumerate(cut(total, workers))]

    def checksum(self, values):
        return str(sum(values))


def read_local(place, start, stop):
    place.step = 1
    total = 0
    for _ in range(start, stop):
        total += place.step
    return total


class Local(Kernel):
    def __init__(self, form, workers, scale):
        place = threading.local()
        self.tasks = [(read_local, place, *r) for r in cut(max(1000, int(READS * scale)), workers)]

    def checksum(self, values):
        return str(sum(values))


class Thing:
    """No number, no name: those may be immortal, and then nobody counts references to them."""


def take_references(thing, start, stop):
    if thing is None:
        thing = Thing()
    hold = [None]
    taken = 0
    for _ in range(start, stop):
        hold[0] = thing
        hold[0] = None
        taken += 1
    return taken


class Refcount(Kernel):
    def __init__(self, form, workers, scale):
        thing = Thing() if form == "shared" else None
        ranges = cut(max(1000, int(REFERENCES * scale)), workers)
        self.tasks = [(take_references, thing, *r) for r in ranges]

    def checksum(self, values):
        return str(sum(values))


KERNELS = {"dict": (Dict, ("shared", "private")), "local": (Local, ("reads",)),
           "refcount": (Refcount, ("shared", "private"))}
