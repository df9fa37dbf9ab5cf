"""The demo: what a viewer sees in its first 30 seconds, and what is left of it afterwards."""

import importlib.util
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, TracebackType

import pytest

from jobtui import RunState, Scheduler
from jobtui.engine.enums import Phase
from jobtui.engine.events import Event, RunEvent
from jobtui.runtime import default as default_module
from jobtui.settings.settings import find_settings, read_settings

DEMO = Path(__file__).parents[2] / "demo_jobs.py"

Demo = tuple[ModuleType, Scheduler]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    """Load the demo with its settings, on a scheduler of its own that makes its files in ``tmp_path``."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = find_settings(DEMO)
    assert found is not None
    settings = read_settings(found)
    scheduler = Scheduler(pool=settings.pool, schedules=settings.schedules)
    monkeypatch.setattr(default_module, "_default", scheduler)
    spec = importlib.util.spec_from_file_location("demo_jobs", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module, scheduler
    if scheduler.snapshot().phase is Phase.RUNNING:
        scheduler.stop()


class Viewer:
    """Follows a scheduler by its events alone, as the dashboard does.

    Attributes:
        seen: The states that runs were in, SATURATED when the pool was full, and CALM once it had
            been full and then nothing ran.
        failures: The runs that failed: their job and the reason.
        most: How many runs were RUNNING at once.
    """

    def __init__(self, scheduler: Scheduler, *, pool: int) -> None:
        self.seen: set[str] = set()
        self.failures: list[tuple[str, str]] = []
        self.most = 0
        self._pool = pool
        self._running: set[int] = set()
        self._news = threading.Event()
        self._subscription = scheduler.subscribe(self._news.set)

    def watch(self, enough: Callable[[], bool], *, seconds: float) -> None:
        """Look until it is enough, or the time is over."""
        deadline = time.monotonic() + seconds
        while not enough() and self._news.wait(max(0.0, deadline - time.monotonic())):
            self._news.clear()
            for event in self._subscription.read():
                self._see(event)

    def _see(self, event: Event) -> None:
        if not isinstance(event, RunEvent):
            return
        run = event.run
        self.seen.add(run.state.value)
        if run.state is RunState.RUNNING:
            self._running.add(run.number)
        else:
            self._running.discard(run.number)
        if run.state is RunState.FAILED:
            self.failures.append((run.job, run.reason))
        self.most = max(self.most, len(self._running))
        if self.most >= self._pool:
            self.seen.add("SATURATED")
        if "SATURATED" in self.seen and not self._running:
            self.seen.add("CALM")


def test_the_first_30_seconds_show_every_state_and_leave_nothing_behind(demo: Demo, tmp_path: Path) -> None:
    """A viewer sees runs RUNNING, QUEUED, HELD and FAILED, a full pool and then calm; no file is left."""
    _, scheduler = demo
    wanted = {"RUNNING", "QUEUED", "HELD", "OK", "FAILED", "SATURATED", "CALM"}
    viewer = Viewer(scheduler, pool=4)
    scheduler.start()
    assert list(tmp_path.iterdir())
    viewer.watch(lambda: wanted <= viewer.seen, seconds=30)
    assert wanted - viewer.seen == set()
    assert viewer.most == 4
    assert {job for job, _ in viewer.failures} == {"import_orders"}
    assert "an order cannot be read" in viewer.failures[0][1]
    assert scheduler.stop()
    assert list(tmp_path.iterdir()) == []


class Gate:
    """Stands in for the lock of the access log: lets a run in only when the test says so.

    Attributes:
        opened: The test sets it to let the run in.
        left: Set when the run is out again.
        error: What the run raised inside, if anything.
    """

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.left = threading.Event()
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        """Wait until the gate is open."""
        assert self.opened.wait(20)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep what was raised."""
        self.error = error
        self.left.set()


def test_a_run_that_goes_on_after_the_end_brings_no_file_back(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quitting does not wait for a run for ever, and what that run does later finds no folder to write to."""
    module, scheduler = demo
    gate = Gate()
    monkeypatch.setattr(module, "log_file", gate)
    viewer = Viewer(scheduler, pool=4)
    scheduler.start()
    run = scheduler.run("append_log")
    viewer.watch(lambda: run.state is RunState.RUNNING, seconds=10)
    assert not scheduler.stop(grace=0)
    assert run.state is RunState.CANCELLED
    assert list(tmp_path.iterdir()) == []
    gate.opened.set()
    assert gate.left.wait(10)
    assert isinstance(gate.error, FileNotFoundError)
    assert list(tmp_path.iterdir()) == []


def test_loading_the_demo_only_registers_jobs(demo: Demo, tmp_path: Path) -> None:
    """Before it starts there is no file and no run, but ten to fourteen jobs, each with a summary."""
    _, scheduler = demo
    picture = scheduler.snapshot()
    scheduled = [job for job in picture.jobs if job.schedule is not None]
    assert 10 <= len(scheduled) <= 14
    assert all(job.summary for job in scheduled)
    assert any(job.spec.startswith("cron.workhours_15m") for job in scheduled)
    assert picture.running == picture.waiting == ()
    assert list(tmp_path.iterdir()) == []
