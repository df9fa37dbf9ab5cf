"""Hand-made snapshots of a scheduler on a Monday morning in London."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import cycle
from typing import Any, Literal
from zoneinfo import ZoneInfo

from jobtui.engine.enums import JobStatus, Misfire, Overlap, Phase, RunState, Trigger
from jobtui.engine.run_columns import RunColumns, RunPoint, columns_of
from jobtui.engine.secret import Secret
from jobtui.engine.views import (
    Duration,
    JobView,
    PoolView,
    Progress,
    RunStack,
    RunView,
    Snapshot,
    StackFrame,
)
from jobtui.frontend.job_parameters import Call, parameter_schema
from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Dst
from jobtui.simulation.forecast import forecast

LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
SPRING = datetime(2026, 3, 7, 13, 29, 53, tzinfo=NEW_YORK)  # the day before 02:00 becomes 03:00
AUTUMN = datetime(2026, 10, 31, 13, 29, 53, tzinfo=NEW_YORK)  # the day before 02:00 becomes 01:00
NOW = datetime(2026, 3, 16, 10, 24, 7, tzinfo=LONDON)
POOL = 4

OK, FAILED, SKIPPED, CANCELLED, COALESCED, MISSED = (
    RunState.OK,
    RunState.FAILED,
    RunState.SKIPPED,
    RunState.CANCELLED,
    RunState.COALESCED,
    RunState.MISSED,
)

TRACEBACK = """\
Traceback (most recent call last):
  File "demo_jobs.py", line 187, in import_orders
    total += read_order(line)
             ^^^^^^^^^^^^^^^^
  File "demo_jobs.py", line 172, in read_order
    return Decimal(line["amount"])
           ~~~~^^^^^^^^^^
KeyError: 'amount'"""


SHOP = """\
import json
from decimal import Decimal


def read_order(text):
    line = json.loads(text)
    try:
        # A gift has no amount.
        return Decimal(line["amount"])
    except KeyError as error:
        raise ValueError(f"order {line['number']} has no amount") from error


def import_orders(path, currency="EUR"):
    total = Decimal()
    with open(path) as orders:
        for text in orders:
            total += read_order(text)
    return total
"""
SHOP_TRACEBACK = """\
Traceback (most recent call last):
  File "shop.py", line 9, in read_order
    return Decimal(line["amount"])
                   ~~~~^^^^^^^^^^
KeyError: 'amount'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/usr/lib/python3.12/site-packages/shoplib/jobs.py", line 88, in call
    return function(*args)
           ^^^^^^^^^^^^^^^
  File "shop.py", line 18, in import_orders
    total += read_order(text)
             ^^^^^^^^^^^^^^^^
    where path = 'orders.jsonl'
    where currency = 'EUR'
    where total = Decimal('1204.50')
  File "shop.py", line 11, in read_order
    raise ValueError(f"order {line['number']} has no amount") from error
    where text = '{"number": 5117, "customer": "日本語"}'
    where line = {'number': 5117, 'customer': '日本語'}
ValueError: order 5117 has no amount"""


def ago(seconds: float) -> datetime:
    """Return an instant before `NOW`."""
    return NOW - timedelta(seconds=seconds)


def ahead(seconds: float) -> datetime:
    """Return an instant after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def make_job(name: str = "refresh_cache", spec: str = "@every 15s", **changes: Any) -> JobView:
    """Return a job that is idle, has run 12 times, and is due at the next tick of its spec."""
    schedule = None if spec == "one-off" else parse(spec.rsplit("= ", 1)[-1], tz=LONDON)
    view = JobView(
        name=name,
        status=JobStatus.IDLE,
        schedule=schedule,
        spec=spec,
        origin="demo_jobs.py:88",
        summary="Copy the prices that changed into the cache.",
        overlap=Overlap.HOLD,
        misfire=Misfire.COALESCE,
        running=0,
        queued=0,
        held=0,
        scheduled=0,
        prev=ago(9),
        next=None if schedule is None else schedule.next(NOW),
        paused_since=None,
        last_elapsed=timedelta(seconds=0.042),
        recent=(OK,) * 14,
        runs=12,
        failures=0,
    )
    view = replace(view, **changes)
    return view if view.recent_durations else replace(view, recent_durations=_durations(view))


