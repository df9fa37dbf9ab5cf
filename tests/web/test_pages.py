"""The pages as a browser without JavaScript shows them, and the commands of their buttons."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import pytest
from support.real_threads import BlockingJob
from support.status_page import LIMIT, Element, PageClient, serve_page
from support.waiting import wait_until

from jobtui import Scheduler
from jobtui.access.rules import AccessRules
from jobtui.engine.enums import JobStatus, RunState
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.clock import ManualClock
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.simulation.simulated_scheduler import simulated


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler that runs two runs at once."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        yield scheduler


@pytest.fixture
def client(scheduler: Scheduler) -> Iterator[PageClient]:
    """Serve the page of the scheduler."""
    with serve_page(scheduler) as client:
        yield client


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Make an event that blocking jobs wait for; set at the end of the test."""
    release = threading.Event()
    yield release
    release.set()


def row_texts(page: Element, rows: str) -> list[list[str]]:
    """Return the text of each cell in the rows of a table."""
    body = page.find_one("tbody", id=f"{rows}-rows")
    return [[cell.plain_text for cell in row.children] for row in body.children]


def fail() -> None:
    """Raise an error."""
    raise ValueError("no such order")


def test_the_page_has_the_heading_and_the_columns_of_revels_page(
    scheduler: Scheduler, client: PageClient
) -> None:
    """Revel has "Scheduled Jobs" with Name, Status, Last run and Next run."""
    scheduler.schedule("0 0 3 1 1 ?", print, name="yearly")
    page = client.get().page
    assert page.find_one("h1").plain_text == "Scheduled Jobs"
    table = page.find_one("section", id="jobs").find_one("table")
    assert [each.plain_text for each in table.find_one("thead").find_all("th")] == [
        "Name",
        "Status",
        "Schedule",
        "Last run",
        "Next run",
        "Took",
        "Outcomes",
        "Runs",
        "Failed",
        "Actions",
    ]
    (row,) = row_texts(page, "jobs")
    assert row[:4] == ["yearly", "○ IDLE", "0 0 3 1 1 ?", "—"]
    due = table.find_one("tbody").find_one("time")
    job = scheduler.job("yearly")
    assert job.next is not None
    assert due.attributes["datetime"] == job.next.isoformat()


def test_the_page_shows_running_and_waiting_runs_and_the_pool(
    scheduler: Scheduler, client: PageClient, release: threading.Event
) -> None:
    """Waiting runs are in the order in which they start, with the reason."""
    slow = scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
    other = scheduler.every("1h", lambda: release.wait(LIMIT), name="other")
    third = scheduler.every("1h", lambda: release.wait(LIMIT), name="third")
    runs = [scheduler.now(each) for each in (slow, other, third, slow)]
    page = client.get().page
    assert [row[:2] for row in row_texts(page, "running")] == [["#1", "slow"], ["#2", "other"]]
    waiting = row_texts(page, "waiting")
    assert [row[:3] for row in waiting] == [["◔ QUEUED", "#3", "third"], ["◌ HELD", "#4", "slow"]]
    assert waiting[1][4] == runs[3].reason != ""
    pool = page.find_one("p", id="pool").plain_text
    assert "2/2" in pool
    assert "running" not in page.find_one("p", id="totals").plain_text  # jobs, beside the runs of the pool
    assert "queued 1" in pool
    assert "held 1" in pool
    assert "SATURATED" in pool
    assert [row[1] for row in row_texts(page, "jobs")] == ["▶ RUNNING", "▶ RUNNING", "◔ QUEUED"]


def test_a_failed_run_is_shown_in_the_recent_list_and_in_its_jobs_row(
    scheduler: Scheduler, client: PageClient
) -> None:
    """The list has the reason, the row an outcome strip with a tooltip."""
    job = scheduler.every("1h", fail, name="orders")
    assert scheduler.now(job).wait(LIMIT)
    page = client.get().page
    (row,) = row_texts(page, "recent")
    assert row[1:4] == ["✗ FAILED", "orders", "#1"]
    assert row[5] == "ValueError: no such order"
    strip = page.find_one("tbody", id="jobs-rows").find_one("span", **{"class": "strip"})
    assert strip.plain_text == "✗"
    assert strip.attributes["title"] == "the last 1: 1 failed; the latest failed"
    assert "✗ 1 failed last" in page.find_one("p", id="totals").plain_text


