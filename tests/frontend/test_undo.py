"""Changes that are taken back, unless another user has changed the same thing since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import connect
from jobtui.engine.views import JobView
from jobtui.frontend import commands, undo
from jobtui.frontend.backend import Backend
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.undo import UNDO_TIME, Undoable, UndoStack
from jobtui.web.server import Server

NEXT_YEAR = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)


@pytest.fixture(params=["local", "attached"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Return a scheduler with three jobs and a pool of four, in this process or through its API."""
    scheduler = Scheduler(tz="UTC", pool=4)
    for name in ("a", "b", "c"):
        scheduler.schedule("@yearly", print, name=name)
    local = LocalBackend(scheduler, "jobs.py")
    with scheduler:
        if request.param == "local":
            yield local
            return
        with Server(local, parse_address("127.0.0.1:0")) as server:
            remote = connect(str(server.address))
            yield remote
            remote.close()


def paused(backend: Backend) -> set[str]:
    return {name for name in "abc" if backend.job_details(name).job.paused_since is not None}


def revert(outcome: Undoable, backend: Backend) -> str:
    assert outcome.revert is not None
    return outcome.revert(backend)


def test_a_pause_is_taken_back(backend: Backend) -> None:
    outcome = undo.pause_jobs(backend, ["a"], "dashboard")
    assert (outcome.text, paused(backend)) == ("‖ a paused", {"a"})
    assert revert(outcome, backend) == "undone: a resumed"
    assert paused(backend) == set()


def test_a_pause_that_was_changed_meanwhile_stays(backend: Backend) -> None:
    """Another user has paused the job for longer, with a reason."""
    outcome = undo.pause_jobs(backend, ["a"], "dashboard", for_="1h")
    backend.resume("a")
    backend.pause("a", until=NEXT_YEAR, note="the disk is full")
    with pytest.raises(RuntimeError, match="not undone: a changed meanwhile"):
        revert(outcome, backend)
    assert backend.job_details("a").job.pause_note == "the disk is full"


def test_only_the_jobs_that_were_not_changed_meanwhile_are_taken_back(backend: Backend) -> None:
    """A job that was paused before the command does not count."""
    backend.pause("c")
    outcome = undo.pause_jobs(backend, ["a", "b", "c"], "dashboard")
    assert outcome.text == "‖ 2 jobs paused"
    backend.resume("b")
    assert revert(outcome, backend) == "undone: a resumed; 1 job changed meanwhile"
    assert paused(backend) == {"c"}


def test_a_pause_of_all_jobs_is_taken_back_for_exactly_those_that_it_paused(backend: Backend) -> None:
    """Not for one that was paused just before, which the front end did not know yet."""
    backend.pause("a", note="the disk is full")
    outcome = undo.pause_all(backend, ["a", "b", "c"], "dashboard")
    assert (outcome.text, paused(backend)) == ("‖ 2 jobs paused", {"a", "b", "c"})
    assert revert(outcome, backend) == "undone: 2 jobs resumed; 1 job changed meanwhile"
    assert paused(backend) == {"a"}


def test_a_pause_of_all_jobs_that_was_changed_meanwhile_stays(backend: Backend) -> None:
    outcome = undo.pause_all(backend, ["a", "b", "c"], "dashboard")
    backend.resume("b")
    backend.pause("b", note="the disk is full")
    assert revert(outcome, backend) == "undone: 2 jobs resumed; 1 job changed meanwhile"
    assert backend.job_details("b").job.pause_note == "the disk is full"


def test_a_resumption_is_taken_back_with_the_end_and_the_reason_of_the_pause(backend: Backend) -> None:
    backend.pause("a", until=NEXT_YEAR, note="until the new disk comes")
    outcome = undo.resume_jobs(backend, ["a"])
    assert paused(backend) == set()
    assert revert(outcome, backend) == "undone: a paused again"
    job = backend.job_details("a").job
    assert (job.paused_until, job.pause_note) == (NEXT_YEAR, "until the new disk comes")


def test_a_resumption_is_not_taken_back_if_the_job_is_paused_again(backend: Backend) -> None:
    backend.pause("a", note="old")
    outcome = undo.resume_jobs(backend, ["a"])
    backend.pause("a", note="new")
    with pytest.raises(RuntimeError, match="not undone"):
        revert(outcome, backend)
    assert backend.job_details("a").job.pause_note == "new"


def test_a_schedule_is_taken_back_unless_it_was_changed_meanwhile(backend: Backend) -> None:
    outcome = undo.reschedule(backend, "a", "@daily")
    assert revert(outcome, backend) == "undone: a has its schedule again: @yearly"
    assert backend.job_details("a").job.spec == "@yearly"
    outcome = undo.reschedule(backend, "a", "@daily")
    backend.update("a", spec="@hourly")
    with pytest.raises(RuntimeError, match="another schedule"):
        revert(outcome, backend)
    assert backend.job_details("a").job.spec == "@hourly"


@pytest.fixture
def odd_backend() -> Iterator[LocalBackend]:
    """Return a scheduler in this process with schedules that no text has."""
    scheduler = Scheduler(tz="UTC")
    scheduler.every("30s", print, name="grid", start=datetime(2026, 1, 1, 0, 0, 7, tzinfo=UTC))
    scheduler.every("30s", print, name="interval")
    scheduler.schedule(EveryLeapDay(), print, name="leap")
    scheduler.schedule("TZ=Asia/Tokyo 30 2 * * *", print, name="cron", dst="every", on_start=True)
    scheduler.every("1h", print, name="spread", start=datetime(2026, 1, 1, tzinfo=UTC), spread="5m")
    with scheduler:
        yield LocalBackend(scheduler, "jobs.py")


