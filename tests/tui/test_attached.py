"""The dashboard on a scheduler that is elsewhere: answers that take their time, connections that are lost."""

from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext

import pytest
from support import snapshots
from support.app_driver import NARROW, WIDE, driven, on_stage
from support.fake_listener import FakeListener
from support.scripted_backend import ScriptedBackend
from textual.screen import Screen

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import connect
from jobtui.engine.enums import Phase
from jobtui.frontend.backend import JobDetails, LocalBackend
from jobtui.remote import remote_backend
from jobtui.runtime.hooks import StartError
from jobtui.runtime.output_capture import OutputChunk
from jobtui.tui import app as tui
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.screens.job import JobScreen
from jobtui.tui.screens.output import OutputScreen
from jobtui.tui.screens.run import RunScreen
from jobtui.web.server import Server

LIMIT = 20.0  # seconds; only a hang takes so long
TROUBLE = "connection lost at 10:24:07 (connection refused); trying again"


class SlowSource(ScriptedBackend):
    """A source whose answers wait until the test lets them go.

    Attributes:
        questions: What was asked, oldest first.
        askers: The threads that have asked.
        error: What is answered instead.
        answering: Set while answers are let go.
    """

    def __init__(self) -> None:
        super().__init__(snapshots.idle())
        self.questions: list[str] = []
        self.askers: set[threading.Thread] = set()
        self.error: Exception | None = None
        self.answering = threading.Event()
        self.output_since = self._slow_printed
        self._at_once = threading.Semaphore(1)

    def job_details(self, job: str) -> JobDetails:
        """Takes its time."""
        self._wait("details")
        return super().job_details(job)

    def output_of(self, number: int) -> str:
        """Takes its time."""
        self._wait("output")
        return super().output_of(number)

    def _slow_printed(self, after: int) -> OutputChunk:
        self._wait("printed")
        return self.console.output_since(after)

    def _wait(self, question: str) -> None:
        self.questions.append(question)
        self.askers.add(threading.current_thread())
        assert self._at_once.acquire(blocking=False), "two questions at once"
        try:
            assert self.answering.wait(LIMIT)
            if self.error is not None:
                raise self.error
        finally:
            self._at_once.release()


# --- answers that take their time -----------------------------------------------------------------


@driven
async def test_the_screen_goes_on_while_a_job_is_asked_about() -> None:
    """The question is asked in another thread, once; keys work meanwhile, and then the answer is there."""
    source = SlowSource()
    async with on_stage(source) as stage:
        await stage.pilot.press(*"jjjj", "enter")
        await stage.until(lambda: len(source.questions) == 1)
        assert isinstance(stage.screen, JobScreen)
        assert "import_orders" in stage.text
        assert "every 20 seconds" not in stage.text
        for _ in range(5):
            stage.app._show_picture()
            await stage.pilot.pause()
        assert source.questions == ["details"]
        assert threading.main_thread() not in source.askers
        await stage.pilot.press("r")
        await stage.until(lambda: source.commands == [("run", "import_orders")])
        source.answering.set()
        await stage.settle()
        assert "every 20 seconds" in stage.text
        assert len(source.questions) >= 2  # what has changed meanwhile was not forgotten


@driven
async def test_what_is_known_stays_until_there_is_another_answer() -> None:
    """Nothing flickers, and an answer that fails takes nothing away; a job that is gone says so."""
    source = SlowSource()
    source.answering.set()
    async with on_stage(source) as stage:
        await stage.press("enter")
        known = stage.text
        assert "every 15 seconds" in known
        source.answering.clear()
        asked = len(source.questions)
        stage.app._show_picture()
        await stage.until(lambda: len(source.questions) > asked)
        assert stage.text == known
        source.error = ConnectionError("no response within 5 s")
        source.answering.set()
        await stage.settle()
        assert stage.text == known
        source.error = LookupError("there is no job 'refresh_cache'")
        stage.app._show_picture()
        await stage.settle()
        assert "there is no job 'refresh_cache'" in stage.text


