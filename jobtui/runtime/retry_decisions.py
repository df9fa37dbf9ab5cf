"""Decisions whether a run that has failed is tried again, and after what delay."""

from __future__ import annotations

from collections.abc import Callable

from jobtui.engine.engine import Engine
from jobtui.engine.records import RunRecord
from jobtui.engine.retry import GiveUp, RetryIn
from jobtui.engine.tracebacks import log_exception


class RetryDecisions:
    """Decides by the retry policies of jobs. Call without the state lock: this calls code of the user.

    Args:
        engine: The state of the scheduler, of which only what needs no lock is read.
        now: The wall clock, in seconds since the epoch.
        random: Returns a number from 0 to 1, for the jitter.
    """

    def __init__(self, engine: Engine, now: Callable[[], float], random: Callable[[], float]) -> None:
        self._engine = engine
        self._now = now
        self._random = random

    def delay_after_failure(self, run: RunRecord, exception: BaseException) -> float | None:
        """Return after how many seconds a run is tried again that has raised an exception; None for never."""
        if run.extras.attempt >= run.extras.attempts or not self._engine.may_retry(run):
            return None
        try:
            delay = self._delay(run, exception)
            return None if delay is None or self._is_too_late(run, delay) else delay
        except Exception as error:  # noqa: BLE001 - a schedule, a zone or a metaclass may be the user's code
            log_exception(f"run {run.number} of {run.job.name} is not tried again", error)
            return None

    def _delay(self, run: RunRecord, exception: BaseException) -> float | None:
        policy, kind = run.job.policies.retry, type(exception)
        if issubclass(kind, GiveUp):
            return None
        if issubclass(kind, RetryIn):
            return float(getattr(exception, "seconds", 0.0))
        if not policy.applies_to(exception):
            return None
        return policy.delay_after(run.extras.attempt) * (1 + policy.jitter * self._random())

    def _is_too_late(self, run: RunRecord, delay: float) -> bool:
        """Return whether the next attempt would come at or after the next tick, and must not."""
        end = run.job.end_of_retries(run.created)
        return end is not None and self._now() + delay >= end


def never_retry(_run: RunRecord, _exception: BaseException) -> None:
    """Return None: without a scheduler, no run is tried again."""