def test_the_header_of_every_page_says_what_is_wrong(scheduler: Scheduler, client: PageClient) -> None:
    """The text has names and messages, and the element is empty while all is well."""
    job = scheduler.every("1h", fail, name="orders <b>")
    assert client.get().page.find_one("p", id="alarm").plain_text == ""
    assert scheduler.now(job).wait(LIMIT)
    for path in ("/@jobs", "/@jobs/runs/1", "/@jobs/history", "/@jobs/timeline", "/@jobs/log"):
        alarm = client.get(path).page.find_one("header").find_one("p", id="alarm")
        assert alarm.plain_text.startswith("! orders <b> failed at ")
        assert ": ValueError: no such order" in alarm.plain_text
        assert "test_pages.py:" in alarm.plain_text  # the place in the code of the job
        assert "tone-failed" in alarm.attributes["class"]


def test_the_pages_of_a_failed_run_and_of_its_job_show_the_users_own_line_first(
    scheduler: Scheduler, client: PageClient
) -> None:
    """The error, the file with the line, and the source; the frames of libraries are in the traceback."""

    def parse() -> None:
        json.loads("<b>")

    job = scheduler.every("1h", parse, name="orders")
    assert scheduler.now(job).wait(LIMIT)
    for path in ("/@jobs/runs/1", "/@jobs/jobs/orders"):
        failure = client.get(path).page.find_one("pre", id="failure").plain_text
        assert failure.startswith("✗ FAILED json.decoder.JSONDecodeError: Expecting value")
        assert 'json.loads("<b>")' in failure
        assert "test_pages.py:" in failure
        assert "decoder.py" not in failure
    assert "decoder.py" in client.get("/@jobs/runs/1").page.find_one("pre", id="traceback").text
    assert not client.get("/@jobs/jobs/orders").page.find_all("b")


def test_the_page_of_a_run_shows_where_its_time_went(
    scheduler: Scheduler, client: PageClient, release: threading.Event
) -> None:
    """A run that was held, and one that only ran."""
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
    runs = [scheduler.now(job), scheduler.now(job)]
    since = scheduler.snapshot().at
    wait_until(lambda: scheduler.snapshot().at - since > timedelta(milliseconds=20))
    release.set()
    assert all(run.wait(LIMIT) for run in runs)
    label = client.get("/@jobs/runs/2").page.find_one("svg").attributes["aria-label"]
    assert label.startswith("held ")
    assert not client.get("/@jobs/runs/1").page.find_all("svg")


def test_each_empty_list_has_a_caption_that_says_so(client: PageClient) -> None:
    """An empty table would not be visible."""
    page = client.get().page
    captions = [
        each.plain_text for each in page.find_all("p") if each.attributes.get("class") == "caption muted"
    ]
    assert captions[0] == "no jobs yet"
    assert "nothing runs" in captions
    assert "nothing waits" in captions
    assert "nothing is scheduled" in captions
    assert "nothing has run yet" in captions


def test_a_stopped_scheduler_shows_its_phase_and_rejects_commands(
    scheduler: Scheduler, client: PageClient
) -> None:
    """The message says why."""
    scheduler.every("1h", print, name="backup")
    before = client.get().page
    assert before.find_one("p", id="scheduler").plain_text == ""
    scheduler.stop()
    page = client.get().page
    assert page.find_one("p", id="scheduler").plain_text == "STOPPED"
    assert page.find_one("dd", id="heartbeat").plain_text == "—"
    message = client.press(page, "run", "backup").page.find_one("p", id="message").plain_text
    assert message.startswith("✗")


def test_the_run_button_runs_the_job_once_and_shows_the_runs_number(
    scheduler: Scheduler, client: PageClient
) -> None:
    """The message is shown on the next page only."""
    done = threading.Event()
    scheduler.every("1h", done.set, name="backup")
    page = client.press(client.get().page, "run", "backup").page
    assert page.find_one("p", id="message").plain_text == "▶ backup: run 1"
    assert done.wait(LIMIT)
    assert client.get().page.find_one("p", id="message").plain_text == ""


def test_a_paused_job_has_a_resume_button_in_place_of_the_pause_button(
    scheduler: Scheduler, client: PageClient
) -> None:
    """Each button changes the job's status."""
    job = scheduler.every("1h", print, name="backup")
    page = client.press(client.get().page, "pause", "backup").page
    assert job.status.value == "PAUSED"
    assert row_texts(page, "jobs")[0][1] == "‖ PAUSED"
    assert page.find_all("button", name="pause") == []
    ticks = client.get("/@jobs/jobs/backup").page.find_one("ol", **{"class": "ticks"}).plain_text
    assert ticks.count("paused") == 10
    client.press(page, "resume", "backup")
    assert job.status.value == "IDLE"


