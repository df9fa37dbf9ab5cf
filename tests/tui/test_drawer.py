"""The drawer of a wide terminal: it follows the cursor, and does not ask for every job on its way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support import snapshots
from support.app_driver import WIDE, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual.events import MouseScrollDown, MouseScrollUp

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import parse_url
from jobtui.engine.enums import JobStatus, RunState
from jobtui.engine.views import JobView, Snapshot
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.job_summary import JobEssentials, list_summary_lines, output_title, read_job_summary
from jobtui.frontend.local_backend import LocalBackend
from jobtui.remote.remote_backend import RemoteBackend
from jobtui.schedules.parser import parse
from jobtui.tui.screens.dashboard import Dashboard
from jobtui.tui.widgets.drawer import Drawer
from jobtui.web.server import Server

LARGE = (180, 50)


class CountingBackend(ScriptedBackend):
    """Notes the jobs whose details were requested."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.asked: list[str] = []

    def job_details(self, job: str) -> JobDetails:
        """Return a job's details."""
        self.asked.append(job)
        return super().job_details(job)


def drawer_text(driver: AppDriver) -> str:
    """Return the text of the drawer."""
    screen = driver.app.screen_stack[0]
    return "\n".join(driver.lines(screen.query_one(Drawer)))


def selected_name(driver: AppDriver) -> str:
    """Return the name of the job under the cursor."""
    job = driver.table().selected
    assert job is not None
    return str(job.name)


async def rest(driver: AppDriver, text: str) -> None:
    """Wait until the drawer shows a text."""
    async with asyncio.timeout(10):
        while text not in drawer_text(driver):
            await asyncio.sleep(0.02)
            await driver.settle()


@async_test
async def test_the_drawer_shows_the_essentials_of_the_selected_job() -> None:
    """For a job that failed, the line of its code is at the top."""
    backend = ScriptedBackend(snapshots.saturated())
    backend.outputs[876] = "".join(f"order {number}\n" for number in range(100))
    async with running_app(backend, LARGE) as driver:
        await driver.press(*"jjjj")
        await rest(driver, "Output of run #876")
        text = drawer_text(driver)
        for part in ("every 20 seconds", "in 20s", 'return Decimal(line["amount"])', "order 99"):
            assert part in text
        assert "order 10" not in text  # only the end
        assert text.index("KeyError") < text.index("every 20 seconds")


@async_test
async def test_the_drawer_asks_once_for_the_job_on_which_the_cursor_rests() -> None:
    """A key that is held down moves over many jobs."""
    backend = CountingBackend(snapshots.many_jobs())
    async with running_app(backend, LARGE) as driver:
        await rest(driver, "Next ticks")
        backend.asked.clear()
        for _ in range(30):
            await driver.press("j")
            assert selected_name(driver) in str(driver.screen.query_one(Drawer).border_title)
        await rest(driver, "Next ticks")
        assert backend.asked[-1] == "job_030"
        assert len(set(backend.asked)) <= 3


@async_test
async def test_the_drawer_follows_the_cursor_of_a_pane() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated()), LARGE) as driver:
        await driver.press("3", "j", "j")
        await rest(driver, "every 20 seconds")


@async_test
async def test_d_hides_the_drawer_and_shows_it_again() -> None:
    """While it is hidden, it asks for nothing, and the tables have its columns."""
    backend = CountingBackend(snapshots.saturated())
    async with running_app(backend, LARGE) as driver:
        width = driver.table().size.width
        await driver.press("d")
        assert driver.table().size.width > width
        await asyncio.sleep(0.2)
        backend.asked.clear()
        await driver.press("j", "j", "j")
        await asyncio.sleep(0.3)
        assert backend.asked == []
        await driver.press("d")
        await rest(driver, "every hour")
        assert driver.table().size.width == width


@async_test
async def test_d_says_how_many_columns_the_drawer_needs() -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), WIDE) as driver:
        await driver.press("d")
        assert driver.toasts == [
            ("warning", "the drawer needs a terminal of 150 columns; enter opens the job")
        ]


@pytest.mark.parametrize("snapshot", [snapshots.empty(), snapshots.odd_names(), snapshots.paused()])
@async_test
async def test_the_drawer_keeps_its_width_whatever_it_shows(snapshot: object) -> None:
    """Long names, wide characters and markup stay inside it; without a job it is empty."""
    async with running_app(ScriptedBackend(snapshot), LARGE) as driver:  # type: ignore[arg-type]
        for _ in range(9):
            await driver.press("j")
            await asyncio.sleep(0.2)
            await driver.settle()
            strips = driver.screen._compositor.render_strips()  # noqa: SLF001 - Textual's; the text as it is painted
            assert {strip.cell_length for strip in strips} == {LARGE[0]}


