"""The migration guides: each call on the right of a table can be executed, each trigger means the same."""

from __future__ import annotations

import ast
import asyncio
import functools
import inspect
import json
import keyword
import logging
import math
import os
import pkgutil
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from peer_instants import FILE, NOW
from support.doc_pages import Page, code_words, page

import jobtui
from jobtui.cli.parsers import PARSERS
from jobtui.simulation.simulated_runtime import SimulatedRun
from jobtui.testing import SimulatedScheduler, simulated

GUIDES = [page(f"docs/from-{peer}.md") for peer in ("apscheduler", "schedule", "huey", "celery-beat")]
PEER_INSTANTS: dict[str, dict[str, list[Any]]] = json.loads(FILE.read_text("utf-8"))
API_PATHS = {(method, code_words(path)[0]) for method, path, _ in page("docs/api.md").table("Paths")}

_HEADING = re.compile(r"^##+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\([^)]*\)")


@pytest.fixture(autouse=True)
def machine_in_utc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let the machine's zone be UTC, as it was for the other programs, and stores be files of the test."""
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patched:
        patched.setitem(os.environ, "TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def cells(guide: Page) -> list[Any]:
    """Return each code span in the last column of a guide's tables as a parameter; links have none."""
    return [
        pytest.param(guide, code, id=f"{guide.path.stem}: {code}")
        for heading in _HEADING.findall(guide.prose)
        if heading != "Clock changes"
        for table in guide.tables(heading)
        for row in table
        for code in code_words(_LINK.sub("", row[-1]))
    ]


@functools.cache
def definitions(guide: Page) -> dict[str, Any]:
    """Return the names that the examples of a guide define, and the modules that its tables use."""
    modules = (functools, jobtui, logging, math, pkgutil, threading)
    names: dict[str, Any] = {module.__name__: module for module in modules}
    with simulated(NOW, pool=0):
        for block in guide.in_language("python"):
            exec(compile("\n" * block.line + block.text, guide.name, "exec"), names)
    return names


@contextmanager
def names_of(guide: Page) -> Iterator[dict[str, Any]]:
    """Yield the names that a guide uses: those of its examples, and those that its text introduces."""
    with closing(asyncio.new_event_loop()) as loop, simulated(NOW, pool=0) as scheduler:
        endings: list[jobtui.Ending] = []
        scheduler.on_success(endings.append)
        names = definitions(guide) | {"timedelta": timedelta, "datetime": datetime}
        names |= {
            "scheduler": scheduler,
            "job": scheduler.schedule("0 30 2 * * *", names["report"], name="nightly"),
            "run": scheduler.now(names["report"]),
            "instant": NOW + timedelta(days=1),
            "loop": loop,
            "UTC": UTC,
        }
        [names["ending"]] = endings
        yield names


def compiled(code: str) -> CodeType:
    """Compile a statement, a decorator or the head of a `with` statement."""
    decorated = "\ndef decorated():\n    pass" if code.startswith("@") else ""
    end = "\n    pass" if code.endswith(":") else decorated
    compiled: CodeType = compile(code + end, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return compiled


def arguments_in(code: str) -> dict[str, str] | None:
    """Return the keyword arguments that code consists of, each with the code of its value; else None."""
    try:
        call = ast.parse(f"f({code})", mode="eval").body
    except SyntaxError:
        return None
    assert isinstance(call, ast.Call)
    if call.args or not call.keywords or call.keywords[0].arg == "run":  # `run = ...` is a statement
        return None
    return {str(each.arg): ast.unparse(each.value) for each in call.keywords}


def register(scheduler: SimulatedScheduler, report: Any, arguments: dict[str, Any]) -> None:
    """Register a job with arguments, by the function that has them."""
    if "start" in arguments:
        scheduler.every("1h", report, **arguments)
    elif "durable" in arguments:  # needs a store, which simulated schedulers do not have
        inspect.signature(jobtui.Scheduler.at).bind(scheduler, NOW, report, **arguments)
    else:
        scheduler.schedule("@hourly", report, **arguments)


def execute(code: str, names: dict[str, Any]) -> None:
    """Execute a statement, with a scheduler of its own if it starts or stops one."""
    if code.startswith("jobtui.run("):  # would wait for a signal
        inspect.signature(jobtui.run).bind()
    elif re.search(r"scheduler\.(start|stop)(_async)?\(|with scheduler", code):
        with jobtui.Scheduler() as started:
            started.stop()
            if "stop" in code:
                started.start()
            evaluate(code, names | {"scheduler": started})
    elif "current_run" in code:
        names["scheduler"].now(evaluate, code, names).result()
    else:
        evaluate(code, names)


def evaluate(code: str, names: dict[str, Any]) -> None:
    """Execute a statement, which may await."""
    value = eval(compiled(code), names)
    if inspect.iscoroutine(value):
        asyncio.run(value)


@pytest.mark.parametrize(("guide", "code"), [case for guide in GUIDES for case in cells(guide)])
def test_the_code_on_the_right_of_a_guide_can_be_executed(guide: Page, code: str) -> None:
    """Statements, arguments of a job, commands, or paths of the API."""
    first, _, rest = code.partition(" ")
    if rest and first == "jobtui":
        assert rest.split()[0] in PARSERS or re.match(r"\w+\.(py|jobs)\b", rest)
    elif first in {"GET", "POST", "PATCH", "DELETE"}:
        assert (first, rest) in API_PATHS
    elif not code.startswith("/") and not all(map(keyword.iskeyword, code.split())):
        with names_of(guide) as names:
            if (arguments := arguments_in(code)) is None:
                execute(code, names)
            else:
                values = {name: eval(value, names) for name, value in arguments.items()}
                register(names["scheduler"], names["report"], values)


def instants_of(made: jobtui.Job | SimulatedRun[Any], count: int) -> list[float]:
    """Return the first instants at which a job or a one-off run is due, in seconds since the epoch."""
    found: list[float] = []
    after = NOW
    schedule = made.schedule if isinstance(made, jobtui.Job) else jobtui.Once(made.due or NOW)
    while len(found) < count and (due := schedule.next(after)):
        found.append(due.timestamp())
        after = due
    return found


def triggers() -> list[Any]:
    """Return the rows of the tables of triggers as parameters."""
    return [
        pytest.param(guide, peer, ours, id=f"{guide.path.stem}: {code_words(peer)[0]}")
        for guide in GUIDES
        for peer, ours in guide.table("Triggers")
    ]


@pytest.mark.parametrize(("guide", "peer", "ours"), triggers())
def test_a_translated_trigger_is_due_at_the_instants_of_its_original(
    guide: Page, peer: str, ours: str
) -> None:
    """As the other program computes them: the first fifty, or all of them."""
    expected = PEER_INSTANTS[guide.name][code_words(peer)[0]]
    with names_of(guide) as names:
        for code in code_words(ours):
            assert instants_of(eval(code, names), 50) == expected


@pytest.mark.parametrize(
    ("peer", "night", "theirs", "spec", "times"), page("docs/from-apscheduler.md").table("Clock changes")
)
def test_a_night_of_a_clock_change_is_described_for_both_programs(
    peer: str, night: str, theirs: str, spec: str, times: str
) -> None:
    """The first half of the day, in the zone of the page."""
    [code], [ours] = code_words(peer), code_words(spec)
    documented = [] if theirs == "never" else theirs.split(", ")
    assert PEER_INSTANTS["docs/from-apscheduler.md"][f"{code} {night}"] == documented
    begin = datetime.fromisoformat(night).replace(tzinfo=ZoneInfo("Europe/Oslo"))
    cron, due, found = jobtui.Cron(ours, tz="Europe/Oslo"), begin, []
    while (due := cron.next(due) or begin) < begin.replace(hour=12):
        found.append(f"{due:%H:%M}")
    assert ", ".join(found) == times


def test_the_data_of_the_other_programs_belong_to_the_rows_of_the_guides() -> None:
    """A row that was removed leaves no data behind."""
    for guide in GUIDES:
        rows = {code_words(peer)[0] for peer, _ in guide.table("Triggers")}
        assert {key for key in PEER_INSTANTS[guide.name] if not key[-1].isdigit()} - rows == set()


def test_a_job_of_a_flask_application_runs_in_its_context(capsys: pytest.CaptureFixture[str]) -> None:
    """The function of the page, with an object that has the three members of an application that it uses."""
    log: list[str] = []

    class Application:
        debug = True

        @contextmanager
        def app_context(self) -> Iterator[None]:
            log.append("enter")
            yield
            log.append(capsys.readouterr().out)

    with names_of(page("docs/from-apscheduler.md")) as names:
        scheduler = names["make_scheduler"](Application())
    capsys.readouterr()
    assert scheduler.snapshot().phase is jobtui.Phase.NEW  # in the parent of the reloader
    with scheduler:
        scheduler.run("often").result(timeout=60)
    assert log == ["enter", "often\n"]