def test_a_quiet_time_is_shown_with_its_end_and_its_ticks() -> None:
    """At the top, in the rows of jobs, among the upcoming ticks, and on the page of the job."""
    clock = ManualClock(datetime(2026, 11, 28, 2, 30, tzinfo=UTC).timestamp())
    with Scheduler(tz="UTC", clock=clock, quiet=["SAT 02:00 for 3h"]) as scheduler:
        scheduler.schedule("0 0 3 * * *", print, name="backup")
        with serve_page(scheduler) as client:
            page = client.get().page
            assert "QUIET til" in page.find_one("p", id="scheduler").plain_text
            assert "quiet" in row_texts(page, "jobs")[0][4]
            assert "quiet" in row_texts(page, "upcoming")[0][0]
            ticks = client.get("/@jobs/jobs/backup").page.find_one("ol", **{"class": "ticks"}).plain_text
            assert ticks.count("quiet") == 2  # on both Saturdays among the next ten days
            assert (
                "the next tick starts no run: quiet until" in client.get("/@jobs/jobs/backup").page.plain_text
            )


def test_the_buttons_for_all_jobs_say_how_many_they_changed(scheduler: Scheduler, client: PageClient) -> None:
    """They pause and resume every job."""
    jobs = [scheduler.every("1h", print, name=name) for name in ("one", "two")]
    page = client.press(client.get().page, "pause-all").page
    assert {job.status for job in jobs} == {JobStatus.PAUSED}
    assert page.find_one("p", id="message").plain_text == "‖ 2 jobs paused"
    page = client.press(page, "resume-all").page
    assert {job.status for job in jobs} == {JobStatus.IDLE}
    assert page.find_one("p", id="message").plain_text == "2 jobs resumed"


def test_the_pool_buttons_change_the_size_by_one_but_not_to_zero(
    scheduler: Scheduler, client: PageClient
) -> None:
    """A size of 0 would mean no limit."""
    page = client.press(client.get().page, "resize", "3").page
    assert scheduler.snapshot().pool.size == 3
    page = client.press(page, "resize", "2").page
    page = client.press(page, "resize", "1").page
    assert scheduler.snapshot().pool.size == 1
    assert "disabled" in page.find_one("button", name="resize", value="0").attributes
    token = page.find_one("input", name="token").attributes["value"]
    assert client.post("/@jobs", {"token": token, "resize": "0"}).status == 400
    assert scheduler.snapshot().pool.size == 1


@pytest.mark.parametrize("path", ["/@jobs", "/@jobs/", "/@jobs/runs/2", "/@jobs?q=slow"])
def test_the_cancel_button_asks_without_javascript(
    scheduler: Scheduler, client: PageClient, release: threading.Event, path: str
) -> None:
    """The answer leads back to the page; the message says how the run was cancelled."""
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
    scheduler.now(job)
    held = scheduler.now(job)
    question = client.submit(client.get(path).page, "cancel", str(held.number))
    assert (question.status, question.page.find_one("h1").plain_text) == (200, "Cancel run 2 of slow?")
    assert [run.number for run in scheduler.find_runs(state=RunState.HELD)] == [held.number]
    assert question.page.find_one("a").link() in (path, path.replace("@jobs", "@jobs/"))
    form = question.page.find_one("form")
    answer = client.post(form.link("action"), client.fields_of(form))
    assert answer.status == 303
    assert [run.number for run in scheduler.find_runs(state=RunState.CANCELLED)] == [held.number]
    page = client.get(answer.location).page
    assert page.find_one("p", id="message").plain_text == "⊘ run 2 cancelled: it will not start"


def test_the_page_of_a_run_says_why_there_is_no_output(scheduler: Scheduler, client: PageClient) -> None:
    """Output is shown as a terminal shows it."""
    job = scheduler.schedule("@yearly", lambda: print("\x1b[31mred\x1b[0m\n1%\r2%"), name="job")

    def main_text(number: int) -> str:
        return client.get(f"/@jobs/runs/{number}").page.find_one("div", id="run").plain_text

    with capture_streams(OutputLog()):
        talking, quiet = job.run(), scheduler.now(len, "")
        assert talking.wait(LIMIT)
        assert quiet.wait(LIMIT)
        assert "red" in main_text(talking.number)
        assert "2%" in main_text(talking.number)
        assert "1%" not in main_text(talking.number)
        assert "[31m" not in main_text(talking.number)
        assert "printed nothing; what C code, os.system and forked processes write" in main_text(quiet.number)
    assert "not recorded: " in main_text(quiet.number)
    missing = client.get("/@jobs/runs/4711").page
    assert "there is no run 4711" in missing.plain_text