@async_test
async def test_a_job_that_is_removed_leaves_the_drawer_as_it_was_until_the_cursor_moves() -> None:
    backend = ScriptedBackend(snapshots.saturated())
    async with running_app(backend, LARGE) as driver:
        await rest(driver, "every 15 seconds")
        await driver.show_snapshot(replace(snapshots.saturated(), jobs=snapshots.saturated().jobs[1:]))
        await rest(driver, "10:25:00")
        assert isinstance(driver.screen, Dashboard)


def test_only_policies_that_are_set_have_a_line() -> None:
    plain, special = snapshots.make_job(), snapshots.make_job("other", pause_after=3, retry="2 times")
    backend = ScriptedBackend(snapshots.make([plain, special]))
    texts = []
    for job in (plain, special):
        summary = read_job_summary(backend, job.name)
        lines = list_summary_lines(job, summary, backend.snapshot())
        texts.append("\n".join("".join(text for text, _ in line.pieces) for line in lines))
    assert "overlap" not in texts[0]
    assert "pauses after 3 failures in a row" in texts[1]
    assert "2 times" in texts[1]


def test_the_drawer_has_the_output_of_the_run_that_runs() -> None:
    job = snapshots.make_job(status=JobStatus.RUNNING, running=1)
    runs = [snapshots.running_run(7, job.name, 3)]
    recent = [snapshots.ended_run(5, job.name, 60)]
    backend = ScriptedBackend(snapshots.make([job], running=runs, recent=recent))
    backend.outputs.update({5: "old\n", 7: "new\n"})
    summary = read_job_summary(backend, job.name)
    assert (summary.run, summary.output) == (runs[0], ("new",))


def drawn(job: JobView, summary: JobEssentials, snapshot: Snapshot) -> str:
    """Return the lines of the drawer as a text."""
    lines = list_summary_lines(job, summary, snapshot)
    return "\n".join("".join(text for text, _ in line.pieces) for line in lines)


def test_essentials_that_are_older_than_the_snapshot_are_brought_up_to_date() -> None:
    """A run has failed since they were read, and its tick is over."""
    old = snapshots.make_job(
        "import", status=JobStatus.RUNNING, running=1, next=snapshots.NOW + timedelta(seconds=1)
    )
    old = replace(old, recent=(RunState.FAILED,), runs=7, failures=2)
    running = snapshots.running_run(8, "import", 3)
    first = replace(snapshots.failed_run(7, 60), job="import", reason="OSError: the old error", error="")
    backend = ScriptedBackend(snapshots.make([old], running=[running], recent=[first]))
    summary = read_job_summary(backend, "import")
    assert output_title(summary, backend.snapshot()) == "Output of run #8, which runs"

    at = snapshots.NOW + timedelta(seconds=2)
    second = replace(first, number=8, ended=at, reason="OSError: the new error")
    job = replace(
        old,
        status=JobStatus.IDLE,
        running=0,
        runs=8,
        failures=3,
        recent=(RunState.FAILED, RunState.FAILED),
        next=snapshots.NOW + timedelta(seconds=61),
    )
    snapshot = replace(snapshots.make([job], recent=[second, first]), at=at)
    text = drawn(job, summary, snapshot)
    error, _, rest = text.partition("runs  ")
    assert "FAILED OSError: the new error" in error
    assert "old error" not in error
    assert rest.startswith("8, of which 3 failed")
    assert "  now" not in text
    assert f"{job.next:%H:%M:%S}  in 59s" in text
    assert text.count("#8") == 1
    assert output_title(summary, snapshot) == "Output of run #8"


def test_an_ending_that_the_snapshot_does_not_have_yet_is_left_out() -> None:
    """The essentials are newer than the snapshot, by the time of a frame."""
    job = replace(snapshots.make_job("import"), recent=(RunState.OK,))
    later = replace(
        snapshots.failed_run(8, 0), job="import", ended=snapshots.NOW + timedelta(seconds=1), error=""
    )
    backend = ScriptedBackend(snapshots.make([job], recent=[later, snapshots.ended_run(7, "import", 60)]))
    summary = read_job_summary(backend, "import")
    snapshot = snapshots.make([job], recent=[snapshots.ended_run(7, "import", 60)])
    text = drawn(job, summary, snapshot)
    assert "FAILED" not in text
    assert text.count("✓ OK") == 1


