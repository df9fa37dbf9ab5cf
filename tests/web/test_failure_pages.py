"""The pages about a run that failed: the difference of its output, and the first failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.status_page import LIMIT, Element, PageClient, serve_page

from jobtui import Scheduler
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.web.pages import failure_pages


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler."""
    with Scheduler(pool=1, tz="UTC") as scheduler:
        yield scheduler


@pytest.fixture
def client(scheduler: Scheduler) -> Iterator[PageClient]:
    """Serve the page of the scheduler."""
    with serve_page(scheduler) as client:
        yield client


@contextmanager
def serve_recorded(scheduler: Scheduler) -> Iterator[PageClient]:
    """Record the output of jobs, and serve the page. Pytest replaces the streams after a fixture."""
    with capture_streams(OutputLog()), serve_page(scheduler) as client:
        yield client


class Job:
    """A job that prints, and fails from its second run on.

    Args:
        before: What the first run prints.
        after: What later runs print.
    """

    def __init__(self, before: str, after: str) -> None:
        self._texts = [before, after]
        self.runs = 0

    def run(self) -> None:
        """Print, and perhaps fail."""
        self.runs += 1
        if self.runs == 1:
            print(self._texts[0])
            return
        print(self._texts[1])
        raise ConnectionRefusedError("no database")


def run_often(scheduler: Scheduler, job: Job, name: str, times: int) -> list[int]:
    """Run a job some times. Return the numbers of its runs."""
    registered = scheduler.every("1h", job, name=name)
    runs = [registered.run() for _ in range(times)]
    assert all(run.wait(LIMIT) for run in runs)
    return [run.number for run in runs]


def rows(page: Element) -> list[str]:
    """Return the lines of the difference."""
    return page.find_one("pre", id="rows").text.splitlines()


def test_the_page_of_a_run_leads_to_the_difference_of_its_output(scheduler: Scheduler) -> None:
    with serve_recorded(scheduler) as client:
        before, after = "begin 12ms\nread 3 orders\nend", "begin 15ms\nread no orders\nend"
        ok, failed = run_often(scheduler, Job(before, after), "orders", 2)
        (link,) = client.get(f"/@jobs/runs/{failed}").page.find_all("a", **{"data-key": "d"})
        page = client.get(link.link()).page
        assert rows(page) == ["  begin 15ms", "- read 3 orders", "+ read no orders", "  end"]
        section = page.find_one("section", id="diff")
        assert "1 difference" in section.plain_text
        assert [each.plain_text for each in section.find_all("strong")] == ["1 difference", "3", "no"]
        (first,) = [
            each for each in section.find_all("span") if "difference" in each.attributes["class"].split()
        ]
        assert first.plain_text == "- read 3 orders"
        links = {each.link() for each in section.find_all("a")}
        assert links == {"/@jobs/jobs/orders", f"/@jobs/runs/{ok}", f"/@jobs/runs/{failed}"}


def test_the_difference_shows_text_and_neither_markup_nor_colours(scheduler: Scheduler) -> None:
    with serve_recorded(scheduler) as client:
        attack = "<img src=x onerror=alert(1)>"
        _, failed = run_often(scheduler, Job("fine", f"{attack}\n\x1b[31mred\x1b[0m"), attack, 2)
        response = client.get(f"/@jobs/diff?run={failed}")
        assert rows(response.page) == ["- fine", f"+ {attack}", "+ red"]
        assert "<img" not in response.text