def test_the_page_of_a_running_run_shows_its_stack_until_it_ends(
    scheduler: Scheduler, client: PageClient, release: threading.Event
) -> None:
    def wait() -> None:
        release.wait(LIMIT) and "<b>"

    run = scheduler.now(wait)
    wait_until(lambda: "release.wait" in str(scheduler.stack(run.number)))
    page = client.get(f"/@jobs/runs/{run.number}").page
    assert 'release.wait(LIMIT) and "<b>"' in page.find_one("pre", id="stack").text
    assert "data-poll" in page.find_one("div", id="run").attributes
    release.set()
    assert run.wait(LIMIT)
    page = client.get(f"/@jobs/runs/{run.number}").page
    assert not page.find_all("pre", id="stack")
    assert "data-poll" not in page.find_one("div", id="run").attributes


def test_an_abandoned_run_is_listed_with_its_stack_until_its_thread_ends(
    scheduler: Scheduler, client: PageClient, release: threading.Event
) -> None:
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name="stuck", timeout=0.01, abandon=0)
    assert job.run().wait(LIMIT)
    page = client.get().page
    [row] = row_texts(page, "running")
    assert row[:2] == ["#1", "stuck ⊗ TIMED_OUT, abandoned"]
    assert row[-1] == ""  # nothing to cancel
    assert "abandoned 1" in page.find_one("p", id="pool").plain_text
    page = client.get("/@jobs/runs/1").page
    assert "abandoned: its work goes on" in page.find_one("div", id="run").text
    assert "release.wait(LIMIT)" in page.find_one("pre", id="stack").text
    release.set()
    wait_until(lambda: not scheduler.pool_view().abandoned)
    assert row_texts(client.get().page, "running") == []


def test_the_page_says_why_a_run_and_a_tick_came_out_so(scheduler: Scheduler, client: PageClient) -> None:
    job = scheduler.schedule("0 30 2 1 1 ?", fail, name="new/year")
    assert job.run().wait(LIMIT)
    page = client.get("/@jobs/runs/1").page
    [link] = [each.link() for each in page.find_all("a") if each.plain_text == "Why"]
    page = client.get(link).page
    answer = LocalBackend(scheduler, "shop.py").why_run(1)
    assert answer.sentence in page.find_one("section", id="answer").plain_text
    links = client.get("/@jobs/jobs/new%2Fyear").page.find_all("a")
    [link] = [each.link() for each in links if "Why" in each.text]
    form = client.get(link).page.find_one("form", id="ask")
    fields = client.fields_of(form) | {"at": "2030-01-01 02:31"}
    page = client.get(f"{form.link('action')}?{urlencode(fields)}").page
    assert "the minute is 31, not 30" in page.find_one("section", id="answer").plain_text
    assert page.find_one("input", id="at").attributes["value"] == "2030-01-01 02:31"


def test_a_question_about_no_instant_is_answered_with_what_is_allowed(
    scheduler: Scheduler, client: PageClient
) -> None:
    scheduler.every("1h", fail, name="orders")
    response = client.get("/@jobs/why?job=orders&at=<b>soon")
    assert response.status == 422
    assert "soon" in response.page.find_one("p", id="wrong-instant").text
    assert client.get("/@jobs/why?job=order").status == 404
    assert client.get("/@jobs/why?run=7").status == 404
    assert client.get("/@jobs/why?nob=order").status == 400


def test_a_job_without_ticks_is_not_asked_about(scheduler: Scheduler, client: PageClient) -> None:
    run = scheduler.add(print, name="manual").run()
    assert run.wait(LIMIT)
    assert "Why" not in client.get("/@jobs/jobs/manual").page.find_one("main").text
    page = client.get("/@jobs/why?run=1").page
    assert "run 1 of manual" in page.find_one("section", id="answer").text
    assert not page.find_all("form", id="ask")


def test_a_tick_that_started_no_run_is_explained(scheduler: Scheduler, client: PageClient) -> None:
    job = scheduler.every("50ms", lambda: None, name="often")
    job.pause(note="disk <full>")
    wait_until(lambda: any(run.state is RunState.SKIPPED for run in scheduler.snapshot().recent))
    rows = client.get().page.find_one("tbody", id="recent-rows")
    link = next(each.link() for each in rows.find_all("a") if "tick" in each.text)
    assert "disk <full>" in client.get(link).page.find_one("section", id="answer").text