@driven
@pytest.mark.parametrize(
    ("keys", "kind"), [(["enter"], JobScreen), (["4", "enter"], RunScreen), (["o"], OutputScreen)]
)
async def test_an_answer_that_comes_too_late(keys: list[str], kind: type[Screen[None]]) -> None:
    """Once the screen is closed, nobody looks at it, and nothing happens."""
    source = SlowSource()
    async with on_stage(source) as stage:
        await stage.pilot.press(*keys)
        await stage.until(lambda: len(source.questions) == 1)
        assert isinstance(stage.screen, kind)
        stage.app._show_picture()  # something has changed: the screen would ask again
        await stage.pilot.press("escape")
        await stage.until(lambda: isinstance(stage.screen, Dashboard))
        source.answering.set()
        await stage.settle()
        assert isinstance(stage.screen, Dashboard)
        assert len(source.questions) == 1
        assert stage.toasts == []


@driven
@pytest.mark.parametrize("keys", [["enter"], ["4", "enter"], ["o"]])
async def test_a_question_that_is_refused(keys: list[str]) -> None:
    """The screen says why it has nothing to show."""
    source = SlowSource()
    source.error = ConnectionError("no response from [/b]there\x1b[31m (connection refused)")
    source.answering.set()
    async with on_stage(source) as stage:
        await stage.press(*keys)
        assert "no response from [/b]there" in stage.text
        assert "\x1b" not in stage.text


@driven
async def test_the_source_is_closed_when_the_app_ends() -> None:
    """Whoever waits for an answer waits no longer then."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source):
        assert not source.closed
    assert source.closed


@driven
async def test_lines_of_another_life_take_the_place_of_the_old_ones() -> None:
    """After a restart the numbers begin again, and old lines do not stand among new ones."""
    source = ScriptedBackend(snapshots.idle())
    async with on_stage(source) as stage:
        source.console.write("a", "old 1\nold 2\n")
        await stage.press("o")
        assert "old 2" in stage.text
        source.output_since = lambda _after: OutputChunk(
            first=1, lines=(("a", "new 1"),), unfinished=(("b", "begun"),)
        )
        stage.app._show_picture()
        await stage.settle()
        assert "old" not in stage.text
        assert [row.text for row in stage.screen.query_one("#output").rows] == ["new 1", "begun"]  # type: ignore[attr-defined]


# --- lost and found -------------------------------------------------------------------------------


@driven
@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_lost_connection_is_said(size: tuple[int, int]) -> None:
    """In words, on the line on top and on whatever covers it; the tables are greyed out until all is well."""
    source = ScriptedBackend(snapshots.saturated())
    async with on_stage(source, size) as stage:
        source.connection_error = TROUBLE
        await stage.show(snapshots.saturated(), source)
        assert f"! {TROUBLE}" in stage.text.splitlines()[0]
        assert "♥ —" in stage.text or size == NARROW
        assert stage.table().styles.opacity < 1
        assert "hash_folder" in stage.text
        for keys in (["enter"], ["escape", "4", "enter"], ["escape", "o"], ["escape", "question_mark"]):
            await stage.press(*keys)
            stage.app._show_picture()
            await stage.settle()
            assert "connection lost at 10:24:07" in stage.text
        await stage.press("escape")
        source.connection_error = ""
        await stage.show(snapshots.saturated(), source)
        assert "connection lost" not in stage.text
        assert stage.table().styles.opacity == 1


@driven
async def test_commands_meanwhile_say_that_nothing_was_done() -> None:
    """A toast has the reason; the dashboard goes on."""
    source = ScriptedBackend(snapshots.idle())
    source.connection_error = TROUBLE
    source.refusal = ConnectionError("no response from http://127.0.0.1:9001/@jobs (connection refused)")
    async with on_stage(source) as stage:
        await stage.press("r")
        assert stage.toasts == [
            ("error", "no response from http://127.0.0.1:9001/@jobs (connection refused)")
        ]


@driven
async def test_trouble_is_no_markup() -> None:
    """A server's words are shown as they are."""
    source = ScriptedBackend(snapshots.idle())
    source.connection_error = "[/b]lost\x1b[31m"
    async with on_stage(source) as stage:
        assert "[/b]lost" in stage.text
        await stage.press("enter")
        stage.app._show_picture()
        await stage.settle()
        assert "[/b]lost" in stage.text
        assert "\x1b" not in stage.text


