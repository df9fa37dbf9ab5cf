"""The history page: a form with a query, and pages of runs."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from support.status_page import LIMIT, Element, PageClient, serve_page

from jobtui import Scheduler
from jobtui.web.pages import history_page


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


def fail() -> None:
    """Raise an error."""
    raise ValueError("no such order")


def rows(page: Element) -> list[list[str]]:
    """Return the text of each cell of the runs."""
    return [
        [cell.plain_text for cell in row.children]
        for row in page.find_one("tbody", **{"data-rows": "runs"}).children
    ]


def test_the_history_has_the_columns_of_the_dashboard_and_the_newest_run_first(
    scheduler: Scheduler, client: PageClient
) -> None:
    assert scheduler.every("1h", print, name="backup").run().wait(LIMIT)
    assert scheduler.every("1h", fail, name="orders").run().wait(LIMIT)
    page = client.get("/@jobs/history").page
    heads = [each.plain_text for each in page.find_one("section", id="history").find_all("th", scope="col")]
    assert heads == ["Ended", "State", "Run", "Job", "By", "Took", "Reason"]
    newest, oldest = rows(page)
    assert newest[1:5] == ["✗ FAILED", "#2", "orders", "now"]
    assert newest[6] == "ValueError: no such order"
    assert oldest[1:5] == ["✓ OK", "#1", "backup", "now"]


def test_a_query_selects_runs_and_stays_in_its_field(scheduler: Scheduler, client: PageClient) -> None:
    scheduler.every("1h", print, name="backup").run().wait(LIMIT)
    scheduler.every("1h", fail, name="orders").run().wait(LIMIT)
    page = client.get("/@jobs/history?q=state%3Afailed").page
    assert [row[3] for row in rows(page)] == ["orders"]
    assert page.find_one("input", id="query").attributes["value"] == "state:failed"
    page = client.get("/@jobs/history?q=state%3Afailed+backup").page
    assert "no run meets the query" in page.find_one("main").plain_text


@pytest.mark.parametrize("name", ["a b", 'say "hello"', "*", "日本語"])
def test_a_job_in_the_address_becomes_a_term_of_the_query(
    scheduler: Scheduler, client: PageClient, name: str
) -> None:
    scheduler.every("1h", print, name=name).run().wait(LIMIT)
    page = client.get(f"/@jobs/history?{urlencode({'job': name})}").page
    query = page.find_one("input", id="query").attributes["value"]
    assert query.startswith('job:"')
    assert [row[3] for row in rows(page)] == [name]
    assert rows(client.get(f"/@jobs/history?{urlencode({'q': query})}").page) == rows(page)


def test_a_wrong_query_is_answered_with_the_place_of_the_mistake(client: PageClient) -> None:
    response = client.get("/@jobs/history?q=job%3Aa+state%3Afaild")
    assert response.status == 422
    alert = response.page.find_one("div", id="wrong-query")
    assert "did you mean failed?" in alert.plain_text
    assert "(at character 7)" in alert.plain_text
    assert alert.find_one("mark").plain_text == "state:faild"
    field = response.page.find_one("input", id="query")
    assert field.attributes["value"] == "job:a state:faild"
    assert field.attributes["aria-describedby"] == "wrong-query"


def test_a_cursor_that_is_not_valid_is_an_error_without_a_place(client: PageClient) -> None:
    response = client.get("/@jobs/history?cursor=x")
    assert response.status == 422
    assert not response.page.find_all("mark")


def test_links_lead_to_the_older_runs_and_back_to_the_newest(
    scheduler: Scheduler, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_page, "PAGE_SIZE", 2)
    job = scheduler.every("1h", print, name="backup")
    for _ in range(5):
        assert job.run().wait(LIMIT)
    page, numbers = client.get("/@jobs/history?q=job%3Abackup").page, list[str]()
    while True:
        numbers += [row[2] for row in rows(page)]
        older = page.find_all("a", rel="next")
        if not older:
            break
        page = client.get(older[0].link()).page
    assert numbers == ["#5", "#4", "#3", "#2", "#1"]
    (pages,) = page.find_all("nav", **{"class": "pages"})
    newest = client.get(pages.find_one("a").link()).page
    assert [row[2] for row in rows(newest)] == ["#5", "#4"]
    assert newest.find_one("input", id="query").attributes["value"] == "job:backup"


def test_a_hostile_query_is_shown_as_text(client: PageClient) -> None:
    attack = '"><script>alert(1)</script>'
    page = client.get(f"/@jobs/history?{urlencode({'q': attack})}").page
    assert page.find_one("input", id="query").attributes["value"] == attack
    assert not [each for each in page.find_all("script") if "src" not in each.attributes]


def test_an_unknown_parameter_is_rejected(client: PageClient) -> None:
    response = client.get("/@jobs/history?query=a")
    assert response.status == 400
    assert "allowed: q, job, cursor" in response.page.find_one("main").plain_text