def test_a_question_about_an_unknown_run_is_answered_with_the_reason(
    scheduler: Scheduler, client: PageClient
) -> None:
    """It may have ended long ago."""
    form = client.get().page.find_one("form", id="command")
    response = client.post(form.link("action"), client.fields_of(form) | {"cancel": "4711"})
    message = client.get(response.location).page.find_one("p", id="message").plain_text
    assert message.startswith("✗ there is no run 4711")


def test_a_double_click_without_javascript_is_one_command(scheduler: Scheduler, client: PageClient) -> None:
    """A browser submits the form of one page twice. A click on another page is another command."""
    job = scheduler.every("1h", print, name="backup")
    page = client.get().page
    first, second = client.submit(page, "run", "backup"), client.submit(page, "run", "backup")
    assert (first.status, second.status) == (303, 303)
    message = client.get().page.find_one("p", id="message").plain_text
    assert message == "▶ backup: run 1"
    client.submit(client.get().page, "run", "backup")
    client.submit(page, "pause", "backup")
    assert len(scheduler.find_runs(job="backup")) == 2
    assert job.status.value == "PAUSED"


def test_a_stale_page_can_press_a_button_again(scheduler: Scheduler) -> None:
    """Only clicks within a second are one double click."""
    clock = ManualClock(1_800_000_000)
    scheduler.every("1h", print, name="backup")
    with serve_page(scheduler, clock=clock) as client:
        page = client.get().page
        client.submit(page, "run", "backup")
        clock.advance(2)
        client.submit(page, "run", "backup")
        assert len(scheduler.find_runs(job="backup")) == 2


def test_a_button_of_a_removed_job_shows_an_error(scheduler: Scheduler, client: PageClient) -> None:
    """A page may have been open for a long time."""
    job = scheduler.every("1h", print, name="backup")
    page = client.get().page
    job.remove()
    message = client.press(page, "run", "backup").page.find_one("p", id="message").plain_text
    assert message.startswith("✗")
    assert "backup" in message


def test_a_form_without_exactly_one_command_is_rejected(scheduler: Scheduler, client: PageClient) -> None:
    """No job is started or paused."""
    job = scheduler.every("1h", print, name="backup")
    token = client.get().page.find_one("input", name="token").attributes["value"]
    assert client.post("/@jobs", {"token": token}).status == 400
    assert client.post("/@jobs", {"token": token, "run": "backup", "pause": "backup"}).status == 400
    assert job.status is JobStatus.IDLE
    assert scheduler.snapshot().recent == ()


def test_a_command_of_the_script_returns_a_message_or_problem_details(
    scheduler: Scheduler, client: PageClient
) -> None:
    """The script accepts JSON, so it gets no redirect to a page."""
    scheduler.every("1h", print, name="backup")
    token = client.get().page.find_one("input", name="token").attributes["value"]
    json = {"Accept": "application/json"}
    assert client.post("/@jobs", {"token": token, "pause": "backup"}, json).json == {
        "message": "‖ backup paused"
    }
    rejected = client.post("/@jobs", {"token": token, "pause": "nothing"}, json)
    assert rejected.status == 404
    assert "nothing" in rejected.json["detail"]


