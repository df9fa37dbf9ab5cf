"""The form for a run with other arguments."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import pydantic
import pytest
from support.status_page import LIMIT, Element, PageClient, PageResponse, serve_page

from jobtui import Scheduler, Secret
from jobtui.access.rules import AccessRules
from jobtui.web.pages import run_form


@dataclass
class Span:
    """Has a field without a default."""

    first: int
    last: int = 10


class Export:
    """A job that keeps its arguments.

    Attributes:
        calls: The arguments of each run.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.called = threading.Event()

    def run(  # noqa: PLR0917 - a parameter of each type
        self,
        source: Path,
        day: date,
        limit: int = 10,
        mode: Literal["fast", "slow"] = "fast",
        dry: bool = False,
        key: Secret[str] = Secret("x"),  # noqa: B008 - never changed
        span: Span = Span(1),  # noqa: B008 - never changed
        note: str = "a\nb",
    ) -> None:
        """Export the orders of a day.

        Args:
            source: The folder with the orders.
            day: The day.
            limit: How many orders.
            mode: How fast.
            dry: Whether to write nothing.
            key: The key of the shop.
            span: The numbers of the orders.
            note: A text.
        """
        self.calls.append(locals() | {"key": key.reveal()})
        self.called.set()


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        yield scheduler


@pytest.fixture
def client(scheduler: Scheduler) -> Iterator[PageClient]:
    """Serve the page of the scheduler."""
    with serve_page(scheduler) as client:
        yield client


@pytest.fixture
def export(scheduler: Scheduler) -> Export:
    """Schedule the job with two arguments."""
    export = Export()
    scheduler.every("1h", export.run, name="export", args=(Path("orders"), date(2026, 11, 27)))
    return export


def texts(page: Element) -> dict[str, str]:
    """Return the text of each field of the form."""
    form = page.find_one("section", id="run-form").find_one("form")
    found = {each.attributes["name"]: each.attributes.get("value", "") for each in form.find_all("input")}
    for each in form.find_all("select"):
        chosen = [option for option in each.children if "selected" in option.attributes]
        found[each.attributes["name"]] = chosen[0].attributes["value"] if chosen else ""
    for each in form.find_all("textarea"):
        found[each.attributes["name"]] = each.text.removeprefix("\n")
    return found


def submit(client: PageClient, page: Element, **changes: str) -> PageResponse:
    """Submit the form after changes of its arguments."""
    changed = {f"argument-{name.replace('__', '.')}": text for name, text in changes.items()}
    return client.post("/@jobs/run", texts(page) | changed)


def problem_of(page: Element, name: str) -> str:
    """Return the problem that is shown beside a field."""
    field = next(each for each in page.find_all() if each.attributes.get("name") == f"argument-{name}")
    assert field.attributes["aria-invalid"] == "true"
    hint = page.find_one("p", id=field.attributes["aria-describedby"])
    return hint.find_one("strong").plain_text


def test_the_form_has_a_field_for_each_parameter_with_its_help_and_its_text(
    client: PageClient, export: Export
) -> None:
    assert export.calls == []
    page = client.get("/@jobs/run?job=export").page
    found = texts(page)
    assert {name: text for name, text in found.items() if name.startswith("argument-")} == {
        "argument-source": "orders",
        "argument-day": "2026-11-27",
        "argument-limit": "10",
        "argument-mode": "fast",
        "argument-dry": "false",
        "argument-key": "",
        "argument-span.first": "1",
        "argument-span.last": "10",
        "argument-note": "a\nb",
    }
    section = page.find_one("section", id="run-form")
    assert "Export the orders of a day." in section.plain_text
    assert "The folder with the orders." in section.find_one("p", id="argument-source-hint").plain_text
    assert "whole number" in section.find_one("p", id="argument-limit-hint").plain_text
    assert section.find_one("input", id="argument-key").attributes["type"] == "password"
    assert section.find_one("input", id="argument-day").attributes["type"] == "date"
    assert all(section.find_all("label", **{"for": name}) for name in found if name.startswith("argument-"))


class Point(Enum):
    """Has values that JSON does not have."""

    A = (1, 2)
    B = (3, 4)


class Order(pydantic.BaseModel):
    """Has limits."""

    number: int = pydantic.Field(default=5, ge=1, description="The number of the order.")
    code: str = pydantic.Field(default="AB", max_length=2)


