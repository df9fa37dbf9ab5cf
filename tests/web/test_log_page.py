"""The log view: the output of a run, or of all jobs, with a filter, and as a file."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import pytest
from support.status_page import LIMIT, Element, PageClient, serve_page
from support.waiting import wait_until

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.frontend.backend import LogLine
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.web.pages import log_page
from jobtui.web.pages.log_page import show_lines
from jobtui.web.server import Server

AT = datetime(2026, 11, 27, 2, 30, 5, 123_456, tzinfo=UTC).timestamp()


def test_a_line_has_its_time_in_the_zone_and_a_tone_for_its_level() -> None:
    lines = [LogLine(AT, "a", 1, stream, "text") for stream in ("stdout", "stderr", "ERROR", "INFO")]
    shown = show_lines(lines, UTC)
    assert [(line.stream, line.level, line.tone) for line in shown] == [
        ("", None, ""),
        ("stderr", None, "waiting"),
        ("ERROR", 40, "failed"),
        ("INFO", 20, ""),
    ]
    assert (shown[0].at, shown[0].instant) == ("02:30:05.123", "2026-11-27T02:30:05.123+00:00")
    assert [line.at for line in show_lines([LogLine(None, "", 1, "", "text")], UTC)] == [""]


def test_a_line_shows_what_a_terminal_would_and_whether_it_matches() -> None:
    [line] = show_lines([LogLine(AT, "a", 1, "stdout", "\x1b[31m10%\r20% DONE\x1b[0m")], UTC, search="done")
    assert (line.text, line.is_match) == ("20% DONE", True)


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler whose output is captured."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        yield scheduler


@pytest.fixture
def log() -> OutputLog:
    """Make the log of the output of all jobs."""
    return OutputLog()


@pytest.fixture
def client(scheduler: Scheduler, log: OutputLog) -> Iterator[PageClient]:
    """Serve the page of the scheduler, with the output of its jobs."""
    backend = LocalBackend(scheduler, "shop.py", log)
    with Server(backend, parse_address("127.0.0.1:0")) as server:
        assert isinstance(server.address, TcpAddress)
        yield PageClient(server.address)


def run_captured(
    scheduler: Scheduler, log: OutputLog, function: Callable[[], object], name: str = "talk"
) -> None:
    """Run a job, and capture what it writes."""
    with capture_streams(log):
        assert scheduler.every("1h", function, name=name).run().wait(LIMIT)


def talk() -> None:
    """Write to both streams."""
    print("first line")
    print("a warning", file=sys.stderr)
    print("last line")


def lines(page: Element) -> list[str]:
    """Return the text of each line."""
    return [each.text.rstrip("\n") for each in page.find_one("pre", id="log").children]


def test_the_log_of_a_run_has_its_lines_in_order(
    scheduler: Scheduler, log: OutputLog, client: PageClient
) -> None:
    run_captured(scheduler, log, talk)
    page = client.get("/@jobs/log?run=1").page
    assert lines(page) == ["first line", "a warning", "last line"]
    warning = page.find_one("pre", id="log").children[1]
    assert warning.attributes["data-stream"] == "stderr"
    assert warning.attributes["class"] == "log-line tone-waiting"
    assert "the run has ended" in page.find_one("p", id="log-end").plain_text
    assert "data-after" not in page.find_one("section", id="log-view").attributes


def test_the_filter_and_the_search_work_without_a_script(
    scheduler: Scheduler, log: OutputLog, client: PageClient
) -> None:
    run_captured(scheduler, log, talk)
    found = client.get("/@jobs/log?run=1&q=line").page
    assert len(lines(found)) == 3
    assert "2 lines contain the text" in found.find_one("p", id="log-caption").plain_text
    marked = [
        each for each in found.find_one("pre", id="log").children if "match" in each.attributes["class"]
    ]
    assert [each.plain_text for each in marked] == ["first line", "last line"]
    only = client.get("/@jobs/log?run=1&q=line&only=on&wrap=off").page
    assert lines(only) == ["first line", "last line"]
    assert "checked" in only.find_one("input", id="only").attributes
    assert only.find_one("pre", id="log").attributes["class"] == "log nowrap"
    assert lines(client.get("/@jobs/log?run=1&q=LINE&only=on").page) == []
    assert "no line passes the filter" in client.get("/@jobs/log?run=1&q=LINE&only=on").page.plain_text


def test_a_filter_for_levels_hides_log_records_below_and_no_lines_of_streams(
    scheduler: Scheduler, log: OutputLog, client: PageClient
) -> None:
    log.write("talk", 0, "stdout", "plain\n")
    for level in ("DEBUG", "INFO", "WARNING", "ERROR", "Level 35"):
        log.write("talk", 0, level, f"{level}\n")
    assert lines(client.get("/@jobs/log?level=warning").page) == ["plain", "WARNING", "ERROR", "Level 35"]
    page = client.get("/@jobs/log").page
    assert len(lines(page)) == 6
    chosen = page.find_one("select", id="level").find_all("option", selected="")
    assert [each.plain_text for each in chosen] == ["all levels"]


def test_the_log_of_a_job_is_that_of_its_run_that_runs_or_of_its_latest_one(
    scheduler: Scheduler, client: PageClient
) -> None:
    name, release = "a/b c", threading.Event()
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name=name)
    assert client.get(f"/@jobs/log?job={quote(name)}").location == "/@jobs/jobs/a%2Fb%20c"
    job.run()
    job.run()
    wait_until(lambda: scheduler.snapshot().pool.running == 1)
    assert client.get(f"/@jobs/log?job={quote(name)}").location == "/@jobs/log?run=1"
    release.set()
    wait_until(lambda: job.status.value == "IDLE")
    assert client.get(f"/@jobs/log?job={quote(name)}").location == "/@jobs/log?run=2"
    assert client.get("/@jobs/log?job=missing").status == 404


def test_a_job_whose_runs_have_not_started_has_no_log(scheduler: Scheduler, client: PageClient) -> None:
    release = threading.Event()
    for name in ("one", "two", "three"):
        scheduler.every("1h", lambda: release.wait(LIMIT), name=name).run()
    wait_until(lambda: scheduler.snapshot().pool.queued == 1)
    assert client.get("/@jobs/log?job=three").location == "/@jobs/jobs/three"
    release.set()


def test_the_output_of_all_jobs_names_the_run_of_each_line(
    scheduler: Scheduler, log: OutputLog, client: PageClient
) -> None:
    for name in ("one", "two"):
        run_captured(scheduler, log, partial(print, name), name)
    page = client.get("/@jobs/log").page
    sources = page.find_one("pre", id="log").find_all("a")
    assert [each.link() for each in sources] == ["/@jobs/runs/1", "/@jobs/runs/2"]
    assert page.find_one("section", id="log-view").attributes["data-after"]


def test_a_long_output_is_shown_in_parts(scheduler: Scheduler, log: OutputLog, client: PageClient) -> None:
    def count() -> None:
        for number in range(4_500):
            print(number)

    run_captured(scheduler, log, count)
    page = client.get("/@jobs/log?run=1&q=9").page
    numbers = [int(line) for line in lines(page)]
    while earlier := page.find_all("a", rel="prev"):
        page = client.get(earlier[0].link()).page
        numbers = [int(line) for line in lines(page)] + numbers
        assert page.find_one("input", id="find").attributes["value"] == "9"
    assert numbers == list(range(4_500))
    assert "Latest lines" in page.find_one("p", id="log-caption").plain_text


def test_the_whole_output_is_sent_as_a_text_file(
    scheduler: Scheduler, log: OutputLog, client: PageClient
) -> None:
    def count() -> None:
        for number in range(2_500):
            print(f"{number} 日本語 <b>")

    run_captured(scheduler, log, count)
    response = client.get("/@jobs/log.txt?run=1")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="run-1.txt"'
    assert response.text == "".join(f"{number} 日本語 <b>\n" for number in range(2_500))
    assert client.get("/@jobs/log.txt").text == response.text
    assert client.get("/@jobs/log.txt?run=2").status == 404


def test_a_file_has_a_limit(
    scheduler: Scheduler, log: OutputLog, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> None:
        for number in range(4_500):
            print(number)

    monkeypatch.setattr(log_page, "MAX_DOWNLOAD", 100)
    run_captured(scheduler, log, count)
    *_, before, last = client.get("/@jobs/log.txt?run=1").text.splitlines()
    assert (before, last) == ("1999", "[the rest is left out]")


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("run=x", 400, "the run number must be a whole number"),
        ("run=88", 404, "there is no run 88"),
        ("level=loud", 400, "level must be one of INFO, WARNING, ERROR, CRITICAL"),
        ("file=a", 400, "allowed: run, job, before"),
    ],
)
def test_a_wrong_parameter_is_named(client: PageClient, query: str, status: int, detail: str) -> None:
    response = client.get(f"/@jobs/log?{query}")
    assert response.status == status
    assert detail in response.page.find_one("main").plain_text


def test_a_position_of_another_lifetime_leads_to_the_latest_lines(
    scheduler: Scheduler, log: OutputLog, client: PageClient
) -> None:
    run_captured(scheduler, log, talk)
    assert lines(client.get("/@jobs/log?run=1&before=abcd-7").page) == [
        "first line",
        "a warning",
        "last line",
    ]


def test_a_program_that_captures_no_output_says_so(scheduler: Scheduler) -> None:
    assert scheduler.every("1h", talk, name="talk").run().wait(LIMIT)
    with serve_page(scheduler) as client:
        assert "not recorded: " in client.get("/@jobs/log?run=1").page.find_one("main").plain_text


@pytest.mark.parametrize(
    "attack", ["</pre><script>alert(1)</script>", '"><img src=x>', "\u202e\x1b[2J\x07", "{{ 7 * 7 }}"]
)
def test_hostile_lines_and_names_are_shown_as_text(
    scheduler: Scheduler, log: OutputLog, client: PageClient, attack: str
) -> None:
    logger = logging.getLogger("hostile")

    def job() -> None:
        print(attack)
        logger.error(attack)

    run_captured(scheduler, log, job, attack if attack.isprintable() else "talk")
    for path in ("/@jobs/log?run=1", "/@jobs/log", "/@jobs/runs/1"):
        page = client.get(path).page
        assert not [each for each in page.find_all("script") if "src" not in each.attributes]
        assert not page.find_all("img")
        assert "\u202e" not in page.text
        assert "\x1b" not in page.text
        if attack.isprintable():
            assert attack in page.find_one("main").text