NAMES = [
    "a/b",
    "100%",
    "%2F",
    "..",
    ".",
    "a/../b",
    "who?",
    "#1",
    "a#b?c=d&e",
    "\"quoted\" & 'so'",
    "<script>alert(1)</script>",
    "日本語のジョブ",
    "עבודה",
    "ein name mit leerzeichen",
    "{name}",
    "+",
    "\\..\\",
    ";a=b",
    "x" * 300,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_job_with_any_printable_name_has_a_page_and_buttons_that_work(
    scheduler: Scheduler, client: PageClient, name: str
) -> None:
    """The link leads to the page of the job, and the button runs it."""
    done = threading.Event()
    scheduler.every("1h", done.set, name=name)
    page = client.get().page
    links = page.find_one("tbody", id="jobs-rows").find_one("th").find_all("a")
    if name in (".", ".."):  # browsers resolve these as path segments
        assert links == []
    else:
        response = client.get(links[0].link())
        assert response.status == 200
        assert response.page.find_one("h1").plain_text == name
        client.press(response.page, "run", name)
        assert done.wait(LIMIT)
        done.clear()
    client.press(page, "run", name)
    assert done.wait(LIMIT)


def test_a_jobs_page_shows_its_schedule_in_words_its_next_ticks_and_clock_changes() -> None:
    """A clock change that affects a tick is explained."""
    with simulated(start="2026-10-24T12:00", tz="Europe/London") as scheduler:
        scheduler.schedule("0 30 1 * * ?", print, name="nightly")
        with serve_page(scheduler) as client:
            page = client.get("/@jobs/jobs/nightly").page
    assert "at 01:30 every day" in page.find_one("main").plain_text
    ticks = [tick.plain_text for tick in page.find_one("ol", **{"class": "ticks"}).find_all("li")]
    assert len(ticks) == 10
    assert ticks[:2] == ["Sun 2026-10-25 01:30:00 BST merged", "Mon 2026-10-26 01:30:00 GMT"]
    assert "the clock goes back from 02:00 to 01:00" in page.find_one("main").plain_text


@pytest.mark.parametrize(
    ("spec", "badges"),
    [
        pytest.param("0 30 2 * * *", 2, id="tick-in-the-gap"),
        pytest.param("0 30 4 * * *", 0, id="tick-after-the-gap"),
        pytest.param("@every 1h", 0, id="interval"),
    ],
)
def test_a_tick_that_a_clock_change_affects_has_a_badge(spec: str, badges: int) -> None:
    """The row of the job and the upcoming tick have a badge, and the job's page an explanation."""
    now = datetime(2026, 3, 7, 13, 30, tzinfo=ZoneInfo("America/New_York"))  # 02:00 becomes 03:00 next night
    with Scheduler(tz="America/New_York", clock=ManualClock(now.timestamp())) as scheduler:
        scheduler.schedule(spec, print, name="nightly")
        with serve_page(scheduler) as client:
            assert [each.plain_text for each in client.get().page.find_all("abbr")] == ["DST"] * badges
            assert ("moved" in client.get("/@jobs/jobs/nightly").page.plain_text) is bool(badges)


def test_a_time_is_shown_with_its_date_only_before_its_day() -> None:
    """The page is rendered again at midnight, even if nothing has changed."""
    with simulated(start="2026-03-16T23:59", tz="UTC") as scheduler:
        scheduler.schedule("0 0 3 * * ?", print, name="nightly")
        with serve_page(scheduler) as client:
            assert row_texts(client.get().page, "jobs")[0][4] == "17 Mar 03:00"
            scheduler.advance("2m")
            assert row_texts(client.get().page, "jobs")[0][4] == "03:00:00"


def test_a_jobs_page_links_its_latest_runs_and_their_tracebacks(
    scheduler: Scheduler, client: PageClient
) -> None:
    """The page of the run has the reason, too."""
    job = scheduler.every("1h", fail, name="orders")
    assert scheduler.now(job).wait(LIMIT)
    page = client.get("/@jobs/jobs/orders").page
    row = page.find_one("tbody").find_one("tr")
    assert [cell.plain_text for cell in row.children][1:4] == ["✗ FAILED", "#1", "now"]
    run = client.get(row.find_one("a").link()).page
    assert run.find_one("h1").plain_text == "#1 of orders"
    assert run.find_one("pre", id="traceback").text.endswith("ValueError: no such order")
    assert "ValueError: no such order" in run.find_one("dl", **{"class": "fields"}).plain_text


def test_a_button_redirects_to_the_page_that_it_is_on(scheduler: Scheduler, client: PageClient) -> None:
    """A button on a job's page leads to that page again, which shows the message."""
    scheduler.every("1h", print, name="a/b c")
    page = client.get("/@jobs/jobs/a%2Fb%20c").page
    after = client.press(page, "pause", "a/b c").page
    assert after.find_one("h1").plain_text == "a/b c"
    assert after.find_one("p", id="message").plain_text == "‖ a/b c paused"


@pytest.mark.parametrize("path", ["/@jobs/jobs/nothing", "/@jobs/runs/7", "/@jobs/runs/x", "/@jobs/nowhere"])
def test_an_unknown_path_gets_a_page_for_browsers_and_problem_details_for_programs(
    client: PageClient, path: str
) -> None:
    """The page links to the status page."""
    response = client.get(path)
    assert response.status == (400 if path.endswith("x") else 404)
    assert response.page.find_one("a", href="./")
    program = client.get(path, {"Accept": "*/*"})
    assert program.status == response.status
    assert program.headers.get_content_type() == "application/problem+json"


def test_the_filter_finds_jobs_without_a_script(scheduler: Scheduler, client: PageClient) -> None:
    """A job matches if its name, schedule or status contains each word, in any case."""
    for name in ("Import orders", "import prices", "backup"):
        scheduler.every("1h", print, name=name)
    scheduler.pause("import prices")

    def find(text: str) -> list[str]:
        return [row[0] for row in row_texts(client.get(f"/@jobs?q={text}").page, "jobs")]

    assert find("IMPORT") == ["Import orders", "import prices"]
    assert find("import+paused") == ["import prices"]
    assert find("1h+backup") == ["backup"]
    assert find("") == ["Import orders", "import prices", "backup"]
    page = client.get("/@jobs?q=nothing").page
    assert row_texts(page, "jobs") == []
    assert "hidden" not in page.find_one("p", id="found").attributes
    assert page.find_one("input", id="q").attributes["value"] == "nothing"


def test_the_filter_finds_jobs_beyond_the_first_thousand(scheduler: Scheduler, client: PageClient) -> None:
    """A browser displays no more rows smoothly. The caption says how many jobs there are."""
    for number in range(1003):
        scheduler.every("1h", print, name=f"job-{number}")
    page = client.get().page
    assert len(row_texts(page, "jobs")) == 1000
    assert page.find_one("p", id="jobs-caption").plain_text == "the first 1000 of 1003"
    found = client.get("/@jobs?q=job-1002").page
    assert [row[0] for row in row_texts(found, "jobs")] == ["job-1002"]
    assert found.find_one("p", id="found").plain_text == "1 of 1003 jobs match the filter"
    assert "hidden" in found.find_one("div", id="all-jobs").attributes
    found = client.get("/@jobs?q=job").page
    assert len(row_texts(found, "jobs")) == 1000
    caption = "the first 1000 of 1003 of 1003 jobs match the filter"
    assert found.find_one("p", id="found").plain_text == caption


def test_a_job_whose_run_was_cancelled_after_a_failure_still_counts_as_failed(
    scheduler: Scheduler, client: PageClient
) -> None:
    """A cancelled run says nothing about the work of the job."""
    job = scheduler.every("1h", fail, name="orders")
    assert scheduler.now(job).wait(LIMIT)
    scheduler.resize(1)
    blocker = BlockingJob()
    scheduler.now(blocker.run)
    blocker.wait_started()
    assert scheduler.now(job).cancel()
    blocker.release()
    (row, *_) = row_texts(client.get("/@jobs?q=failed").page, "jobs")
    assert row[:2] == ["orders", "○ IDLE ✗ failed"]
    page = client.get().page
    assert "✗ 1 failed last" in page.find_one("p", id="totals").plain_text
    assert "✗ orders" in client.get("/@jobs/jobs/orders").page.find_one("title").plain_text


@pytest.mark.parametrize("text", ["paused", "held", "waiting", "scheduled", "running", "paused held running"])
def test_the_filter_finds_a_job_by_every_word_for_what_it_does(
    scheduler: Scheduler, client: PageClient, release: threading.Event, text: str
) -> None:
    """A running job may be paused and have waiting runs, as in the dashboard; its row has the words."""
    scheduler.every("1h", print, name="backup")
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name="orders")
    scheduler.now(job)
    scheduler.now(job)
    scheduler.in_("1h", job)
    job.pause()
    page = client.get(f"/@jobs?q={quote(text)}").page
    assert [row[0] for row in row_texts(page, "jobs")] == ["orders +1"]
    (row,) = page.find_one("tbody", id="jobs-rows").find_all("tr")
    assert set(text.split()) <= set(row.attributes["data-words"].split())