def test_the_rows_of_a_difference_are_limited(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_recorded(scheduler) as client:
        monkeypatch.setattr(failure_pages, "MAX_ROWS", 2)
        _, failed = run_often(scheduler, Job("a", "b\nc\nd"), "orders", 2)
        page = client.get(f"/@jobs/diff?run={failed}").page
        assert rows(page) == ["- a", "+ b"]
        assert "and 2 more lines" in page.find_one("section", id="diff").plain_text


def test_a_run_without_an_earlier_ok_run_has_no_difference(scheduler: Scheduler) -> None:
    with serve_recorded(scheduler) as client:
        (first,) = run_often(scheduler, Job("a", "b"), "orders", 1)
        page = client.get(f"/@jobs/diff?run={first}").page
        assert "no earlier OK run of orders is known" in page.find_one("section", id="diff").plain_text


def test_equal_outputs_have_no_difference(scheduler: Scheduler) -> None:
    with serve_recorded(scheduler) as client:
        _, failed = run_often(scheduler, Job("took 1s", "took 2s"), "orders", 2)
        section = client.get(f"/@jobs/diff?run={failed}").page.find_one("section", id="diff")
        assert "no difference, apart from numbers and times" in section.plain_text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("diff?run=99", 404),
        ("diff?run=x", 400),
        ("diff", 400),
        ("streak?job=no", 404),
        ("streak?run=99", 404),
    ],
)
def test_an_unknown_run_or_job_is_an_error(client: PageClient, path: str, status: int) -> None:
    assert client.get(f"/@jobs/{path}").status == status


@pytest.mark.parametrize("path", ["runs/3", "jobs/orders"])
def test_the_pages_of_a_failing_job_and_of_its_run_lead_to_the_first_failure(
    scheduler: Scheduler, client: PageClient, path: str
) -> None:
    assert run_often(scheduler, Job("a", "b"), "orders", 3) == [1, 2, 3]
    (link,) = client.get(f"/@jobs/{path}").page.find_all("a", **{"data-key": "f"})
    section = client.get(link.link()).page.find_one("section", id="streak")
    first, *others = [each.plain_text for each in section.find_all("p")]
    assert first.startswith("fails since ")
    assert first.endswith(", run 2: all 2 runs since then")
    assert others[0] == "error: ConnectionRefusedError: no database"
    assert others[1].endswith(", run 1")
    assert others[2].startswith("commit before it: ")
    links = [each.link() for each in section.find_one("nav").find_all("a")]
    assert links == ["/@jobs/runs/2", "/@jobs/diff?run=2", "/@jobs/runs/1"]


@pytest.mark.parametrize("query", ["run=x", "run=0", "job=orders&run=1", "of=1"])
def test_a_wrong_query_for_the_first_failure_is_an_error(client: PageClient, query: str) -> None:
    assert client.get(f"/@jobs/streak?{query}").status == 400


def test_the_page_of_a_failed_run_leads_to_its_failures_although_its_job_is_ok_since(
    scheduler: Scheduler, client: PageClient
) -> None:
    job = Job("a", "b")
    assert run_often(scheduler, job, "orders", 2) == [1, 2]
    job.runs = 0  # so that it is OK again
    scheduler.run("orders").wait(20)
    (link,) = client.get("/@jobs/runs/2").page.find_all("a", **{"data-key": "f"})
    assert link.link() == "/@jobs/streak?run=2"
    texts = [
        each.plain_text
        for each in client.get(link.link()).page.find_one("section", id="streak").find_all("p")
    ]
    assert texts[0].endswith(", run 2: no other run in a row")
    assert texts[3].startswith("first run that was OK again: ")
    assert texts[3].endswith(", run 3")


def test_a_first_failure_without_an_ok_run_before_it_leads_to_no_difference(
    scheduler: Scheduler, client: PageClient
) -> None:
    job = Job("a", "b")
    job.runs = 1  # so that it fails at once
    run_often(scheduler, job, "orders", 1)
    section = client.get("/@jobs/streak?job=orders").page.find_one("section", id="streak")
    assert [each.link() for each in section.find_one("nav").find_all("a")] == ["/@jobs/runs/1"]


def test_a_job_that_works_has_no_first_failure(scheduler: Scheduler, client: PageClient) -> None:
    run_often(scheduler, Job("a", "b"), "orders", 1)
    for path in ("runs/1", "jobs/orders"):
        assert not client.get(f"/@jobs/{path}").page.find_all("a", **{"data-key": "f"})
    section = client.get("/@jobs/streak?job=orders").page.find_one("section", id="streak")
    assert section.plain_text == "First failure of orders its latest run did not fail"
