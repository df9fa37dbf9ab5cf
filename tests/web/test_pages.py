"""The status page as a browser without JavaScript sees and steers it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from support.status_page import LIMIT, Element, Visitor, serving

from jobtui import Scheduler
from jobtui.access.rules import AccessRules
from jobtui.engine.enums import JobStatus, RunState
from jobtui.simulation.simulated_scheduler import simulated


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler that runs, with room for two."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        yield scheduler


@pytest.fixture
def visitor(scheduler: Scheduler) -> Iterator[Visitor]:
    """Somebody who visits its page."""
    with serving(scheduler) as visitor:
        yield visitor


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What jobs wait for; opened at the end, whatever happens."""
    gate = threading.Event()
    yield gate
    gate.set()


def cells(page: Element, rows: str) -> list[list[str]]:
    """What the rows of a table read."""
    body = page.one("tbody", id=f"{rows}-rows")
    return [[cell.words for cell in row.children] for row in body.children]


def fail() -> None:
    """A job that fails."""
    raise ValueError("no such order")


def test_the_page_has_the_seeds_heading_and_columns(scheduler: Scheduler, visitor: Visitor) -> None:
    """Who knows Revel's page finds "Scheduled Jobs" with Name, Status, Last run and Next run."""
    scheduler.schedule("0 0 3 1 1 ?", print, name="yearly")
    page = visitor.get().page
    assert page.one("h1").words == "Scheduled Jobs"
    table = page.one("section", id="jobs").one("table")
    assert [each.words for each in table.one("thead").all("th")] == [
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
    (row,) = cells(page, "jobs")
    assert row[:4] == ["yearly", "○ IDLE", "0 0 3 1 1 ?", "—"]
    due = table.one("tbody").one("time")
    job = scheduler.job("yearly")
    assert job.next is not None
    assert due.attributes["datetime"] == job.next.isoformat()


def test_the_page_tells_what_runs_what_waits_and_how_full_the_pool_is(
    scheduler: Scheduler, visitor: Visitor, gate: threading.Event
) -> None:
    """Everything that goes on is there, in order, with the reason why it waits."""
    job = scheduler.every("1h", lambda: gate.wait(LIMIT), name="slow")
    other = scheduler.every("1h", lambda: gate.wait(LIMIT), name="other")
    third = scheduler.every("1h", lambda: gate.wait(LIMIT), name="third")
    runs = [scheduler.now(each) for each in (job, other, third, job)]
    page = visitor.get().page
    assert [row[:2] for row in cells(page, "running")] == [["#1", "slow"], ["#2", "other"]]
    waiting = cells(page, "waiting")
    assert [row[:3] for row in waiting] == [["◔ QUEUED", "#3", "third"], ["◌ HELD", "#4", "slow"]]
    assert waiting[1][4] == runs[3].reason != ""
    pool = page.one("p", id="pool").words
    assert "2/2" in pool
    assert "queued 1" in pool
    assert "held 1" in pool
    assert "SATURATED" in pool
    assert [row[1] for row in cells(page, "jobs")] == ["▶ RUNNING", "▶ RUNNING", "◔ QUEUED"]


def test_the_page_tells_what_has_ended_and_why(scheduler: Scheduler, visitor: Visitor) -> None:
    """A failed run is there with its reason, in the list and in its job's strip, glyph and word."""
    job = scheduler.every("1h", fail, name="orders")
    assert scheduler.now(job).wait(LIMIT)
    page = visitor.get().page
    (row,) = cells(page, "recent")
    assert row[1:4] == ["✗ FAILED", "orders", "#1"]
    assert row[5] == "ValueError: no such order"
    strip = page.one("tbody", id="jobs-rows").one("span", **{"class": "strip"})
    assert strip.words == "█"
    assert strip.attributes["title"] == "the last 1: 1 failed; the latest failed"
    assert "✗ 1 failed last" in page.one("p", id="totals").words


def test_an_empty_scheduler_says_so(visitor: Visitor) -> None:
    """Where there is nothing, a word stands in its place."""
    page = visitor.get().page
    notes = [each.words for each in page.all("p") if each.attributes.get("class") == "caption muted"]
    assert notes[0] == "no jobs yet"
    assert "nothing runs" in notes
    assert "nothing waits" in notes
    assert "nothing is scheduled" in notes
    assert "nothing has run yet" in notes


def test_a_stopped_scheduler_says_so(scheduler: Scheduler, visitor: Visitor) -> None:
    """Nobody waits for a job of a scheduler that has stopped; and what is asked of it is refused in words."""
    scheduler.every("1h", print, name="backup")
    before = visitor.get().page
    assert before.one("p", id="scheduler").words == ""
    scheduler.stop()
    page = visitor.get().page
    assert page.one("p", id="scheduler").words == "STOPPED"
    assert page.one("dd", id="heartbeat").words == "—"
    said = visitor.press(page, "run", "backup").page.one("p", id="message").words
    assert said.startswith("✗")


def test_a_button_runs_a_job(scheduler: Scheduler, visitor: Visitor) -> None:
    """Run starts the job once, and the page that follows says under which number."""
    done = threading.Event()
    scheduler.every("1h", done.set, name="backup")
    page = visitor.press(visitor.get().page, "run", "backup").page
    assert page.one("p", id="message").words == "▶ backup: run 1"
    assert done.wait(LIMIT)
    assert visitor.get().page.one("p", id="message").words == "", "it is said once"


def test_buttons_pause_and_resume_a_job(scheduler: Scheduler, visitor: Visitor) -> None:
    """A paused job says so, and has the button that resumes it instead."""
    job = scheduler.every("1h", print, name="backup")
    page = visitor.press(visitor.get().page, "pause", "backup").page
    assert job.status.value == "PAUSED"
    assert cells(page, "jobs")[0][1] == "‖ PAUSED"
    assert page.all("button", name="pause") == []
    visitor.press(page, "resume", "backup")
    assert job.status.value == "IDLE"


def test_buttons_pause_and_resume_all_jobs(scheduler: Scheduler, visitor: Visitor) -> None:
    """All of them at once, and how many it were is said."""
    jobs = [scheduler.every("1h", print, name=name) for name in ("one", "two")]
    page = visitor.press(visitor.get().page, "pause-all").page
    assert {job.status for job in jobs} == {JobStatus.PAUSED}
    assert page.one("p", id="message").words == "‖ 2 jobs paused"
    page = visitor.press(page, "resume-all").page
    assert {job.status for job in jobs} == {JobStatus.IDLE}
    assert page.one("p", id="message").words == "2 jobs resumed"


def test_buttons_change_the_pool(scheduler: Scheduler, visitor: Visitor) -> None:
    """More and less; but not to nothing, which would mean no limit."""
    page = visitor.press(visitor.get().page, "resize", "3").page
    assert scheduler.snapshot().pool.size == 3
    page = visitor.press(page, "resize", "2").page
    page = visitor.press(page, "resize", "1").page
    assert scheduler.snapshot().pool.size == 1
    assert "disabled" in page.one("button", name="resize", value="0").attributes
    token = page.one("input", name="token").attributes["value"]
    assert visitor.post("/@jobs", {"token": token, "resize": "0"}).status == 400
    assert scheduler.snapshot().pool.size == 1


def test_a_button_cancels_a_run_that_waits(
    scheduler: Scheduler, visitor: Visitor, gate: threading.Event
) -> None:
    """Cancel takes it out, and says which it was."""
    job = scheduler.every("1h", lambda: gate.wait(LIMIT), name="slow")
    scheduler.now(job)
    held = scheduler.now(job)
    page = visitor.press(visitor.get().page, "cancel", str(held.number)).page
    assert held.state is RunState.CANCELLED
    assert page.one("p", id="message").words == "⊘ run 2 cancelled: it will not start"


def test_a_button_of_a_job_that_is_gone_says_so(scheduler: Scheduler, visitor: Visitor) -> None:
    """A page that was open for long may ask for what is not there any more."""
    job = scheduler.every("1h", print, name="backup")
    page = visitor.get().page
    job.remove()
    said = visitor.press(page, "run", "backup").page.one("p", id="message").words
    assert said.startswith("✗")
    assert "backup" in said


def test_a_form_asks_for_one_thing(scheduler: Scheduler, visitor: Visitor) -> None:
    """Nothing happens where it is not clear what shall happen."""
    job = scheduler.every("1h", print, name="backup")
    token = visitor.get().page.one("input", name="token").attributes["value"]
    assert visitor.post("/@jobs", {"token": token}).status == 400
    assert visitor.post("/@jobs", {"token": token, "run": "backup", "pause": "backup"}).status == 400
    assert job.status is JobStatus.IDLE
    assert scheduler.snapshot().recent == ()


def test_the_script_gets_an_answer_in_place_of_a_page(scheduler: Scheduler, visitor: Visitor) -> None:
    """It says what has become of a command; of one that is refused, problem details."""
    scheduler.every("1h", print, name="backup")
    token = visitor.get().page.one("input", name="token").attributes["value"]
    json = {"Accept": "application/json"}
    assert visitor.post("/@jobs", {"token": token, "pause": "backup"}, json).json == {
        "message": "‖ backup paused"
    }
    refused = visitor.post("/@jobs", {"token": token, "pause": "nothing"}, json)
    assert refused.status == 404
    assert "nothing" in refused.json["detail"]


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
def test_any_name_can_be_opened_and_run(scheduler: Scheduler, visitor: Visitor, name: str) -> None:
    """A job's name is any printable text: its link leads to its page, its button runs it."""
    done = threading.Event()
    scheduler.every("1h", done.set, name=name)
    page = visitor.get().page
    links = page.one("tbody", id="jobs-rows").one("th").all("a")
    if name in (".", ".."):  # no path can lead there: a browser takes it for a step
        assert links == []
    else:
        answer = visitor.get(links[0].attributes["href"])
        assert answer.status == 200
        assert answer.page.one("h1").words == name
        visitor.press(answer.page, "run", name)
        assert done.wait(LIMIT)
        done.clear()
    visitor.press(page, "run", name)
    assert done.wait(LIMIT)


def test_a_jobs_page_says_when_it_is_due_and_what_the_clock_changes_do() -> None:
    """The schedule in words, the next ten fires, and what a change of the clock does to them."""
    with simulated(start="2026-10-24T12:00", tz="Europe/London") as scheduler:
        scheduler.schedule("0 30 1 * * ?", print, name="nightly")
        with serving(scheduler) as visitor:
            page = visitor.get("/@jobs/jobs/nightly").page
    assert "at 01:30 every day" in page.one("main").words
    fires = [fire.words for fire in page.one("ol", **{"class": "ticks"}).all("li")]
    assert len(fires) == 10
    assert fires[:2] == ["Sun 2026-10-25 01:30:00 BST merged", "Mon 2026-10-26 01:30:00 GMT"]
    assert "the clock goes back from 02:00 to 01:00" in page.one("main").words


def test_a_time_is_told_with_its_day_until_that_day_has_come() -> None:
    """After midnight, what was tomorrow is today, though nothing has happened since."""
    with simulated(start="2026-03-16T23:59", tz="UTC") as scheduler:
        scheduler.schedule("0 0 3 * * ?", print, name="nightly")
        with serving(scheduler) as visitor:
            assert cells(visitor.get().page, "jobs")[0][4] == "17 Mar 03:00"
            scheduler.advance("2m")
            assert cells(visitor.get().page, "jobs")[0][4] == "03:00:00"


def test_a_jobs_page_lists_its_latest_runs_and_leads_to_them(scheduler: Scheduler, visitor: Visitor) -> None:
    """From a job to its run, and to the traceback."""
    job = scheduler.every("1h", fail, name="orders")
    assert scheduler.now(job).wait(LIMIT)
    page = visitor.get("/@jobs/jobs/orders").page
    row = page.one("tbody").one("tr")
    assert [cell.words for cell in row.children][1:4] == ["✗ FAILED", "#1", "now"]
    run = visitor.get(row.one("a").attributes["href"]).page
    assert run.one("h1").words == "#1 of orders"
    assert run.one("pre", id="traceback").text.endswith("ValueError: no such order")
    assert "ValueError: no such order" in run.one("dl", **{"class": "fields"}).words


def test_a_button_leads_back_to_where_it_was_pressed(scheduler: Scheduler, visitor: Visitor) -> None:
    """Pressed on a job's page, one stays on it."""
    scheduler.every("1h", print, name="a/b c")
    page = visitor.get("/@jobs/jobs/a%2Fb%20c").page
    after = visitor.press(page, "pause", "a/b c").page
    assert after.one("h1").words == "a/b c"
    assert after.one("p", id="message").words == "‖ a/b c paused"


@pytest.mark.parametrize("path", ["/@jobs/jobs/nothing", "/@jobs/runs/7", "/@jobs/runs/x", "/@jobs/nowhere"])
def test_what_is_not_there_is_said_on_a_page(visitor: Visitor, path: str) -> None:
    """People get a page with the way back, programs get problem details."""
    answer = visitor.get(path)
    assert answer.status == (400 if path.endswith("x") else 404)
    assert answer.page.one("a", href="/@jobs")
    program = visitor.get(path, {"Accept": "*/*"})
    assert program.status == answer.status
    assert program.headers.get_content_type() == "application/problem+json"


def test_the_filter_works_without_a_script(scheduler: Scheduler, visitor: Visitor) -> None:
    """Each word has to be in the name, the schedule or the status, in any case."""
    for name in ("Import orders", "import prices", "backup"):
        scheduler.every("1h", print, name=name)
    scheduler.pause("import prices")

    def found(q: str) -> list[str]:
        return [row[0] for row in cells(visitor.get(f"/@jobs?q={q}").page, "jobs")]

    assert found("IMPORT") == ["Import orders", "import prices"]
    assert found("import+paused") == ["import prices"]
    assert found("1h+backup") == ["backup"]
    assert found("") == ["Import orders", "import prices", "backup"]
    page = visitor.get("/@jobs?q=nothing").page
    assert cells(page, "jobs") == []
    assert "hidden" not in page.one("p", id="found").attributes
    assert page.one("input", id="q").attributes["value"] == "nothing"


def test_more_jobs_than_a_browser_can_take_are_found_by_the_filter(
    scheduler: Scheduler, visitor: Visitor
) -> None:
    """The first thousand are shown, how many there are is said, and the filter finds each of them."""
    for number in range(1003):
        scheduler.every("1h", print, name=f"job-{number}")
    page = visitor.get().page
    assert len(cells(page, "jobs")) == 1000
    assert page.one("p", id="jobs-caption").words == "the first 1000 of 1003"
    found = visitor.get("/@jobs?q=job-1002").page
    assert [row[0] for row in cells(found, "jobs")] == ["job-1002"]
    assert "data-live" not in found.one("body").attributes


def test_where_nothing_can_be_changed_there_are_no_buttons(scheduler: Scheduler) -> None:
    """Readonly shows everything, offers nothing, and refuses what is sent all the same."""
    job = scheduler.every("1h", print, name="backup")
    with serving(scheduler, AccessRules(readonly=True)) as visitor:
        for path in ("/@jobs", "/@jobs/jobs/backup"):
            page = visitor.get(path).page
            assert [each for each in page.all("button") if each.attributes.get("form") == "command"] == []
            assert page.all("form", method="post") == []
        assert "read-only" in visitor.get().page.one("header").words
        assert visitor.post("/@jobs", {"token": "", "pause": "backup"}).status == 403
    assert job.status is JobStatus.IDLE


def test_everything_that_a_page_loads_is_there(scheduler: Scheduler, visitor: Visitor) -> None:
    """The style sheet, the script and the icon come from here, and nothing comes from elsewhere."""
    scheduler.every("1h", print, name="backup")
    for path in ("/@jobs", "/@jobs/jobs/backup", "/@jobs/nothing"):
        page = visitor.get(path).page
        loaded = [each.attributes["href"] for each in page.all("link")]
        loaded += [each.attributes["src"] for each in page.all("script")]
        assert all(each.startswith("/@jobs/") for each in loaded)
        assert {visitor.get(each).status for each in loaded} == {200}
        assert all(script.text == "" for script in page.all("script"))
        assert page.all("style") == []


def test_other_ways_to_write_the_address_lead_to_the_page(visitor: Visitor) -> None:
    """Who types the port alone, or a slash too many, is led to the page."""
    for path in ("/", "/@jobs/"):
        answer = visitor.get(path)
        assert (answer.status, answer.headers["Location"]) == (303, "/@jobs")


def test_one_off_runs_have_no_buttons_for_their_job(scheduler: Scheduler, visitor: Visitor) -> None:
    """Their arguments are gone and they have no schedule: a button would only refuse."""
    scheduler.now(print, "once").wait(LIMIT)
    scheduler.schedule("0 0 3 1 1 ?", print, name="yearly")
    for page in (visitor.get().page, visitor.get("/@jobs/jobs/print").page):
        buttons = [(each.attributes.get("name"), each.attributes.get("value")) for each in page.all("button")]
        assert ("run", "print") not in buttons
        assert ("pause", "print") not in buttons
    assert ("run", "yearly") in [
        (each.attributes.get("name"), each.attributes.get("value"))
        for each in visitor.get().page.all("button")
    ]
