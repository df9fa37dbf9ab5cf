"""docs/schedules.md, policies.md, clock-changes.md and testing-jobs.md: what their tables say is so."""

from __future__ import annotations

import asyncio
import re
from typing import get_args

import pytest
from support.doc_pages import code_words, page

import jobtui
from jobtui.engine.enums import Cancellation, MisfireName, OverlapName
from jobtui.engine.job_policies import MAX_HELD
from jobtui.schedules.dst import DstEffect
from jobtui.testing import simulated

SCHEDULES = page("docs/schedules.md")
POLICIES = page("docs/policies.md")
CLOCK_CHANGES = page("docs/clock-changes.md")
TESTING = page("docs/testing-jobs.md")


def specs_in_words() -> list[tuple[str, str]]:
    """Return every spec that a table puts in words."""
    rows = [
        *SCHEDULES.tables("Cron specs")[1],
        *SCHEDULES.table("The two day fields"),
        *SCHEDULES.table("Short names"),
    ]
    return [(spec, words) for specs, words in rows for spec in code_words(specs)]


@pytest.mark.parametrize(("spec", "words"), specs_in_words())
def test_a_documented_spec_has_the_documented_meaning(spec: str, words: str) -> None:
    """In the words of `jobtui.describe`."""
    assert jobtui.describe(jobtui.parse(spec)) == words


def test_documented_items_of_a_field_have_the_documented_values() -> None:
    """A list in the table means the same minutes as the item."""
    rows = {code_words(item)[0]: text for item, text in SCHEDULES.tables("Cron specs")[0]}
    for item, text in rows.items():
        if listed := re.search(r"(\d+(?:, \d+)+)", text):
            assert jobtui.parse(f"0 {item} * * * *") == jobtui.parse(
                f"0 {listed[1].replace(' ', '')} * * * *"
            )
    assert set(rows) == {"*", "?", "5", "9-17", "*/15", "5/15", "10-50/20"}


@pytest.mark.parametrize(
    ("heading", "names"),
    [("Overlap", OverlapName), ("Late ticks", MisfireName)],
)
def test_every_policy_is_documented_with_an_example(heading: str, names: object) -> None:
    """The table of meanings and the table of examples."""
    for table in POLICIES.tables(heading):
        assert [code_words(row[0])[0].strip('"') for row in table] == list(get_args(names))


async def work_for_25_seconds() -> None:
    """Take longer than the job's interval."""
    await asyncio.sleep(25)


@pytest.mark.parametrize("overlap", get_args(OverlapName))
def test_each_overlap_policy_starts_runs_at_the_documented_seconds(overlap: OverlapName) -> None:
    """The example of the page, run on a simulated clock."""
    rows = {code_words(name)[0].strip('"'): starts for name, starts, _ in POLICIES.tables("Overlap")[1]}
    with simulated() as scheduler:
        scheduler.every("10s", work_for_25_seconds, name="slow", overlap=overlap)
        scheduler.advance("70s")
        begun = scheduler.snapshot().started
        assert begun is not None
        starts = [f"{(at - begun).total_seconds():.0f}" for at in scheduler.fired("slow")]
    assert ", ".join(starts) == rows[overlap]


@pytest.mark.parametrize("misfire", get_args(MisfireName))
def test_each_misfire_policy_starts_runs_at_the_documented_times(misfire: MisfireName) -> None:
    """The example of the page, run on a simulated clock."""
    rows = {code_words(name)[0].strip('"'): runs for name, runs in POLICIES.tables("Late ticks")[1]}
    with simulated() as scheduler:
        scheduler.schedule("* * * * *", lambda: None, name="minutely", misfire=misfire)
        scheduler.advance("1m")
        scheduler.step("10m30s")
        scheduler.advance("30s")
        fired = [f"{at:%H:%M:%S}" for at in scheduler.fired("minutely")]
    shown = ", ".join(fired).replace(", ".join(["00:11:30"] * 10), "ten runs at 00:11:30")
    assert shown == rows[misfire]


def test_the_documented_max_held_is_the_default() -> None:
    assert f"It is {MAX_HELD:,} unless you set it." in POLICIES.text


def test_every_result_of_a_cancellation_is_documented() -> None:
    """In the words of the API."""
    assert [code_words(answer)[0] for answer, _ in POLICIES.table("Cancel a run")] == [
        answer.value for answer in Cancellation
    ]


def test_every_effect_of_a_clock_change_is_documented() -> None:
    """In the words of `jobtui next`."""
    assert [effect for _, effect, _ in CLOCK_CHANGES.table("What can happen to a tick")] == [
        effect.value for effect in DstEffect
    ]


@pytest.mark.parametrize("heading", ["Let time pass", "See what happened"])
def test_the_simulated_scheduler_has_every_documented_member(heading: str) -> None:
    """The tables list methods and attributes."""
    for call, _ in TESTING.table(heading):
        [name] = re.findall(r"^\.(\w+)", code_words(call)[0])
        assert hasattr(jobtui.testing.SimulatedScheduler, name)