def _durations(job: JobView) -> tuple[Duration | None, ...]:
    """Return durations around the latest one for those of the latest endings that were runs."""
    latest = 0.0 if job.last_elapsed is None else job.last_elapsed.total_seconds()
    factors = cycle((1.0, 0.8, 1.1, 1.0, 2.1, 0.9, 0.5, 1.0, 1.3))
    return tuple(
        Duration(latest * factor) if state.completed else None
        for state, factor in zip(job.recent, factors, strict=False)
    )


def one_off_job(name: str, **changes: Any) -> JobView:
    """Return the job of a group of one-off runs."""
    return make_job(name, "one-off", **changes)


def running_run(number: int, name: str, since: float, worker: int = 1, **changes: Any) -> RunView:
    """Return a run that started `since` seconds ago."""
    view = RunView(
        number=number,
        job=name,
        trigger=Trigger.TICK,
        state=RunState.RUNNING,
        created=ago(since),
        due=ago(since),
        started=ago(since),
        worker=f"worker-{worker}",
    )
    return replace(view, **changes)


def waiting_run(
    number: int, name: str, since: float, state: RunState = RunState.QUEUED, **changes: Any
) -> RunView:
    """Return a run that has waited for `since` seconds."""
    view = RunView(
        number=number,
        job=name,
        trigger=Trigger.NOW,
        state=state,
        created=ago(since),
        waiting_since=ago(since),
    )
    return replace(view, **changes)


def ended_run(
    number: int, name: str, since: float, state: RunState = OK, took: float = 0.042, **changes: Any
) -> RunView:
    """Return a run that ended `since` seconds ago and took `took` seconds."""
    view = RunView(
        number=number,
        job=name,
        trigger=Trigger.TICK,
        state=state,
        created=ago(since + took),
        due=ago(since + took),
        started=ago(since + took),
        ended=ago(since),
        elapsed=timedelta(seconds=took),
        worker="worker-1",
    )
    return replace(view, **changes)


def ended_ticks(name: str, since: float, state: RunState, reason: str, ticks: int = 1) -> RunView:
    """Return the ledger entry of ticks that started no run."""
    return RunView(
        number=0,
        job=name,
        trigger=Trigger.TICK,
        state=state,
        created=ago(since),
        due=ago(since),
        ended=ago(since),
        reason=reason,
        ticks=ticks,
    )


def make(
    jobs: Sequence[JobView] = (),
    *,
    running: Sequence[RunView] = (),
    waiting: Sequence[RunView] = (),
    scheduled: Sequence[RunView] = (),
    recent: Sequence[RunView] = (),
    pool: int = POOL,
    **changes: Any,
) -> Snapshot:
    """Return a snapshot of jobs and runs; it counts the pool's runs itself."""
    held = sum(run.state is RunState.HELD for run in waiting)
    snapshot = Snapshot(
        seq=1,
        at=NOW,
        zone=LONDON,
        phase=Phase.RUNNING,
        started=ago(3 * 3600 + 25 * 60),
        heartbeat=ago(2),
        internal_error="",
        pool=PoolView(size=pool, running=len(running), queued=len(waiting) - held, held=held),
        jobs=tuple(jobs),
        running=tuple(running),
        waiting=tuple(waiting),
        scheduled=tuple(scheduled),
        recent=tuple(recent),
    )
    return replace(snapshot, **changes)


def empty() -> Snapshot:
    """Return a snapshot without jobs."""
    return make(started=ago(4), heartbeat=ago(0))


