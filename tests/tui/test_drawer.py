"""The drawer of a wide terminal: it follows the cursor, and does not ask for every job on its way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support import snapshots
from support.app_driver import WIDE, AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from textual.events import MouseScrollDown, MouseScrollUp

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import parse_url
from jobtui.engine.enums import JobStatus
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.job_summary import list_summary_lines, read_job_summary
from jobtui.frontend.local_backend import LocalBackend
from jobtui.remote.remote_backend import RemoteBackend
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