def test_a_member_of_an_enum_is_chosen_by_its_name_and_limits_are_shown_and_checked_together(
    scheduler: Scheduler, client: PageClient
) -> None:
    calls: list[tuple[Point, Order]] = []

    def send(point: Point = Point.A, order: Order = Order()) -> None:  # noqa: B008 - never changed
        calls.append((point, order))

    job = scheduler.every("1h", send, name="send")
    page = client.get("/@jobs/run?job=send").page
    choices = page.find_one("select", id="argument-point").find_all("option")
    assert [each.attributes["value"] for each in choices] == ["A", "B"]
    hint = page.find_one("p", id="argument-order.number-hint").plain_text
    assert hint == "whole number, at least 1, optional: The number of the order."
    wrong = submit(client, page, order__number="0", order__code="ABC")
    assert wrong.status == 422
    assert problem_of(wrong.page, "order.number") == "✗ must be at least 1, not '0'"
    assert problem_of(wrong.page, "order.code") == "✗ must have at most 2 characters, not 'ABC'"
    assert submit(client, page, point="B", order__number="7").status == 303
    job.run().wait(LIMIT)
    assert calls[0] == (Point.B, Order(number=7))


def test_a_run_gets_the_arguments_and_the_form_leads_to_it(client: PageClient, export: Export) -> None:
    page = client.get("/@jobs/run?job=export").page
    response = submit(
        client, page, source="other", limit="3", mode="slow", dry="true", key="k1", span__first="5"
    )
    assert (response.status, response.location) == (303, "/@jobs/runs/1")
    run_page = client.get(response.location).page
    assert run_page.find_one("p", id="message").plain_text == "▶ export: run 1"
    assert export.called.wait(LIMIT)
    [call] = export.calls
    del call["self"]
    assert call == {
        "source": Path("other"),
        "day": date(2026, 11, 27),
        "limit": 3,
        "mode": "slow",
        "dry": True,
        "key": "k1",
        "span": Span(5, 10),
        "note": "a\nb",
    }


def test_without_changes_the_run_gets_the_arguments_of_the_job(client: PageClient, export: Export) -> None:
    assert submit(client, client.get("/@jobs/run?job=export").page).status == 303
    assert export.called.wait(LIMIT)
    assert (export.calls[0]["source"], export.calls[0]["limit"], export.calls[0]["key"]) == (
        Path("orders"),
        10,
        "x",
    )


def test_a_mistake_is_shown_beside_its_field_and_the_texts_are_kept(
    client: PageClient, export: Export
) -> None:
    page = client.get("/@jobs/run?job=export").page
    response = submit(client, page, source="other", limit="many", key="secret", span__last="x", day="")
    assert response.status == 422
    assert problem_of(response.page, "limit") == "✗ must be a whole number, not 'many'"
    assert problem_of(response.page, "span.last") == "✗ must be a whole number, not 'x'"
    assert problem_of(response.page, "day") == "✗ is missing"
    found = texts(response.page)
    assert (found["argument-source"], found["argument-limit"]) == ("other", "many")
    assert (found["argument-key"], "secret" in response.text.replace("secret text", "")) == ("", False)
    first = [each for each in response.page.find_all() if "autofocus" in each.attributes]
    assert [each.attributes["name"] for each in first] == ["argument-day"]
    assert export.calls == []
    assert submit(client, response.page, limit="4", span__last="6", day="2026-11-28").status == 303


def test_a_value_that_only_the_job_rejects_is_shown_beside_its_field(
    scheduler: Scheduler, client: PageClient
) -> None:
    """The conversion of a class of the user may raise."""

    @dataclass
    class Even:
        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError("is odd")

    def job(even: Even) -> None:
        raise AssertionError(even)

    job.__annotations__["even"] = Even
    scheduler.every("1h", job, name="even", args=(Even(2),))
    response = submit(client, client.get("/@jobs/run?job=even").page, even__number="3")
    assert response.status == 422
    assert problem_of(response.page, "even.number") == "✗ is odd"


def test_a_job_without_parameters_can_be_run_from_its_form(scheduler: Scheduler, client: PageClient) -> None:
    done = threading.Event()

    def job() -> None:
        done.set()

    scheduler.every("1h", job, name="plain")
    page = client.get("/@jobs/run?job=plain").page
    assert "it takes no arguments" in page.find_one("section", id="run-form").plain_text
    assert submit(client, page).status == 303
    assert done.wait(LIMIT)


def test_a_double_click_runs_the_job_once(client: PageClient, scheduler: Scheduler, export: Export) -> None:
    page = client.get("/@jobs/run?job=export").page
    first, second = submit(client, page, limit="3"), submit(client, page, limit="3")
    assert (first.location, second.location) == ("/@jobs/runs/1", "/@jobs/runs/1")
    assert submit(client, client.get("/@jobs/run?job=export").page, limit="3").location == "/@jobs/runs/2"
    assert export.called.wait(LIMIT)
    assert len(scheduler.find_runs(job="export")) == 2