def idle_jobs() -> list[JobView]:
    """Return eight idle jobs."""
    return [
        make_job(prev=ago(7)),
        make_job("hash_folder", "0 */5 * * * *", prev=ago(247), last_elapsed=timedelta(seconds=3.8)),
        make_job(
            "workday_report",
            "cron.workhours_15m = 0 */15 9-17 ? * MON-FRI",
            prev=ago(547),
            last_elapsed=timedelta(seconds=71),
            recent=(OK, OK, SKIPPED, OK, COALESCED, OK),
            runs=5,
        ),
        make_job("compress_log", "@every 1h", prev=ago(1500), last_elapsed=timedelta(seconds=0.61), runs=3),
        make_job(
            "import_orders",
            "@every 20s",
            prev=ago(12),
            recent=(OK, OK, FAILED, OK, OK, FAILED, OK, OK, OK, OK),
            runs=615,
            failures=41,
        ),
        make_job(
            "check_sockets", "@every 10s", prev=ago(4), last_elapsed=timedelta(seconds=0.003), runs=1230
        ),
        make_job(
            "vacuum", "@midnight", prev=ago(37447), last_elapsed=timedelta(seconds=185), recent=(OK,), runs=1
        ),
        make_job("new_year", "0 0 0 1 1 ?", prev=None, last_elapsed=None, recent=(), runs=0),
    ]


def recent_runs() -> list[RunView]:
    """Return ended runs and ticks, newest first."""
    return [
        ended_run(871, "check_sockets", 4, took=0.003),
        ended_run(870, "refresh_cache", 7),
        ended_run(869, "import_orders", 12, took=0.31),
        ended_run(868, "check_sockets", 14, took=0.004),
        ended_run(867, "refresh_cache", 22),
        failed_run(866, 32),
        ended_ticks("workday_report", 547, SKIPPED, "still running since 10:13:11, run 802"),
        ended_run(801, "hash_folder", 247, took=3.8),
    ]


def failed_run(number: int, since: float) -> RunView:
    """Return a failed run of import_orders."""
    return ended_run(
        number, "import_orders", since, FAILED, took=0.29, reason="KeyError: 'amount'", error=TRACEBACK
    )


def idle() -> Snapshot:
    """Return a snapshot in which nothing runs and one run waits for its instant."""
    return make(
        [*idle_jobs(), one_off_job("send_mail", scheduled=1, runs=2, recent=(OK, OK))],
        scheduled=[
            waiting_run(
                872,
                "send_mail",
                30,
                RunState.SCHEDULED,
                trigger=Trigger.IN,
                due=ahead(95),
                waiting_since=None,
            )
        ],
        recent=recent_runs(),
    )


def with_limits() -> Snapshot:
    """Return the idle snapshot, in which a job has limits of its time."""
    jobs = _changed(
        idle_jobs(),
        import_orders={"timeout": timedelta(seconds=90), "warn": timedelta(seconds=45)},
    )
    return make(jobs, recent=recent_runs())


def after_downtime() -> Snapshot:
    """Return a snapshot in which two jobs missed ticks while no scheduler ran, and the pool has 100 slots."""
    reason = "not running from 08:12:41 (killed) to 10:23:40"
    missed = [
        ended_ticks("workday_report", 27, MISSED, reason, 4),
        ended_ticks("hash_folder", 27, MISSED, reason, 26),
    ]
    return make(idle_jobs(), recent=[*recent_runs()[:4], *missed], pool=100, started=ago(27))


def _changed(jobs: Sequence[JobView], **changes: dict[str, Any]) -> list[JobView]:
    return [replace(each, **changes.get(each.name, {})) for each in jobs]


def mid_run() -> Snapshot:
    """Return a snapshot in which two of four slots are taken."""
    jobs = _changed(
        idle_jobs(),
        hash_folder={"status": JobStatus.RUNNING, "running": 1, "prev": ago(3)},
        compress_log={"status": JobStatus.RUNNING, "running": 1, "prev": ago(75)},
    )
    runs = [running_run(870, "compress_log", 75), running_run(873, "hash_folder", 3, 2, trigger=Trigger.HAND)]
    return make(jobs, running=runs, recent=recent_runs())


