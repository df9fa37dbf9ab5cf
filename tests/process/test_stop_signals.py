"""Signals that arrive together are one request to stop. The signals are real, the times are not."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Iterator

import pytest

from jobtui.process.stop_signals import STOP_SIGNALS, StopSignals

LIMIT = 60.0  # seconds


class TimedSignals:
    """Raises signals in this process, and tells `StopSignals` when they arrive."""

    def __init__(self) -> None:
        self.requests: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._times: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._read = threading.Semaphore(0)
        self.stop_signals = StopSignals(self._monotonic)
        self.stop_signals.on_request(self.requests.put)

    def _monotonic(self) -> float:
        if (
            threading.current_thread() is threading.main_thread()
        ):  # the handler, which only interrupts a start
            return 0.0
        self._read.release()
        return self._times.get(timeout=LIMIT)

    def raise_at(self, seconds: float, number: signal.Signals) -> None:
        """Raise a signal, and wait until it is read."""
        self._times.put(seconds)
        signal.raise_signal(number)
        assert self._read.acquire(timeout=LIMIT)

    def request(self) -> int:
        """Return the signal of the next request."""
        return self.requests.get(timeout=LIMIT)


@pytest.fixture
def signals() -> Iterator[TimedSignals]:
    """Handle the signals of this process, as if the start were over."""
    timed = TimedSignals()
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # pytest may run under nohup, which ignores it
    timed.stop_signals.install()
    timed.stop_signals.stop_interrupting()
    yield timed
    timed.stop_signals.uninstall()
    for number, handler in zip(STOP_SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("repeat", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_within_half_a_second_are_one_request(signals: TimedSignals, repeat: signal.Signals) -> None:
    """`timeout` signals a process and then its group, and impatient people press Ctrl+C twice."""
    signals.raise_at(100.0, signal.SIGTERM)
    for seconds in (100.001, 100.2, 100.49):
        signals.raise_at(seconds, repeat)
    signals.raise_at(100.5, signal.SIGINT)
    assert [signals.request(), signals.request()] == [signal.SIGTERM, signal.SIGINT]
    assert signals.requests.empty()


def test_each_later_signal_is_a_request(signals: TimedSignals) -> None:
    """A user who waits for half a second means it."""
    for seconds, number in [(100.0, signal.SIGINT), (100.6, signal.SIGINT), (101.2, signal.SIGTERM)]:
        signals.raise_at(seconds, number)
        assert signals.request() == number


def test_sighup_is_a_request_only_if_it_comes_first(signals: TimedSignals) -> None:
    """The terminal and the shell both send it, and systemd sends it after SIGTERM, at any later time."""
    signals.raise_at(100.0, signal.SIGHUP)
    signals.raise_at(200.0, signal.SIGHUP)
    signals.raise_at(300.0, signal.SIGTERM)
    signals.raise_at(400.0, signal.SIGHUP)
    signals.raise_at(500.0, signal.SIGTERM)
    assert [signals.request() for _ in range(3)] == [signal.SIGHUP, signal.SIGTERM, signal.SIGTERM]


def test_a_request_before_there_is_a_function_for_it_is_reported_later() -> None:
    """A signal may come before the process is ready to stop."""
    reported: list[int] = []
    timed = StopSignals(lambda: 0.0)
    earlier = set(threading.enumerate())
    timed.install()
    timed.stop_interrupting()
    try:
        signal.raise_signal(signal.SIGTERM)
        [reader] = [thread for thread in threading.enumerate() if thread not in earlier]
    finally:
        timed.uninstall()
    reader.join(LIMIT)  # it has read the signal
    timed.on_request(reported.append)
    assert reported == [signal.SIGTERM]