@pytest.mark.parametrize("text", ["failed", "FAIL", "fail idle", "orders failed"])
def test_the_filter_finds_jobs_that_failed_last(scheduler: Scheduler, client: PageClient, text: str) -> None:
    """Their status says so, and the count of failing jobs in the header leads to them."""
    scheduler.every("1h", print, name="backup")
    job = scheduler.every("1h", lambda: 1 / 0, name="orders")
    assert scheduler.now(job).wait(LIMIT)
    rows = row_texts(client.get(f"/@jobs?q={quote(text)}").page, "jobs")
    assert [(row[0], row[1]) for row in rows] == [("orders", "○ IDLE ✗ failed")]
    assert client.get().page.find_one("p", id="totals").find_one("a").link() == "/@jobs/?q=failed"


def test_the_title_and_the_icon_show_the_state(
    scheduler: Scheduler, client: PageClient, release: threading.Event
) -> None:
    """Of the scheduler, of the job, or of the run."""

    def tab(path: str) -> tuple[str, str]:
        page = client.get(path).page
        return page.find_one("head").find_one("title").plain_text, page.find_one(
            "link", id="icon"
        ).attributes["href"]

    fails = scheduler.every("1h", lambda: 1 / 0, name="fails")
    started = threading.Event()

    def wait() -> None:
        started.set()
        release.wait(LIMIT)

    slow = scheduler.every("1h", wait, name="slow", overlap="allow")
    assert tab("/@jobs") == ("shop.py - jobtui", "icon.svg")
    assert tab("/@jobs/jobs/slow") == ("○ slow - jobtui", "icon.svg")
    scheduler.now(slow)
    assert started.wait(LIMIT)
    assert tab("/@jobs") == ("▶1 shop.py - jobtui", "icon-running.svg")
    assert tab("/@jobs/jobs/slow") == ("▶ slow - jobtui", "icon-running.svg")
    assert tab("/@jobs/runs/1") == ("▶ slow #1 - jobtui", "icon-running.svg")
    started.clear()
    scheduler.now(slow)
    assert started.wait(LIMIT)
    assert tab("/@jobs") == ("▶2 shop.py - jobtui", "icon-running.svg")  # runs, not jobs, as in the pool
    scheduler.resize(3)
    assert scheduler.now(fails).wait(LIMIT)
    assert tab("/@jobs") == ("✗1 ▶2 shop.py - jobtui", "icon-failed.svg")
    assert tab("/@jobs/jobs/fails") == ("✗ fails - jobtui", "icon-failed.svg")
    assert tab("/@jobs/runs/3") == ("✗ fails #3 - jobtui", "icon-failed.svg")
    release.set()
    scheduler.stop()
    assert tab("/@jobs") == ("! stopped shop.py - jobtui", "icon-lost.svg")