def progressing() -> Snapshot:
    """Return a snapshot in which two runs have reported their progress, and one takes longer than usual."""
    snapshot = mid_run()
    slow = replace(snapshot.running[0], progress=_progress(640, 1_000, "日本語の頁 640", 75, 42))
    pages = replace(snapshot.running[1], progress=_progress(1_234_567, None, "page 41", 3))
    jobs = _changed(
        list(snapshot.jobs), refresh_cache={"status": JobStatus.RUNNING, "running": 1, "prev": ago(9)}
    )
    return replace(snapshot, jobs=tuple(jobs), running=(slow, pages, running_run(874, "refresh_cache", 9, 3)))


def writing() -> Snapshot:
    """Return a snapshot in which jobs have written output since the dashboard began, and one is silent."""
    snapshot = mid_run()
    silent = timedelta(seconds=5)
    jobs = _changed(
        list(snapshot.jobs),
        compress_log={"last_output": ago(70), "longest_silence": silent},
        hash_folder={"last_output": ahead(0.5), "longest_silence": silent},
        import_orders={"last_output": ahead(0.2)},
    )
    return replace(snapshot, jobs=tuple(jobs))


def _progress(done: int, total: int | None, text: str, since: float, left: float | None = None) -> Progress:
    end = None if left is None else ahead(left)
    return Progress(done=done, total=total, text=text, since=ago(since), expected_end=end)


def parameters() -> dict[str, Any]:
    """Return the JSON Schema of the parameters of a job, whose argument is `orders`."""
    return parameter_schema(_export, Call(("orders",)))


def _export(  # type: ignore[no-untyped-def] # noqa: PLR0917 - many parameters
    table: str,
    limit: int = 100,
    mode: Literal["fast", "slow", "safe"] = "fast",
    dry: bool = False,
    day: date | None = None,
    名前: str = "日本語のテキスト",  # noqa: N803, PLC2401 - a wide name
    wait: timedelta = timedelta(seconds=90),
    tags: Sequence[str] = ("new", "old"),
    password: Secret[str] = Secret("x"),  # noqa: B008 - never changed
    a_parameter_with_a_very_long_name_indeed: float = 0.5,
    untyped=None,  # noqa: ANN001 - as in a script
    *more: int,
) -> None:
    """Export a table to a file, as CSV.

    Args:
        table: The name of the table, without the schema.
        limit: How many rows are exported at most. The rest is left out, and the log says how many rows that
            were.
        mode: How it reads.
        dry: Whether nothing is written.
        day: The day.
        名前: 日本語の説明。
        wait: How long it waits for the database.
        tags: The tags.
        password: That of the database.
        a_parameter_with_a_very_long_name_indeed: A number.
        untyped: Anything.
        more: Further numbers.
    """


def saturated() -> Snapshot:
    """Return a snapshot in which every slot is taken, three runs are queued and two are held."""
    jobs = _changed(
        idle_jobs(),
        hash_folder={"status": JobStatus.RUNNING, "running": 1, "held": 2, "prev": ago(14)},
        compress_log={"status": JobStatus.RUNNING, "running": 1, "prev": ago(86)},
        check_sockets={"status": JobStatus.RUNNING, "running": 1, "prev": ago(1)},
        refresh_cache={"status": JobStatus.QUEUED, "queued": 1},
        import_orders={
            "recent": (OK, FAILED, OK, OK, FAILED, OK, OK, OK, OK, FAILED),
            "failures": 42,
            "runs": 616,
        },
        workday_report={"status": JobStatus.PAUSED, "paused_since": ago(600)},
    )
    jobs.append(
        one_off_job(
            "send_mail", status=JobStatus.RUNNING, running=1, queued=2, prev=ago(2), recent=(OK, OK), runs=2
        )
    )
    return make(
        jobs,
        running=[
            running_run(870, "compress_log", 86, 1),
            running_run(873, "hash_folder", 14, 2, trigger=Trigger.HAND),
            running_run(879, "send_mail", 2, 3, trigger=Trigger.NOW),
            running_run(880, "check_sockets", 1, 4),
        ],
        waiting=[
            waiting_run(881, "send_mail", 2),
            waiting_run(882, "send_mail", 2),
            waiting_run(883, "refresh_cache", 1, trigger=Trigger.TICK),
            waiting_run(877, "hash_folder", 8, RunState.HELD, reason="waits for run 873"),
            waiting_run(878, "hash_folder", 3, RunState.HELD, reason="waits for run 877"),
        ],
        recent=[failed_run(876, 3), *recent_runs()],
    )