def test_ticks_of_another_schedule_than_that_of_the_snapshot_are_left_out() -> None:
    old = snapshots.make_job("import", next=snapshots.NOW + timedelta(seconds=1))
    backend = ScriptedBackend(snapshots.make([old]))
    summary = read_job_summary(backend, "import")
    job = replace(old, schedule=parse("@every 24h", tz="UTC"), next=snapshots.NOW + timedelta(days=1))
    text = drawn(job, summary, snapshots.make([job]))
    assert "in words" not in text
    assert text.partition("Next ticks")[2].split("\n\n")[0].count(":") == 2  # one time


@async_test
async def test_the_drawer_of_a_job_that_fails_again_shows_the_new_error_at_once() -> None:
    """Without another request: the next one is a second away."""
    backend = CountingBackend(snapshots.saturated())
    async with running_app(backend, LARGE) as driver:
        await driver.press(*"jjjj")
        await rest(driver, "Output of run #876")
        job = driver.table().selected
        assert job is not None
        backend.asked.clear()
        before = snapshots.saturated()
        failed = replace(
            snapshots.failed_run(9_999, 0), job=job.name, ended=before.at, reason="OSError: new", error=""
        )
        again = replace(job, recent=(*job.recent, RunState.FAILED), runs=4_711)
        jobs = tuple(again if each.name == job.name else each for each in before.jobs)
        await driver.show_snapshot(replace(before, jobs=jobs, recent=(failed, *before.recent)))
        text = drawer_text(driver)
        assert "OSError: new" in text
        assert "4711, of which" in text
        assert backend.asked == []


@async_test
async def test_an_attached_drawer_shows_the_same() -> None:
    """The details come from another process."""
    scheduler = Scheduler(tz="UTC")
    scheduler.every("1h", lambda: 1 / 0, name="divide")
    with scheduler, Server(LocalBackend(scheduler, "elsewhere.py"), parse_address("127.0.0.1:0")) as server:
        scheduler.run("divide")
        backend = RemoteBackend(parse_url(str(server.address))[0])
        backend.connect()
        async with running_app(backend, LARGE) as driver:
            await rest(driver, "ZeroDivisionError")
            await rest(driver, "every hour")


def first_line(driver: AppDriver) -> str:
    """Return the first line of the drawer."""
    return drawer_text(driver).splitlines()[1]


@async_test
async def test_upper_j_and_k_scroll_what_does_not_fit_above_the_output() -> None:
    """A line says how many lines follow; the output stays. Another job is shown from its first line on."""
    backend = ScriptedBackend(snapshots.saturated())
    backend.outputs[876] = "order 99\n"
    async with running_app(backend, (160, 24)) as driver:
        await driver.press(*"jjjj")
        await rest(driver, "Output of run #876")
        top = first_line(driver)
        assert "FAILED" in top
        [hint] = [line for line in drawer_text(driver).splitlines() if "▾" in line]
        hidden = int(hint.split("▾")[1].split()[0])
        await driver.press("J")
        assert first_line(driver) != top
        assert f"▾ {hidden - 1} lines: J  ▴ K" in drawer_text(driver)
        assert "order 99" in drawer_text(driver)
        await driver.press("K", "K")
        assert first_line(driver) == top
        await driver.press(*["J"] * (hidden + 9))
        assert "▾" not in drawer_text(driver)
        assert "▴ K" in drawer_text(driver)
        await driver.press("K")
        assert "▾ 1 line: J" in drawer_text(driver)
        await driver.press("j")
        await rest(driver, "every 10 seconds")
        assert "▴" not in drawer_text(driver)


@async_test
async def test_the_mouse_wheel_scrolls_the_drawer() -> None:
    async with running_app(ScriptedBackend(snapshots.saturated()), (160, 24)) as driver:
        await driver.press(*"jjjj")
        await rest(driver, "Output of run #876")
        top = first_line(driver)
        drawer = driver.screen.query_one(Drawer)
        for event, is_top in ((MouseScrollDown, False), (MouseScrollUp, True)):
            await driver.pilot._post_mouse_events([event], drawer, offset=(5, 5))  # noqa: SLF001 - Textual's; the pilot has no method that scrolls
            await driver.settle()
            assert (first_line(driver) == top) is is_top


@pytest.mark.parametrize(
    ("width", "keys", "message"),
    [
        (160, "dJ", "the drawer is hidden; d shows it"),
        (120, "K", "the drawer needs a terminal of 150 columns"),
    ],
)
@async_test
async def test_the_keys_that_scroll_the_drawer_say_why_they_have_no_effect(
    width: int, keys: str, message: str
) -> None:
    async with running_app(ScriptedBackend(snapshots.idle()), (width, 32)) as driver:
        await driver.press(*keys)
        assert message in driver.toasts[-1][1]
