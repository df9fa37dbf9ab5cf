"""Eight shapes of call, each requested 10,000 times by one thread on a pool of 10, until the last has ended.

    python tests/benchmarks/call_shapes.py [--quick]

The peer is `ThreadPoolExecutor.submit`, for the coroutine `asyncio.run_coroutine_threadsafe`. Jobtui and the
peer are measured in turns, each started for its turn. The best round of each counts, because another process
can only make a round slower. Runs that fail are logged as they are by default, to a handler that writes
nothing. Jobtui captures the printed line; the peer writes it to a `StringIO`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import StringIO
from typing import Any, NoReturn, Protocol

from peers import EXECUTOR, TIMEOUT, executor, jobtui_scheduler, noop
from rows import Row, best_ratio, compare_best, main

from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog

RUNS, QUICK_RUNS = 10_000, 3_000
ROUNDS, QUICK_ROUNDS = 9, 3
EVENT_LOOP = "run_coroutine_threadsafe"
EACH_AT_LEAST, MEAN_AT_LEAST = 1.2, 2.0  # times as fast as the peer


class Handle(Protocol):
    """A run of jobtui, or a future."""

    def result(self, timeout: float | None = None) -> Any:
        """Block until it has ended; return or raise what the function did."""


Submit = Callable[[Callable[[], Any]], Handle]


class Counter:
    """An object with a method to call."""

    def count(self) -> None:
        """Do nothing."""


def return_seven() -> int:
    """Return a value."""
    return 7


def take_arguments(first: int, *, second: str) -> None:
    """Do nothing with some arguments."""


def fail() -> NoReturn:
    """Raise an exception."""
    raise ValueError("no")


async def suspend_never() -> None:
    """Do nothing, as a coroutine."""


def print_line() -> None:
    """Print a line to `sys.stdout`, which jobtui captures."""
    print("a line of output")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One shape of call.

    Attributes:
        name: The name in the table.
        make: Makes the function of a run. It is called for each run, because each binds the method again.
        peer_make: The same for the peer.
    """

    name: str
    make: Callable[[], Callable[[], Any]]
    peer_make: Callable[[], Callable[[], Any]]
    is_coroutine: bool = False


def make_shapes() -> list[Shape]:
    """Return the eight shapes."""
    counter, stream, unnamed = Counter(), StringIO(), lambda: None
    print_to_stream = partial(print, "a line of output", file=stream)

    def same(function: Callable[[], Any]) -> Callable[[], Callable[[], Any]]:
        return lambda: function

    def shape(name: str, make: Callable[[], Callable[[], Any]]) -> Shape:
        return Shape(name=name, make=make, peer_make=make)

    return [
        shape("named function that returns None", same(noop)),
        shape("function that returns a value", same(return_seven)),
        shape("lambda", same(unnamed)),
        shape("partial with arguments", lambda: partial(take_arguments, 1, second="two")),
        shape("bound method", lambda: counter.count),
        shape("function that raises", same(fail)),
        Shape(name="function that prints a line", make=same(print_line), peer_make=same(print_to_stream)),
        Shape(name="coroutine", make=same(suspend_never), peer_make=same(suspend_never), is_coroutine=True),
    ]


@contextmanager
def event_loop() -> Iterator[Submit]:
    """Yield the submit function of an asyncio event loop in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def submit(function: Callable[[], Coroutine[Any, Any, Any]]) -> Handle:
        return asyncio.run_coroutine_threadsafe(function(), loop)

    submit(suspend_never).result(TIMEOUT)
    try:
        yield submit
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def time_runs(submit: Submit, make: Callable[[], Callable[[], Any]], runs: int) -> float:
    """Return the microseconds per run."""
    began = time.perf_counter()
    for _ in range(runs - 1):
        submit(make())
    last = submit(make())
    with suppress(ValueError):
        last.result(TIMEOUT)
    return (time.perf_counter() - began) / runs * 1e6


def measure(quick: bool) -> Iterator[Row]:
    """Measure jobtui and the peers in turns."""
    runs, rounds = (QUICK_RUNS, QUICK_ROUNDS) if quick else (RUNS, ROUNDS)
    logging.getLogger("jobtui").addHandler(logging.NullHandler())
    logging.getLogger("jobtui").propagate = False
    shapes = make_shapes()
    times: dict[str, list[float]] = {shape.name: [] for shape in shapes}
    peer_times: dict[str, list[float]] = {shape.name: [] for shape in shapes}
    for _ in range(rounds):
        for shape in shapes:
            with capture_streams(OutputLog()), jobtui_scheduler() as scheduler:
                times[shape.name].append(time_runs(scheduler.now, shape.make, runs))
            if shape.is_coroutine:
                with event_loop() as submit:
                    peer_times[shape.name].append(time_runs(submit, shape.peer_make, runs))
            else:
                with executor() as pool:
                    peer_times[shape.name].append(time_runs(pool.submit, shape.peer_make, runs))
    for shape in shapes:
        yield compare_best(
            f"`now`, {runs:,} calls of a {shape.name}: each",
            "us",
            times[shape.name],
            EVENT_LOOP if shape.is_coroutine else EXECUTOR,
            peer_times[shape.name],
            at_least=EACH_AT_LEAST,
        )
    ratios = [best_ratio(times[shape.name], peer_times[shape.name]) for shape in shapes]
    mean = math.prod(ratios) ** (1 / len(ratios))
    yield Row(
        measured=f"`now`, {runs:,} calls of each of the {len(shapes)} shapes: geometric mean of the ratios",
        jobtui="",
        ratio=f"{mean:.3g}x",
        target=f">= {MEAN_AT_LEAST:g}x as fast",
        met=mean >= MEAN_AT_LEAST,
    )


if __name__ == "__main__":
    main(__doc__, measure)