def test_a_read_only_page_has_no_buttons_and_commands_are_rejected(scheduler: Scheduler) -> None:
    """The header says that it is read-only."""
    job = scheduler.every("1h", print, name="backup")
    with serve_page(scheduler, AccessRules(readonly=True)) as client:
        for path in ("/@jobs", "/@jobs/jobs/backup"):
            page = client.get(path).page
            assert [
                each for each in page.find_all("button") if each.attributes.get("form") == "command"
            ] == []
            assert page.find_all("form", method="post") == []
        assert "read-only" in client.get().page.find_one("header").plain_text
        assert client.post("/@jobs", {"token": "", "pause": "backup"}).status == 403
    assert job.status is JobStatus.IDLE


def test_pages_load_files_from_this_server_only(scheduler: Scheduler, client: PageClient) -> None:
    """They have neither inline scripts nor inline styles."""
    scheduler.every("1h", print, name="backup")
    for path in ("/@jobs", "/@jobs/jobs/backup", "/@jobs/nothing"):
        page = client.get(path).page
        loaded = [each.link() for each in page.find_all("link")]
        loaded += [each.link("src") for each in page.find_all("script")]
        assert all(each.startswith("/@jobs/") for each in loaded)
        assert {client.get(each).status for each in loaded} == {200}
        assert all(script.text == "" for script in page.find_all("script"))
        assert page.find_all("style") == []


def test_the_root_redirects_to_the_page_whose_path_may_end_with_a_slash(client: PageClient) -> None:
    """Users may type the port alone."""
    response = client.get("/")
    assert (response.status, response.location) == (303, "/@jobs/")
    assert client.get("/@jobs/").page.find_one("h1").plain_text == "Scheduled Jobs"


def test_the_page_of_an_ended_run_has_a_button_that_runs_it_again(
    scheduler: Scheduler, client: PageClient
) -> None:
    scheduler.now(len, "word").wait(LIMIT)
    page = client.press(client.get("/@jobs/runs/1").page, "again", "1").page
    assert "run 1 again: run 2" in page.find_one("p", id="message").plain_text
    assert scheduler.run_view(2).arguments == "'word'"


def test_the_row_of_one_off_runs_has_no_buttons(scheduler: Scheduler, client: PageClient) -> None:
    """One-off runs have no schedule to pause, and each has arguments of its own."""
    scheduler.now(print, "once").wait(LIMIT)
    scheduler.schedule("0 0 3 1 1 ?", print, name="yearly")
    for page in (client.get().page, client.get("/@jobs/jobs/print").page):
        buttons = [
            (each.attributes.get("name"), each.attributes.get("value")) for each in page.find_all("button")
        ]
        assert ("run", "print") not in buttons
        assert ("pause", "print") not in buttons
    assert ("run", "yearly") in [
        (each.attributes.get("name"), each.attributes.get("value"))
        for each in client.get().page.find_all("button")
    ]