class EveryLeapDay:
    """A schedule of the user's own class."""

    tz = UTC

    def next(self, after: datetime) -> datetime | None:
        """Return the next 29 February, roughly."""
        return datetime(after.year + 4 - after.year % 4, 2, 29, tzinfo=UTC)

    def __str__(self) -> str:
        """Return a text that the parser does not know."""
        return "every leap day"


def settled_job(backend: Backend, name: str) -> JobView:
    """Return a job once its next tick is known."""
    while (job := backend.job_details(name).job).next is None:
        pass
    return job


@pytest.mark.parametrize("spec", ["1h", "@daily", "@reboot"])
@pytest.mark.parametrize("name", ["grid", "interval", "leap", "cron", "spread"])
def test_a_schedule_in_this_process_is_restored_exactly(
    odd_backend: LocalBackend, name: str, spec: str
) -> None:
    """With the start of its grid, its zone, its DST rule and its run at the start."""
    before = settled_job(odd_backend, name)
    outcome = undo.reschedule(odd_backend, name, spec)
    assert odd_backend.job_details(name).job.schedule != before.schedule
    assert revert(outcome, odd_backend) == f"undone: {name} has its schedule again: {before.spec}"
    after = settled_job(odd_backend, name)
    assert (after.schedule, after.on_start) == (before.schedule, before.on_start)


def test_an_attached_dashboard_says_that_the_start_of_an_interval_is_lost(odd_backend: LocalBackend) -> None:
    """The API takes a schedule as a text, which has no start; a schedule of the user has no text at all."""
    with Server(odd_backend, parse_address("127.0.0.1:0")) as server:
        remote = connect(str(server.address))
        outcome = undo.reschedule(remote, "grid", "1h")
        assert revert(outcome, remote) == (
            "undone: grid has its schedule again: every 30s, "
            "but it begins now: the API does not take the start of an interval"
        )
        cron = undo.reschedule(remote, "cron", "@daily")
        assert revert(cron, remote) == "undone: cron has its schedule again: TZ=Asia/Tokyo 30 2 * * *"
        cron = undo.reschedule(remote, "cron", "1h")
        assert revert(cron, remote).endswith(
            ", but not exactly: the API does not take its zone and its DST rule"
        )
        leap = undo.reschedule(remote, "leap", "1h")
        with pytest.raises(RuntimeError, match="not undone: only the program of leap can give it that"):
            revert(leap, remote)
        assert remote.job_details("leap").job.spec == "every 1h"
        remote.close()


def test_a_pool_size_is_taken_back_unless_it_was_changed_meanwhile(backend: Backend) -> None:
    revert(undo.resize(backend, 8), backend)
    assert backend.pool_view().size == 4
    outcome = undo.resize(backend, 8)
    backend.resize(2)
    with pytest.raises(RuntimeError, match="changed to 2 meanwhile"):
        revert(outcome, backend)
    assert backend.pool_view().size == 2


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (lambda backend: undo.resume_jobs(backend, ["a"]), "a was not paused"),
        (lambda backend: undo.resume_jobs(backend, ["a", "b"]), "0 jobs resumed"),
        (lambda backend: undo.resize(backend, 4), "pool: 4 runs at once"),
    ],
    ids=["resume", "resume several", "resize"],
)
def test_a_command_that_changes_nothing_leaves_nothing_to_undo(
    backend: Backend, command: Callable[[Backend], Undoable], text: str
) -> None:
    assert command(backend) == Undoable(text)


def test_a_job_that_was_removed_is_not_taken_back() -> None:
    scheduler = Scheduler(tz="UTC")
    job = scheduler.schedule("@yearly", print, name="a")
    backend = LocalBackend(scheduler, "jobs.py")
    outcome = undo.pause_jobs(backend, ["a"], "dashboard")
    job.remove()
    with pytest.raises(RuntimeError, match="not undone"):
        revert(outcome, backend)


def test_a_pause_of_all_jobs_is_taken_back_although_one_was_removed() -> None:
    """The front end did not know that yet."""
    scheduler = Scheduler(tz="UTC")
    scheduler.schedule("@yearly", print, name="a")
    backend = LocalBackend(scheduler, "jobs.py")
    outcome = undo.pause_all(backend, ["gone", "a"], "dashboard")
    assert revert(outcome, backend) == "undone: a resumed; 1 job changed meanwhile"


def test_the_stack_gives_back_the_latest_change_first_and_forgets_old_ones() -> None:
    now = [0.0]
    stack = UndoStack(lambda: now[0])

    def name(text: str) -> undo.Revert:
        return lambda _backend: text

    first, second, third = name("1"), name("2"), name("3")
    stack.push(first)
    now[0] = 4.0
    stack.push(second)
    stack.push(third)
    assert stack.pop() is third
    now[0] = UNDO_TIME
    assert stack.pop() is second
    assert stack.pop() is None


def test_cancelling_a_run_that_has_ended_differs_from_one_that_never_existed(backend: Backend) -> None:
    number = backend.run("a")
    while not backend.run_view(number).state.ended:
        pass
    assert commands.cancel(backend, number, "run 1") == "run 1 has already ended: too late to cancel"
    with pytest.raises(LookupError, match="there is no run 4242"):
        commands.cancel(backend, 4242, "run 4242")


def test_a_pool_without_a_limit_is_not_called_a_pool_of_zero(backend: Backend) -> None:
    assert undo.resize(backend, 0).text == "pool: no limit"
    assert undo.resize(backend, 3).text == "pool: 3 runs at once"
