"""Read the progress of a run from the bars of rich that its code has, whether they are drawn or not.

On captured output, rich draws nothing before the end, and the columns of a bar are the user's choice: its
text need not have numbers. So the objects tell the progress. The methods of their class that change a bar are
replaced while output is captured, if the user's code imports `rich.progress`; jobtui does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, NamedTuple
from weakref import ref

from jobtui.engine.records import RunRecord
from jobtui.process.import_watch import when_imported
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.stream_guard import guard
from jobtui.runtime.writing_run import replaced, writing_run

_MODULE = "rich.progress"


class _Display(NamedTuple):
    """An object that draws bars (rich: `Progress`), with the bars (`Task`) that one run has changed."""

    drawer: ref[Any]
    bars: dict[int, Any]


class _RunBars:
    """The bars that one run has changed."""

    def __init__(self, run: RunRecord, attachments: RunAttachments) -> None:
        self._run = run
        self._attachments = attachments
        self._displays: dict[int, _Display] = {}  # by `id`: a class of the user may have no hash
        self._shown: Any = None  # the bar that is the progress, while it has a total and is not full

    def note(self, drawer: Any, number: int) -> None:
        """Note that a bar was added or changed, and report the progress."""
        display = self._displays.get(id(drawer))
        if display is None or display.drawer() is not drawer:
            display = self._add(drawer)
        bar = display.bars.get(number)
        if bar is None:
            bar = next((task for task in drawer.tasks if task.id == number), None)
            if bar is None:
                return
            display.bars[number] = bar
        shown = self._shown
        if shown is None or not _is_open(shown):
            self._report(self._choose() or bar)
        elif shown is bar:
            self._report(bar)

    def remove(self, drawer: Any, number: int) -> None:
        """Note that a bar was removed."""
        if display := self._displays.get(id(drawer)):
            display.bars.pop(number, None)
            self._shown = None

    def stop(self, drawer: Any) -> None:
        """Note that nothing draws the bars any more: those that are not full will not be."""
        if self._displays.pop(id(drawer), None):
            self._shown = None
            if meter := self._attachments.meters.get(self._run.number):
                meter.has_open_bar = False

    def _add(self, drawer: Any) -> _Display:
        for key in [key for key, display in self._displays.items() if display.drawer() is None]:
            self._displays.pop(key, None)
            self._shown = None
        display = self._displays[id(drawer)] = _Display(ref(drawer), {})
        return display

    def _choose(self) -> Any:
        """Return the first bar that is not full, and rather one with a total; None if all are full."""
        without_total = None
        for display in tuple(self._displays.values()):
            for bar in tuple(display.bars.values()):
                if _is_open(bar):
                    return bar
                if without_total is None and bar.total is None and bar.visible:
                    without_total = bar
        return without_total

    def _report(self, bar: Any) -> None:
        is_open = _is_open(bar)
        self._shown = bar if is_open else None
        if bar.visible:
            meter = self._attachments.meter(self._run)
            try:
                meter.report_object(bar.completed, bar.total, _plain(bar.description), is_open=is_open)
            except (TypeError, ValueError):  # numbers of the user's own type
                self._shown = None


def _is_open(bar: Any) -> bool:
    return bar.total is not None and bar.visible and not bar.finished


def _plain(description: object) -> str:
    """Return a description without rich's markup."""
    text = str(description)
    if "[" not in text and ":" not in text:
        return text
    try:
        return str(sys.modules["rich.text"].Text.from_markup(text).plain)
    except Exception:  # noqa: BLE001 - rich raises it where it draws
        return text


class _RichBars:
    """The bars of all runs.

    Attributes:
        of_runs: Those of each run that lives.
    """

    def __init__(self) -> None:
        self.of_runs: dict[RunRecord, _RunBars] = {}

    def adding(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that adds a bar."""

        def add_task(drawer: Any, *args: Any, **kwargs: Any) -> Any:
            number = method(drawer, *args, **kwargs)
            self._note(drawer, number)
            return number

        return add_task

    def changing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that changes a bar."""

        def change(drawer: Any, task_id: int, *args: Any, **kwargs: Any) -> None:
            method(drawer, task_id, *args, **kwargs)
            self._note(drawer, task_id)

        return change

    def removing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that removes a bar."""

        def remove_task(drawer: Any, task_id: int) -> None:
            method(drawer, task_id)
            for bars in tuple(self.of_runs.values()):
                bars.remove(drawer, task_id)

        return remove_task

    def stopping(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that ends the drawing of bars."""

        def stop(drawer: Any) -> None:
            for bars in tuple(self.of_runs.values()):
                bars.stop(drawer)
            method(drawer)

        return stop

    def forget(self, run: RunRecord) -> None:
        """Forget the bars of a run that ends."""
        self.of_runs.pop(run, None)

    def _note(self, drawer: Any, number: int) -> None:
        current = writing_run()
        if current is None or drawer.disable or current[0].state.ended:
            return
        bars = self.of_runs.get(current[0])
        if bars is None:
            bars = self.of_runs.setdefault(current[0], _RunBars(*current))
        bars.note(drawer, number)


@contextmanager
def follow_rich() -> Iterator[None]:
    """Report the progress that bars of rich show, for the runs that change them."""
    bars = _RichBars()
    with ExitStack() as patches:

        def follow(module: ModuleType) -> None:
            owner = module.Progress
            replacements = {
                "add_task": bars.adding,
                "update": bars.changing,
                "advance": bars.changing,
                "reset": bars.changing,
                "remove_task": bars.removing,
                "stop": bars.stopping,
            }
            for name, replacement in replacements.items():
                patches.enter_context(replaced(owner, name, replacement(getattr(owner, name))))

        with when_imported(_MODULE, follow), guard.finishing(bars.of_runs, bars.forget):
            yield
