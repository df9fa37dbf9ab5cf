"""Wrong arguments of the functions that put a scheduler into other programs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import jobtui
import jobtui.fastapi
from jobtui import Scheduler

TEXT: Any = "127.0.0.1:9001"
PORT: Any = 9001


def serve(scheduler: Scheduler, address: str) -> None:
    """Serve a scheduler for a moment."""
    with jobtui.serve(scheduler, address):
        pass


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: serve(TEXT, "127.0.0.1:0"), r"serve\(\) takes a scheduler first, .+, not '127.0.0.1:9001'"),
        (lambda: jobtui.asgi(TEXT), r"asgi\(\) takes a scheduler first, a jobtui.Scheduler, not"),
        (lambda: jobtui.run(TEXT), r"run\(\) takes a scheduler first"),
        (lambda: jobtui.fastapi.lifespan(TEXT), r"lifespan\(\) takes a scheduler first"),
        (lambda: serve(Scheduler(), PORT), "the address must be a text such as '127.0.0.1:9001', not 9001"),
        (lambda: jobtui.run(Scheduler(), grace=TEXT), "grace must be a number, not '127"),
        (lambda: Scheduler().stop(TEXT), "grace must be a number, not '127"),
        (lambda: asyncio.run(Scheduler().stop_async(TEXT)), "grace must be a number, not '127"),
    ],
)
def test_an_argument_of_another_type_is_an_error_that_names_it(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("timeout", ["5s", object()])
def test_a_timeout_that_is_not_a_number_of_seconds_is_refused(timeout: Any) -> None:
    run = Scheduler().now(print)
    message = "timeout must be a number of seconds or None, not"
    with pytest.raises(TypeError, match=message):
        run.wait(timeout)
    with pytest.raises(TypeError, match=message):
        run.result(timeout)
    with pytest.raises(TypeError, match=message):
        asyncio.run(run.result_async(timeout))


def test_a_negative_grace_is_refused_and_stops_nothing() -> None:
    with Scheduler() as scheduler:
        with pytest.raises(ValueError, match="grace must be at least 0, not -1"):
            scheduler.stop(-1)
        assert scheduler.now(len, "").result(10) == 0
