"""``jobtui demo``: it runs from any folder, shows every state within 30 seconds, and leaves no files."""

import importlib.util
import os
import signal
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, TracebackType

import pytest
from support.command_line import LIMIT, SetTerminal, WriteFile, run_jobtui
from support.headless_process import HeadlessProcess

import jobtui
from jobtui import RunState, Scheduler
from jobtui.cli.main import main
from jobtui.engine.enums import Phase
from jobtui.engine.events import Event, RunEvent
from jobtui.engine.tracebacks import is_installed
from jobtui.loading.user_errors import location_of, short_path, usage_error
from jobtui.runtime import default_scheduler as default_module
from jobtui.settings.settings import find_settings, read_settings

PACKAGE = Path(jobtui.__file__).parent
ROOT = PACKAGE.parent
DEMO = PACKAGE / "demo" / "demo_jobs.py"

LoadedDemo = tuple[ModuleType, Scheduler]


class TestCommand:
    """The command line finds the demo inside the package."""

    def test_demo_runs_from_an_empty_folder(self, tmp_path: Path) -> None:
        """With its own settings, except where an option overrides one."""
        folder = tmp_path / "empty"
        folder.mkdir()
        with HeadlessProcess(folder, "demo", "--pool", "3", TMPDIR=str(tmp_path)) as process:
            line = process.stderr.wait_for("STARTED")
            assert "demo_jobs.py: 13 jobs on a schedule, pool 3, zone " in line
            process.send_signal(signal.SIGTERM)
            assert process.wait_without_traceback() == 0
        assert list(tmp_path.iterdir()) == [folder]
        assert list(folder.iterdir()) == []

    def test_check_demo_reports_from_an_empty_folder(self, tmp_path: Path) -> None:
        """The settings are those inside the package."""
        done = run_jobtui("check", "demo", folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[:3] == [
            "target    demo_jobs.py: 13 jobs on a schedule",
            f"settings  {DEMO.parent / 'jobtui.toml'}",
            "pool      4",
        ]
        assert any(line.startswith("hash_pictures ") and f"{DEMO}:" in line for line in lines)

    def test_demo_without_a_terminal_suggests_demo_headless(
        self, write_file: WriteFile, set_terminal: SetTerminal, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The command is as short as the one that was typed."""
        set_terminal(stdin=True, stdout=False)
        assert main(["demo"]) == 2
        assert capsys.readouterr().err.endswith("to run without a screen:\n  jobtui demo --headless\n")

    def test_a_file_called_demo_is_run_by_its_file_name_or_with_a_scheduler(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """``demo`` alone is always jobtui's demo."""
        write_file("demo.py", "import jobtui\nshop = jobtui.Scheduler()\nshop.every(5, print)\n")
        for target in ("demo.py", "demo:shop"):
            assert main(["check", target]) == 0
            assert f"{target}: 1 job on a schedule" in capsys.readouterr().out
        assert main(["check", "demo"]) == 0
        assert "demo_jobs.py: 13 jobs on a schedule" in capsys.readouterr().out


class TestFiles:
    """The file and its settings are part of the package, and are user code."""

    def test_the_wheel_contains_the_demo_and_its_settings(self) -> None:
        """The patterns of the package data match both files."""
        patterns = project_tables()["setuptools"]["package-data"]["jobtui"]
        contents = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
        assert {DEMO, DEMO.parent / "jobtui.toml"} <= contents

    def test_the_demo_file_of_a_checkout_is_a_link_and_has_the_same_settings(self) -> None:
        """``jobtui demo_jobs.py`` reads them from pyproject.toml, ``jobtui demo`` from jobtui.toml."""
        assert (ROOT / "demo_jobs.py").readlink() == Path("jobtui/demo/demo_jobs.py")
        assert tomllib.loads((DEMO.parent / "jobtui.toml").read_text()) == project_tables()["jobtui"]

    def test_an_exception_of_the_demo_is_reported_like_one_of_a_users_file(self) -> None:
        """Although its file is below jobtui's folder."""
        code = compile("\n\nraise ValueError('from the demo')", str(DEMO), "exec")
        with pytest.raises(ValueError, match="from the demo") as caught:
            exec(code)
        assert not is_installed(str(DEMO))
        assert location_of(caught.value) == f"{short_path(DEMO)}:3"
        assert usage_error(caught.value) == ""


def project_tables() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Return the tables below ``tool`` in pyproject.toml."""
    tables: dict[str, dict[str, dict[str, list[str]]]] = tomllib.loads(
        (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )["tool"]
    return tables


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadedDemo]:
    """Load the demo with its settings and a scheduler; its temporary files are in ``tmp_path``."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings_file = find_settings(DEMO)
    assert settings_file is not None
    settings = read_settings(settings_file)
    scheduler = Scheduler(pool=settings.pool, schedules=settings.schedules)
    monkeypatch.setattr(default_module, "_default", scheduler)  # restored after the test
    spec = importlib.util.spec_from_file_location("demo_jobs", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module, scheduler
    if scheduler.snapshot().phase is Phase.RUNNING:
        scheduler.stop()


class EventWatcher:
    """Collects from a scheduler's events what a user of the dashboard sees.

    Attributes:
        seen: The states of all runs; SATURATED if the pool was full, and CALM if it was full and later
            nothing ran.
        failures: The job and the reason of each failed run.
        max_running: The highest number of runs that were RUNNING at once.
    """

    def __init__(self, scheduler: Scheduler, *, pool: int) -> None:
        self.seen: set[str] = set()
        self.failures: list[tuple[str, str]] = []
        self.max_running = 0
        self._pool = pool
        self._running: set[int] = set()
        self._new_events = threading.Event()
        self._subscription = scheduler.subscribe(self._new_events.set)

    def watch_until(self, condition: Callable[[], bool], *, timeout: float) -> None:
        """Read events until the condition is true or the timeout, in seconds, is over."""
        deadline = time.monotonic() + timeout
        while not condition() and self._new_events.wait(max(0.0, deadline - time.monotonic())):
            self._new_events.clear()
            for event in self._subscription.read():
                self._record(event)

    def _record(self, event: Event) -> None:
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
        self.max_running = max(self.max_running, len(self._running))
        if self.max_running >= self._pool:
            self.seen.add("SATURATED")
        if "SATURATED" in self.seen and not self._running:
            self.seen.add("CALM")


class BlockingLock:
    """Replaces the lock of the access log; blocks a run until the test lets it continue.

    Attributes:
        released: The test sets it to let the run continue.
        left: Set when the run leaves the lock.
        error: The exception that the run raised while it held the lock.
    """

    def __init__(self) -> None:
        self.released = threading.Event()
        self.left = threading.Event()
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        """Wait for the test."""
        assert self.released.wait(20)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep the exception."""
        self.error = error
        self.left.set()


class TestJobs:
    """The jobs of the demo."""

    def test_the_heavy_jobs_of_the_demo_have_the_amounts_of_work_that_were_chosen(
        self, demo: LoadedDemo
    ) -> None:
        """On any machine: 1.4 seconds of one core to 0.8 of four, by CPU time within one run."""
        module, _ = demo
        module.measure_machine()
        cores = min(os.cpu_count() or 1, 4)
        compressing = module.cpu_seconds(lambda: module.compressed_sizes(module.shop.sample))
        stretching = module.cpu_seconds(lambda: module.stretch("a password", module.shop.rounds))
        assert 0.25 < (compressing / 1.4) / (stretching * 4 / cores / 0.8) < 4

    def test_the_first_30_seconds_show_every_state_and_leave_no_files(
        self, demo: LoadedDemo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Runs are RUNNING, QUEUED, HELD and FAILED; the pool is full, and later nothing runs."""
        module, scheduler = demo
        idle = threading.Event()

        @scheduler.on_app_start
        def make_heavy_jobs_wait() -> None:
            monkeypatch.setattr(module, "compressed_sizes", lambda _text: {0: idle.wait(1.4)})
            monkeypatch.setattr(module, "stretch", lambda *_: idle.wait(1.0))

        expected = {"RUNNING", "QUEUED", "HELD", "OK", "FAILED", "SATURATED", "CALM"}
        watcher = EventWatcher(scheduler, pool=4)
        scheduler.start()
        assert list(tmp_path.iterdir())
        watcher.watch_until(lambda: expected <= watcher.seen, timeout=LIMIT)
        assert expected - watcher.seen == set()
        assert watcher.max_running == 4
        assert {job for job, _ in watcher.failures} == {"import_orders"}
        assert "an order cannot be read" in watcher.failures[0][1]
        assert scheduler.stop()
        assert list(tmp_path.iterdir()) == []

    def test_a_run_that_continues_after_the_stop_creates_no_files(
        self, demo: LoadedDemo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its folder no longer exists, so that writing to it fails."""
        module, scheduler = demo
        lock = BlockingLock()
        monkeypatch.setattr(module, "log_file", lock)
        watcher = EventWatcher(scheduler, pool=4)
        scheduler.start()
        run = scheduler.run("append_log")
        watcher.watch_until(lambda: run.state is RunState.RUNNING, timeout=LIMIT)
        assert not scheduler.stop(grace=0)
        assert run.state is RunState.CANCELLED
        assert list(tmp_path.iterdir()) == []
        lock.released.set()
        assert lock.left.wait(10)
        assert isinstance(lock.error, FileNotFoundError)
        assert list(tmp_path.iterdir()) == []

    def test_loading_the_demo_only_registers_jobs(self, demo: LoadedDemo, tmp_path: Path) -> None:
        """There is no file and no run, but ten to fourteen jobs with a summary each."""
        _, scheduler = demo
        snapshot = scheduler.snapshot()
        scheduled = [job for job in snapshot.jobs if job.schedule is not None]
        assert 10 <= len(scheduled) <= 14
        assert all(job.summary for job in scheduled)
        assert any(job.spec.startswith("cron.workhours_15m") for job in scheduled)
        assert snapshot.running == snapshot.waiting == ()
        assert list(tmp_path.iterdir()) == []
