"""Durable requests: runs that a store keeps until they have ended, so that they survive the process."""

from __future__ import annotations

from collections.abc import Callable, Container
from contextvars import Context, copy_context
from datetime import datetime
from typing import Protocol

from jobtui.engine.catch_up import CatchUpRules
from jobtui.engine.engine import Engine
from jobtui.engine.enums import Trigger
from jobtui.engine.records import RunRecord
from jobtui.engine.runnables import Runnable
from jobtui.runtime.durable_calls import DurableCall, load_call
from jobtui.runtime.handles import Run
from jobtui.runtime.kernel import REENTERED, Kernel
from jobtui.store.one_off_rows import StoredOneOff
from jobtui.store.store import Store

PER_HOLD = 100  # requests that are admitted in one hold of the lock


class _RunAcceptance(Protocol):
    """The method of the requests for runs that this uses."""

    def accept(self, submit: Callable[[Engine, float], RunRecord], context: Context | None) -> Run | None: ...


class DurableRequests:
    """Writes durable requests to the store, and runs those that the store has.

    Args:
        kernel: Makes the changes.
        requests: Makes the handles.
        rules: The rules for what passed while no scheduler ran.
    """

    def __init__(self, kernel: Kernel, requests: _RunAcceptance, rules: CatchUpRules) -> None:
        self._kernel = kernel
        self._engine = kernel.engine
        self._requests = requests
        self._window = rules.window
        self._store: Store | None = None  # the file, from `begin` to `end`

    def request(self, call: DurableCall, trigger: Trigger, due: Callable[[float], float] | None) -> Run:
        """Write a request to the disk, and admit its run. Block until that is done.

        Args:
            call: The call.
            trigger: The trigger.
            due: Returns when the run is due, from the time; None for at once.

        Raises:
            StoreError: The file cannot be written, and nothing was accepted.
            RuntimeError: The scheduler has not opened the file, or the caller has interrupted a change of it.
        """
        store = self._store
        if store is None:
            raise RuntimeError(
                "a durable run can be requested when the scheduler has started, or in an on_app_start "
                "function; another program passes its connection to the store's file: durable=connection"
            )
        if self._kernel.reentered:  # the writer would wait for this thread
            raise RuntimeError(REENTERED)
        now = self._kernel.clock.now()
        one_off = StoredOneOff(
            function=call.function,
            arguments=call.arguments,
            trigger=trigger.value,
            created=now,
            due=None if due is None else due(now),
            number=next(self._engine.run_numbers),
        )
        runnable = self._load(one_off)
        context = copy_context()
        accepted: list[Run] = []

        def accept() -> None:
            run = self._requests.accept(lambda engine, now: _admit(engine, one_off, runnable, now), context)
            assert run is not None  # it has a context
            accepted.append(run)

        store.insert(one_off, accept, self._kernel.drain_if_alone)
        return accepted[0]

    def begin(self, store: Store, given: Container[int]) -> None:
        """Run the requests that a file has, and from now on those that others write into it.

        Args:
            store: The file, which is open.
            given: The numbers that runs have got before the file was opened.
        """
        numbers = self._engine.run_numbers
        self._store = store
        store.take_one_offs(
            lambda number: number if number and number not in given else next(numbers), self._admit_taken
        )

    def end(self) -> None:
        """Accept no more requests until `begin` is called again, because the file is closed."""
        self._store = None

    def _admit_taken(self, one_offs: list[StoredOneOff]) -> None:
        """Admit runs. Called in the thread of the writer."""
        loaded = [(one_off, self._load(one_off)) for one_off in one_offs]
        for first in range(0, len(loaded), PER_HOLD):

            def admit(engine: Engine, now: float, part: int = first) -> None:
                for one_off, runnable in loaded[part : part + PER_HOLD]:
                    _admit(engine, one_off, runnable, now, self._missed_reason(one_off, now))

            self._kernel.apply(admit)

    def _load(self, one_off: StoredOneOff) -> Runnable:
        redact = self._kernel.runs.attachments.redaction.redact
        return load_call(DurableCall(one_off.function, one_off.arguments), redact)

    def _missed_reason(self, one_off: StoredOneOff, now: float) -> str:
        """Return why a run ends as MISSED; "" if it does not."""
        due = max(one_off.created, one_off.due or one_off.created)
        if not self._window or now - due <= self._window:
            return ""
        at = datetime.fromtimestamp(due, self._engine.tz).strftime("%Y-%m-%d %H:%M:%S")
        return (
            f"due at {at}, while no scheduler was running; those of the last {self._window:g} s are caught up"
        )


def _admit(
    engine: Engine, one_off: StoredOneOff, runnable: Runnable, now: float, missed: str = ""
) -> RunRecord:
    return engine.admit_durable(
        runnable,
        Trigger(one_off.trigger),
        number=one_off.number,
        attempt=one_off.attempt,
        created=one_off.created,
        due=one_off.due,
        now=now,
        missed=missed,
    )