def busy() -> Snapshot:
    """Return a snapshot after seven minutes with a pool of two slots, in which runs often wait.

    The past was a forecast then, with some runs that failed.
    """
    works = {  # the spec of each job, and how many seconds its runs take
        "import_orders": ("@every 40s", 14),
        "tune_compression": ("0 */3 * * * *", 52),
        "upgrade_passwords": ("30 */4 * * * *", 38),
        "hash_folder": ("0 */5 * * * *", 75),
        "check_sockets": ("*/30 * * * * *", 2),
        "best_sellers": ("45 * * * * *", 9),
        "monthly_report": ("0 */15 * * * *", 110),
        "vacuum": ("0 0 3 * * *", 1),
    }
    lengths = {name: timedelta(seconds=seconds) for name, (_, seconds) in works.items()}
    jobs = [
        make_job(name, spec, last_elapsed=lengths[name], recent=(OK,), recent_durations=(float(seconds),))
        for name, (spec, seconds) in works.items()
    ]
    jobs[4] = replace(jobs[4], overlap=Overlap.SKIP)
    jobs[7] = replace(jobs[7], status=JobStatus.PAUSED, paused_since=ago(600))
    before = make(jobs, pool=2, at=ago(420))
    ran = forecast(before, lengths, length=timedelta(seconds=420)).runs
    ended = [run for run in ran if run.started is not None and run.ended is not None]
    recent = [
        ended_run(
            800 + place,
            run.job,
            (NOW - run.ended).total_seconds(),
            FAILED if run.job == "import_orders" and place % 4 == 1 else OK,
            (run.ended - run.started).total_seconds(),
            due=run.due,
            created=run.due,
        )
        for place, run in enumerate(ended)
        if run.started is not None and run.ended is not None
    ]
    recent += [
        ended_ticks(run.job, (NOW - run.due).total_seconds(), run.state, run.reason)
        for run in ran
        if run.state is SKIPPED
    ]
    live = [run for run in ran if not run.state.ended]
    running = [
        running_run(880 + place, run.job, (NOW - run.started).total_seconds(), place + 1, due=run.due)
        for place, run in enumerate(live)
        if run.started is not None
    ]
    waiting = [
        waiting_run(890 + place, run.job, (NOW - run.due).total_seconds(), run.state, trigger=Trigger.TICK)
        for place, run in enumerate(live)
        if run.started is None
    ]
    return make(jobs, pool=2, running=running, waiting=waiting, recent=recent[::-1])


def crowded() -> Snapshot:
    """Return a snapshot of a pool of four slots, which is too small at the full hour and in a night."""
    works = {  # the spec of each job, and how many seconds its runs take
        **{f"import_{place}": ("0 0 * * * *", 95) for place in range(1, 8)},
        "hash_folder": ("0 */15 * * * *", 300),
        "best_sellers": ("0 */10 7-18 * * *", 40),
        "検査 of all sockets 日本語": ("30 */20 * * * *", 500),
        "nightly_backup": ("0 30 3 * * *", 4200),
        "vacuum": ("0 40 3 * * *", 2900),
        "monthly_report": ("0 45 3 * * *", 1300),
        "upgrade_passwords": ("0 */4 3 * * *", 400),
    }
    jobs = [
        make_job(name, spec, recent=(OK,), recent_durations=(float(seconds),))
        for name, (spec, seconds) in works.items()
    ]
    jobs[-1] = replace(jobs[-1], overlap=Overlap.SKIP)
    return make(jobs, pool=4)


