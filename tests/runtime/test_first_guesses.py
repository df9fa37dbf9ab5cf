"""The errors for names of other schedulers, and for other first guesses, say what to write."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import jobtui
from jobtui import Scheduler
from jobtui.schedules.durations import parse_duration
from jobtui.testing import simulated

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday

package: Any = jobtui
make: Any = Scheduler
make_simulated: Any = simulated


def work() -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("guess", "answer"),
    [
        (lambda s: s.every(seconds=5), "every() has no argument 'seconds'; write every('5s', function)"),
        (lambda s: s.every(work, seconds=5), "write every('5s', function)"),
        (lambda s: s.every(minutes=1, seconds=30), "write every('1m30s', function)"),
        (lambda s: s.every(hours="two"), "write every('30s', function)"),
        (
            lambda s: s.every(5),
            "'runnable'; write every(5, function), or the decorator @scheduled(every=5)",
        ),
        (lambda s: s.every(), 'write every("30s", function), or the decorator @scheduled(every="30s")'),
        (lambda s: s.every("5 seconds", work), "spaces are not allowed in a duration; write 5s"),
        (lambda s: s.every("5min", work), "unknown unit 'min'; write 5m"),
        (lambda s: s.every(work, 5), "not function; the interval comes first, then the function"),
        (lambda s: s.every(NOON, work), "not datetime; at() takes an instant"),
        (
            lambda s: s.every("@daily", work),
            "'@daily' is a spec, not a duration; pass it to schedule() or @scheduled()",
        ),
        (
            lambda s: s.every("*/5 * * * *", work),
            "is a spec, not a duration; pass it to schedule() or @scheduled()",
        ),
        (
            lambda s: s.every(5, work, splay=3),
            "every() has no argument 'splay'; write jitter=",
        ),
        (lambda s: s.every(5, work, id="x"), "every() has no argument 'id'; write name="),
        (
            lambda s: s.every(5, work, max_instances=3),
            'write overlap="hold", "skip", "allow" or "replace"; Scheduler(pool=) limits',
        ),
        (
            lambda s: s.every(5, work, overlaps="skip"),
            "every() has no argument 'overlaps'; did you mean overlap=?",
        ),
        (
            lambda s: s.every(5, work, colour="red"),
            "its arguments are interval, runnable, args, kwargs, start, name, replace, overlap, misfire",
        ),
        (
            lambda s: s.every(5, work, "name"),
            "takes 3 positional arguments but 4 were given; write every(5, function)",
        ),
        (lambda s: s.schedule(work, "interval", seconds=5), "write every('5s', function)"),
        (lambda s: s.schedule(work, "cron", hour=10, minute=30), 'write schedule("0 30 10 * * *", function)'),
        (
            lambda s: s.schedule(work, "cron", day_of_week="mon-fri", hour=10),
            'write schedule("0 0 10 * * mon-fri", function)',
        ),
        (lambda s: s.schedule(minute="*/5", hour="9, 17"), 'write schedule("0 */5 9,17 * * *", function)'),
        (lambda s: s.schedule(day_of_month=1), 'write schedule("0 0 0 1 * *", function)'),
        (lambda s: s.schedule(work, "@daily"), "; the schedule comes first, then the function"),
        (
            lambda s: s.schedule("@daily"),
            "write schedule('@daily', function), or the decorator @scheduled('@daily')",
        ),
        (lambda s: s.schedule(5, work), "not 5; every() takes an interval"),
        (lambda s: s.schedule(timedelta(seconds=5), work), "; every() takes an interval"),
        (lambda s: s.schedule(NOON, work), "; at() takes an instant"),
        (lambda s: s.schedule("@daily", work, parameters=[1]), "write args= and kwargs="),
        (lambda s: s.schedule("@daily", work, timezone="UTC"), "write tz="),
        (
            lambda s: s.schedule("@daily", work, misfire_grace_time=3),
            'write max_late="1h"',
        ),
        (lambda s: s.schedule("@daily", work, coalesce=True), 'write misfire="coalesce", "skip" or "all"'),
        (lambda s: s.schedule("@daily", work, catchup=True), 'write catch_up="24h"'),
        (
            lambda s: s.every(5, work, paused=True),
            "every() has no argument 'paused'; write job.pause() after",
        ),
        (lambda s: s.every(5, work, run_immediately=True), "write on_start=True"),
        (lambda s: s.every(5, work, on_error=print), "write on_success=, on_failure= or on_missed="),
        (lambda s: s.every(5, work, max_runs=3), "write times=5"),
        (lambda s: s.every(5, work, priority=3), "runs start in the order in which they are requested"),
        (lambda s: s.start(paused=True), "start() has no argument 'paused'; it takes none"),
        (lambda s: s.stop(wait=False), "stop() has no argument 'wait'; write stop(grace): the seconds that"),
        (
            lambda s: s.stop(timeout=5),
            "stop() has no argument 'timeout'; write stop(grace): the seconds that",
        ),
        (lambda s: s.schedule("5 seconds", work), "write @every 5s"),
        (lambda s: s.scheduled(), 'such as @scheduled("0 */15 * * * *") or @scheduled(every="30s")'),
        (lambda s: s.scheduled(work), '@scheduled("0 */15 * * * *") or @scheduled(every="30s")'),
        (lambda s: s.scheduled(seconds=5), "write @scheduled(every='5s')"),
        (lambda s: s.scheduled("interval", seconds=5), "write @scheduled(every='5s')"),
        (lambda s: s.scheduled("cron", hour=5), 'write @scheduled("0 0 5 * * *")'),
        (lambda s: s.scheduled(every=5, splay=3), 'write jitter="30s" or spread="1h"'),
        (lambda s: s.in_("5 minutes", work), "write 5m"),
        (lambda s: s.in_(NOON, work), "not datetime; at() takes an instant"),
        (lambda s: s.in_(5), "write in_(5, function, *arguments)"),
        (lambda s: s.at("10:30", work), "not str; datetime.fromisoformat() reads one from text"),
        (lambda s: s.at(5, work), "in_() takes a delay"),
        (lambda s: s.at(timedelta(5), work), "in_() takes a delay"),
        (lambda s: s.at(work, NOON), "; the instant comes first, then the function"),
        (
            lambda s: s.add_job(work),
            'Scheduler has no attribute \'add_job\'; write schedule("0 */15 * * * *", function), every("30s"',
        ),
        (
            lambda s: s.run_pending(),
            "write start(), which returns at once, or run the file with the command jobtui",
        ),
        (lambda s: s.shutdown(), "write stop(grace)"),
        (lambda s: s.get_jobs(), "write jobs, a list"),
        (lambda s: s.remove_job("x"), "write remove(job) or job.remove()"),
        (lambda s: s.job("work").id, "Job has no attribute 'id'; write name"),
        (lambda s: s.job("work").next_run_time, "write next"),
        (lambda s: s.job("work").cancel(), "write remove(), or pause()"),
        (lambda s: package.add_job(work), "module 'jobtui' has no attribute 'add_job'; write schedule("),
        (lambda s: package.BackgroundScheduler(), "write Scheduler()"),
        (lambda s: package.crontab, 'write Cron("0 */15 * * * *")'),
        (lambda s: package.start(), "it is a member of a Scheduler"),
        (lambda s: make(timezone="UTC"), "Scheduler() has no argument 'timezone'; write tz="),
        (lambda s: make(max_workers=3), "write pool="),
        (lambda s: make(4), "takes 1 positional argument but 2 were given; all its arguments are keywords"),
        (lambda s: make_simulated(pol=1), "SimulatedScheduler() has no argument 'pol'; did you mean pool=?"),
        (lambda s: make_simulated(overlap="skip"), 'write defaults={"overlap": ...}'),
        (
            lambda s: make_simulated("2026-03-08", "UTC"),
            '; write simulated("2026-03-08T00:00", tz="UTC")',
        ),
        (lambda s: s.now(work).get(), "Run has no attribute 'get'; write result(timeout)"),
        (lambda s: s.now(work).done(), "write wait(0) or state.ended"),
        (lambda s: s.now(work).status, "write state"),
        (lambda s: s.now(work).revoke(), "write cancel()"),
    ],
)
def test_the_error_for_a_first_guess_says_what_to_write(guess: Callable[[Any], object], answer: str) -> None:
    """In one line. Nothing is registered."""
    scheduler = Scheduler(tz="UTC")
    scheduler.every("1h", work)
    with pytest.raises((TypeError, ValueError, AttributeError)) as caught:
        guess(scheduler)
    assert answer in str(caught.value).splitlines()[0]
    assert len(scheduler.jobs) == 1


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("5 seconds", "5s"),
        ("30 Seconds", "30s"),
        ("5min", "5m"),
        ("3hrs", "3h"),
        ("5 sec.", "5s"),
        ("1h 30m", "1h30m"),
        ("1 hour and 30 minutes", "1h30m"),
        ("every 5 minutes", "5m"),
        ("an hour", "1h"),
        ("minute", "1m"),
        ("1,5h", "1h30m"),
        ("500 milliseconds", "500ms"),
        ("PT5M", "5m"),
        ("PT1H30M", "1h30m"),
        ("00:05:00", "5m"),
        ("1:00:30", "1h30s"),
    ],
)
def test_the_error_for_a_duration_in_other_words_has_it_in_jobtuis(text: str, instead: str) -> None:
    """The text that it suggests is valid."""
    with pytest.raises(ValueError, match=f"; write {instead}\n"):
        parse_duration(text)
    assert parse_duration(instead)


@pytest.mark.parametrize(
    ("text", "instead"),
    [("1d", "24h"), ("2 days", "48h"), ("P1DT2H", "26h"), ("1 week", "168h"), ("P2W", "336h")],
)
def test_the_error_for_days_says_that_they_differ_in_length(text: str, instead: str) -> None:
    """A day with a clock change has 23 or 25 hours."""
    with pytest.raises(
        ValueError, match=f"a day is not always 24 hours, so write {instead} if you mean that"
    ):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P1M", "-5 seconds", "5 fortnights", "10:30", "daily", "five seconds"])
def test_the_error_for_a_text_without_a_certain_meaning_suggests_no_duration(text: str) -> None:
    """A month has no length, and 10:30 may be a time of the day."""
    with pytest.raises(ValueError, match=r"write (1h30m|h, m, s|a number and a unit|5m)") as caught:
        parse_duration(text)
    assert "5s" not in str(caught.value)


def test_an_error_inside_a_method_is_not_taken_for_a_wrong_call() -> None:
    """Its message and its traceback stay as they are."""

    class Wrong:
        def run(self) -> None:
            """Do nothing."""

        def __init__(self) -> None:
            raise TypeError("missing 1 required positional argument: not a wrong call")

    with pytest.raises(TypeError, match="Wrong cannot be instantiated without arguments"):
        Scheduler().every(5, Wrong)


def test_names_of_other_schedulers_are_not_listed_and_can_be_used() -> None:
    """They are neither completed, nor in the way of a class of the user."""

    class Own(Scheduler):
        def __init__(self) -> None:
            super().__init__(tz="UTC")
            self.running = True

        def add_job(self) -> str:
            """Return a word."""
            return "added"

    assert {"add_job", "shutdown"} & {*dir(Scheduler(tz="UTC"))} == set()
    assert not hasattr(Scheduler(tz="UTC"), "add_job")
    assert Own().add_job() == "added"
    assert Own().running