@driven
async def test_where_it_listens_is_on_the_top_line() -> None:
    """Where there is room for it."""
    source = ScriptedBackend(snapshots.idle())
    source.address = "http://127.0.0.1:9001/@jobs"
    async with on_stage(source, WIDE) as stage:
        assert stage.text.splitlines()[0].rstrip().endswith(source.address)
        await stage.resize(60, 24)
        await stage.until(lambda: source.address not in stage.text)
        assert "10:24:07" in stage.text.splitlines()[0]


@driven
async def test_a_real_server_is_lost_and_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done there is seen here, the end of the process too, and what takes its place."""
    monkeypatch.setattr(remote_backend, "MIN_RECONNECT_DELAY", 0.01)
    monkeypatch.setattr(remote_backend, "MAX_RECONNECT_DELAY", 0.02)

    def serve(name: str, address: str) -> tuple[Scheduler, Server]:
        scheduler = Scheduler(tz="UTC")
        scheduler.schedule("@yearly", print, name=name)
        scheduler.start()
        server = Server(LocalBackend(scheduler, f"{name}.py"), parse_address(address))
        server.start()
        return scheduler, server

    def end(scheduler: Scheduler, server: Server) -> None:
        server.close()
        scheduler.stop(0)

    first = await asyncio.to_thread(serve, "first", "127.0.0.1:0")
    second: tuple[Scheduler, Server] | None = None
    try:
        address = str(first[1].address)
        source = await asyncio.to_thread(connect, address)
        async with on_stage(source) as stage:
            assert "first.py" in stage.text
            await stage.press("r")
            await stage.until(lambda: "✓ OK" in stage.text)
            await asyncio.to_thread(end, *first)
            await stage.until(lambda: "(connection refused); trying again" in stage.text)
            assert "first" in stage.text
            await stage.press("p")
            assert stage.toasts[-1][0] == "error"
            second = await asyncio.to_thread(
                serve, "second", address.removeprefix("http://").removesuffix("/@jobs")
            )
            await stage.until(lambda: "second.py" in stage.text)
            assert "connection lost" not in stage.text.splitlines()[0]
            assert [job.name for job in stage.table().rows] == ["second"]
            await stage.press("r")
            await stage.until(lambda: second is not None and bool(second[0].snapshot().recent))
    finally:
        await asyncio.to_thread(end, *first)
        if second is not None:
            await asyncio.to_thread(end, *second)
    assert not [thread for thread in threading.enumerate() if thread.name == "jobtui-remote"]


# --- a server beside the dashboard ----------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The dashboard is left at once; the addresses of the sources that were shown."""
    addresses: list[str] = []

    class App:
        return_code = 0

        def __init__(self, source: LocalBackend, **_options: object) -> None:
            addresses.append(source.address)

        def run(self) -> None:
            """Be left at once."""

    monkeypatch.setattr(tui, "JobtuiApp", App)
    monkeypatch.setattr(tui, "_whole_screen", lambda _console: nullcontext((None, None)))
    return addresses


def test_it_listens_from_before_the_start_until_after_the_stop(shown: list[str]) -> None:
    """And the dashboard knows where."""
    servers: list[FakeListener] = []

    def serve(source: LocalBackend) -> FakeListener:
        servers.append(FakeListener(source))
        return servers[0]

    assert tui.run_dashboard(Scheduler(), title="a program", grace=0, serve=serve) == 0
    assert servers[0].phases == [Phase.NEW, Phase.STOPPED]
    assert shown == ["unix:/run/x"]


def test_what_cannot_listen_starts_nothing(shown: list[str]) -> None:
    """The error reaches the caller before the screen is taken."""
    scheduler = Scheduler()

    def serve(_source: LocalBackend) -> FakeListener:
        raise OSError("address in use")

    with pytest.raises(OSError, match="address in use"):
        tui.run_dashboard(scheduler, title="a program", grace=0, serve=serve)
    assert scheduler.snapshot().phase is Phase.NEW
    assert shown == []
    scheduler.stop(0)


def test_it_ends_with_a_start_that_fails(shown: list[str]) -> None:
    """Nothing goes on listening."""
    scheduler = Scheduler()
    servers: list[FakeListener] = []

    @scheduler.on_app_start
    def fail() -> None:
        raise ValueError

    def serve(source: LocalBackend) -> FakeListener:
        servers.append(FakeListener(source))
        return servers[0]

    with pytest.raises(StartError):
        tui.run_dashboard(scheduler, title="a program", grace=0, serve=serve)
    assert len(servers[0].phases) == 2
    assert shown == []