def columns() -> RunColumns:
    """Return the runs of a job in ten days: slower in the end, with errors of three kinds."""
    points = []
    for place in range(240):
        ended = NOW.timestamp() - 3600 * (240 - place)
        hour = datetime.fromtimestamp(ended, NOW.tzinfo).hour
        seconds = 14 + 3 * (place * 7 % 5) + (12 if place > 190 else 0) + (40 if place % 53 == 9 else 0)
        state, exception, place_in_code, reason = "OK", "", "", ""
        if place % 17 == 5 or (hour == 3 and place % 3):
            line = 213 if place % 2 else 88
            state, exception, place_in_code = "FAILED", "ValueError", f"/srv/shop/orders.py:{line}"
            reason = f"ValueError: order {5000 + place} has no amount 日本語"
        elif place % 41 == 7:
            state, reason = "TIMED_OUT", "took longer than 1m30s"
        points.append(
            RunPoint(600 + place, ended, ended, float(seconds), state, exception, place_in_code, reason)
        )
    return columns_of(points, len(points))


def overtime() -> Snapshot:
    """Return a snapshot in which a run is slow, and two were abandoned, which is the most."""
    snapshot = saturated()
    slow, *others = snapshot.running
    pool = replace(snapshot.pool, abandoned=2, most_abandoned=2)
    running = replace(slow, warned=True), *others
    abandoned = abandoned_run(851, "import_orders", 4000, 5), abandoned_run(864, "send_mail", 200, 6)
    return replace(snapshot, pool=pool, running=running, abandoned=abandoned)


def abandoned_run(number: int, job: str, seconds: float, worker: int) -> RunView:
    """Return a run that has ended as TIMED_OUT, but whose thread goes on."""
    run = running_run(number, job, seconds, worker)
    return replace(
        run,
        state=RunState.TIMED_OUT,
        ended=ago(seconds - 90),
        elapsed=timedelta(seconds=90),
        reason="TimeoutError: still ran 30s after its timeout of 1m; its work goes on",
    )


def stack() -> RunStack:
    """Return where the run 870 is."""
    frames = (
        StackFrame(file="/srv/shop/jobs.py", line=41, function="compress_log", source="pack(log, [ratio])"),
        StackFrame(source="[12 frames left out]"),
        StackFrame(file="/srv/shop/packing.py", line=7, function="pack", source="reply = pipe.recv(4096)"),
    )
    return RunStack(
        number=870, job="compress_log", state=RunState.RUNNING, worker="worker-1", at=NOW, frames=frames
    )


def paused() -> Snapshot:
    """Return a snapshot in which every job is paused and one of them still runs."""
    jobs = [replace(each, status=JobStatus.PAUSED, paused_since=ago(61)) for each in idle_jobs()]
    jobs = _changed(
        jobs,
        compress_log={"status": JobStatus.RUNNING, "running": 1},
        import_orders={
            "paused_until": NOW.replace(hour=18, minute=0, second=0),
            "paused_by": "dashboard",
            "pause_note": "the shop is closed",
        },
        workday_report={"paused_until": NOW.replace(day=17, hour=8, minute=0, second=0)},
        refresh_cache={"paused_until": NOW.replace(month=4, day=1, hour=8, minute=0, second=0)},
    )
    return make(jobs, running=[running_run(870, "compress_log", 75)], recent=recent_runs())


def quiet() -> Snapshot:
    """Return a snapshot of a quiet time, in which a run waits for its end."""
    until = NOW + timedelta(hours=1)
    jobs = [
        replace(job, quiet_until=until if job.next is not None and job.next < until else None)
        for job in idle_jobs()
    ]
    return replace(make(jobs, recent=recent_runs()), quiet=("SAT 02:00 for 3h",), quiet_until=until)


