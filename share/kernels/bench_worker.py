"""What runs in a worker of a benchmark: in a thread, in another interpreter or in a process.

A module of its own, because other interpreters and processes get functions by name.
"""

import sys
import threading
import time


def watched(work, *args):
    """Who did it, the state of the GIL before and after, the CPU time, the value."""
    before, cpu = sys._is_gil_enabled(), time.thread_time()
    value = work(*args)
    return (threading.get_native_id(), before, sys._is_gil_enabled(), time.thread_time() - cpu,
            value)


def cut(total, parts):
    """[0, total) in consecutive ranges of equal length."""
    edges = [total * i // parts for i in range(parts + 1)]
    return list(zip(edges, edges[1:]))


class Kernel:
    """One piece of work, in one form, at one scale.

    `tasks` are (function, arguments...), of which any worker takes the next one; together they are
    the same work whatever the number of workers. What costs time but is not the work is done in
    __init__, which runs before there are workers.
    """

    growth = 1  # of the time, when the scale doubles: 2 ** growth
    isolated = ()  # the forms that can do without shared memory: in other interpreters, processes

    def begin(self):
        """At the moment the clock starts."""

    def checksum(self, values):
        raise NotImplementedError