def test_the_form_remembers_what_a_browser_ran_last_without_secrets(
    client: PageClient, export: Export
) -> None:
    """A link leads back to the arguments of the job, which the form then has again."""
    page = client.get("/@jobs/run?job=export").page
    assert submit(client, page, limit="3", note="", key="k1", span__first="5").status == 303
    assert export.called.wait(LIMIT)
    again = client.get("/@jobs/run?job=export").page
    found = texts(again)
    shown = {name: found[f"argument-{name}"] for name in ("limit", "note", "key", "span.first", "source")}
    assert shown == {"limit": "3", "note": "", "key": "", "span.first": "5", "source": "orders"}
    assert "k1" not in client.get("/@jobs/run?job=export").text
    (link,) = [each for each in again.find_all("a") if each.plain_text == "the arguments of the job"]
    assert texts(client.get(link.link()).page)["argument-limit"] == "10"
    assert texts(client.get("/@jobs/run?job=export").page)["argument-limit"] == "10"


def test_another_browser_does_not_see_what_one_has_typed(client: PageClient, export: Export) -> None:
    assert export.calls == []
    assert submit(client, client.get("/@jobs/run?job=export").page, limit="3").status == 303
    other = PageClient(client.address)
    assert texts(other.get("/@jobs/run?job=export").page)["argument-limit"] == "10"
    assert texts(client.get("/@jobs/run?job=export").page)["argument-limit"] == "3"


def test_the_remembered_forms_are_limited(
    client: PageClient, export: Export, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert export.calls == []
    monkeypatch.setattr(run_form, "MAX_REMEMBERED", 1)
    scheduler.every("1h", Export().run, name="other", args=(Path("orders"), date(2026, 11, 27)))
    for job in ("export", "other"):
        assert submit(client, client.get(f"/@jobs/run?job={job}").page, limit="3").status == 303
    found = [texts(client.get(f"/@jobs/run?job={job}").page)["argument-limit"] for job in ("export", "other")]
    assert found == ["10", "3"]


def test_a_form_of_another_site_runs_nothing(client: PageClient, export: Export) -> None:
    """Without the token of the page, and from another origin."""
    page = client.get("/@jobs/run?job=export").page
    fields = texts(page)
    assert client.post("/@jobs/run", fields | {"token": "x"}).status == 403
    assert client.post("/@jobs/run", fields, {"Origin": "http://evil.example"}).status == 403
    assert client.post("/@jobs/run", fields, {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert client.request("GET", f"/@jobs/run?{urlencode(fields)}").status == 400
    assert export.calls == []


@pytest.mark.parametrize("name", ["missing", ""])
def test_an_unknown_job_is_not_found(client: PageClient, name: str) -> None:
    assert client.get(f"/@jobs/run?job={name}").status == 404
    page = client.get().page
    token = page.find_one("form", id="command").find_one("input", name="token").attributes["value"]
    assert client.post("/@jobs/run", {"token": token, "job": name}).status == 404


def test_a_read_only_page_has_no_form(scheduler: Scheduler, export: Export) -> None:
    with serve_page(scheduler, AccessRules(readonly=True)) as client:
        assert client.get("/@jobs/run?job=export").status == 404
        assert client.post("/@jobs/run", {"job": "export"}).status in (403, 404)
        links = [each.link() for each in client.get("/@jobs/jobs/export").page.find_all("a")]
        assert not [link for link in links if link.startswith("/@jobs/run?")]
    assert export.calls == []


@pytest.mark.parametrize(
    "attack", ["<script>alert(1)</script>", '"><img src=x>', "</textarea>\n<b>", "{{ 7 * 7 }}"]
)
def test_hostile_texts_are_shown_as_text(scheduler: Scheduler, client: PageClient, attack: str) -> None:
    """The names, the docstring, the defaults, and what the user types."""

    def job(first: str = attack, second: Literal["<i>", "b"] = "b", number: int = 1) -> None:
        raise AssertionError

    job.__doc__ = f"{attack}\n\nArgs:\n    first: {attack}\n"
    scheduler.every("1h", job, name="a <b> job")
    page = client.get("/@jobs/run?job=a+%3Cb%3E+job").page
    response = submit(client, page, first=attack, second=attack, number=attack)
    assert response.status == 422
    for each in (page, response.page):
        assert texts(each)["argument-first"] == attack
        assert not [element for element in each.find_all("script") if "src" not in element.attributes]
        assert not each.find_all("img")
        assert not each.find_one("section", id="run-form").find_all("b")
    assert texts(response.page)["argument-second"] == attack


def test_the_job_page_leads_to_the_form(client: PageClient, export: Export) -> None:
    links = {each.plain_text: each.link() for each in client.get("/@jobs/jobs/export").page.find_all("a")}
    assert links["Run with arguments"] == "/@jobs/run?job=export"
    assert client.get(links["Run with arguments"]).status == 200
    assert export.calls == []


def test_a_form_with_too_many_fields_is_rejected(client: PageClient, export: Export) -> None:
    page = client.get("/@jobs/run?job=export").page
    many = {f"argument-{number}": "x" for number in range(300)}
    assert client.post("/@jobs/run", texts(page) | many).status == 400
    assert export.calls == []