def odd_names() -> Snapshot:
    """Return a snapshot of names that are long or wide, or that contain markup or terminal control codes."""
    long = "reconcile_the_ledgers_of_every_branch_office_with_the_head_office_before_the_auditors_come"
    names = [
        long,
        "日本語の長いジョブ名がここに入りますよね",
        "[bold]x[/]",
        "[/]",
        "[@click=app.bell]y[/]",
        "e\u0301te\u0301 👩\u200d💻 naïve",
        "esc\x1b[31mred\u202eevil",
        "[",
        "\\[b]",
    ]
    jobs = [
        make_job(
            name,
            "@every 15s"
            if index % 2
            else "0 0,5,10,15,20,25,30,35,40,45,50,55 9-17 1-7,15-21 JAN-JUN MON-FRI",
            summary=f"About {name}",
            origin=f"[red]{name}[/]:1",
        )
        for index, name in enumerate(names)
    ]
    jobs[0] = replace(jobs[0], status=JobStatus.RUNNING, running=1, queued=12, held=300)
    return make(
        jobs,
        running=[
            running_run(123456, long, 86400 * 3 + 5),
            *(running_run(7 + i, name, i) for i, name in enumerate(names[1:4])),
        ],
        waiting=[
            waiting_run(20 + index, name, 3, reason=f"[b]{name}[/b]") for index, name in enumerate(names)
        ],
        recent=[
            ended_run(
                40 + index,
                name,
                3,
                FAILED,
                reason=f"ValueError: [/]{name}",
                error=f"Traceback\n  [/b]{name}\n[/]",
            )
            for index, name in enumerate(names)
        ],
    )


def many_jobs(count: int = 300) -> Snapshot:
    """Return a snapshot of more jobs than fit on any screen; the last one has failed."""
    jobs = [
        make_job(f"job_{index:03}", f"@every {index + 5}s", next=ahead(index + 1), runs=index)
        for index in range(count)
    ]
    jobs[-1] = replace(jobs[-1], recent=(OK, FAILED), failures=1)
    return make(jobs, recent=[ended_run(1000 - index, f"job_{index:03}", index) for index in range(200)])


def new_york_job(now: datetime, name: str, spec: str, *, dst: Dst = "once", **changes: Any) -> JobView:
    """Return a job of a scheduler in New York, due at the next tick of its spec."""
    schedule = parse(spec, tz=NEW_YORK, dst=dst)
    due = schedule.next(now)
    following = {"schedule": schedule, "next": None if due is None else due.astimezone(NEW_YORK)}
    return make_job(name, spec, **{**following, "prev": now - timedelta(minutes=59), **changes})


def before_transition(now: datetime) -> Snapshot:
    """Return a snapshot of a scheduler in New York on the day before a transition of the clock.

    Some of its jobs are due in the gap or in the overlap.
    """
    jobs = [
        new_york_job(now, "nightly_backup", "0 30 2 * * *"),
        new_york_job(now, "close_the_books", "0 30 1 * * *"),
        new_york_job(now, "read_the_meters", "0 30 1 * * *", dst="every"),
        new_york_job(now, "send_invoices", "0 0,30 2 * * *"),
        new_york_job(now, "skipped_once", "0 15 2 * * *", dst="every"),
        new_york_job(now, "in_utc", "TZ=UTC 0 30 6 * * *"),
        new_york_job(
            now,
            "paused_backup",
            "0 30 2 * * *",
            status=JobStatus.PAUSED,
            paused_since=now - timedelta(hours=1),
        ),
        new_york_job(now, "refresh_cache", "*/15 * * * * *"),
    ]
    return make(
        jobs, at=now, zone=NEW_YORK, started=now - timedelta(hours=3), heartbeat=now - timedelta(seconds=2)
    )
