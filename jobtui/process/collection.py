"""Full garbage collections, which stop every thread of the process."""

from __future__ import annotations

import gc


def exclude_from_collection() -> None:
    """Exclude every object that exists by now from later garbage collections.

    A full collection looks at each object, and in the meantime no thread runs: neither a job, nor the timer,
    nor the dashboard. The modules alone cost about 25 ms, and 10,000 jobs another 50 ms. They live as long as
    the process, so a collection finds nothing among them. An excluded object is still freed as soon as no
    reference to it is left; only what is part of a cycle stays.

    Call this only in a process that jobtui itself has begun, after the jobs have been loaded, and again when
    the dashboard has been painted. In the program of a user, objects that become garbage later would stay.
    """
    gc.collect()
    gc.freeze()
