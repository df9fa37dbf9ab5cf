"""The forecast: how far it is from what then happens, and how long it takes.

    python tests/benchmarks/forecast.py [--quick]

- The demo runs for a while. Then comes a forecast, and the same time once more: by how much the start of each
  predicted run differs from the start that the run of the same tick then has. The demo has coroutines and
  threads that compute, jobs that fail, and a pool that is sometimes full.
- The forecast of 24 hours for 300 jobs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from rows import Row, compare_with_limit, main, percentile

from jobtui import Scheduler
from jobtui.engine.typical_duration import expected_durations
from jobtui.engine.views import RunView, Snapshot
from jobtui.loading.loader import load
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.simulation.forecast import Forecast, forecast

DEMO = Path(__file__).parents[2] / "jobtui" / "demo" / "demo_jobs.py"
SECONDS, QUICK_SECONDS = 120, 30
JOBS, ROUNDS, QUICK_ROUNDS = 300, 5, 2
MAX_RUNS = 100_000


def look_ahead(scheduler: Scheduler, seconds: int) -> tuple[Snapshot, Forecast]:
    """Return the scheduler now, and its forecast, with the lengths of its latest runs."""
    snapshot = scheduler.snapshot()
    expected = expected_durations(snapshot.jobs)
    return snapshot, forecast(snapshot, expected, length=timedelta(seconds=seconds))


def starts_of(runs: Iterator[RunView], begin: datetime) -> dict[tuple[str, datetime], datetime]:
    """Return the start of each run of a tick after an instant, by its job and its tick."""
    return {
        (run.job, run.due): run.started
        for run in runs
        if run.due is not None and run.started is not None and run.started > begin
    }


def measure_errors(seconds: int) -> tuple[list[float], int]:
    """Return by how many milliseconds the starts differ, and how many starts were not predicted at all."""
    with capture_streams(OutputLog()):
        loaded = load(str(DEMO))
        scheduler = loaded.scheduler
        scheduler.stop_logging()
        with scheduler:
            time.sleep(seconds)
            snapshot, found = look_ahead(scheduler, seconds)
            time.sleep(seconds)
            ended = iter(scheduler.find_runs(since=snapshot.at, limit=MAX_RUNS))
            happened = starts_of(ended, snapshot.at)
    predicted = {
        (run.job, run.due): run.started
        for run in found.runs
        if run.started is not None and run.started > snapshot.at
    }
    both = predicted.keys() & happened.keys()
    errors = [abs((predicted[key] - happened[key]).total_seconds()) * 1e3 for key in both]
    return errors, len(happened.keys() - predicted.keys())


def time_forecast() -> float:
    """Return how many seconds the forecast of a day takes."""
    scheduler = Scheduler(pool=10, tz="UTC")
    for number in range(JOBS):
        scheduler.schedule(f"{number % 60} */{5 + number % 10} * * * *", print, name=f"job {number}")
    snapshot = scheduler.snapshot()
    expected = {job.name: timedelta(seconds=2) for job in snapshot.jobs}
    began = time.perf_counter()
    forecast(snapshot, expected, length=timedelta(days=1))
    return time.perf_counter() - began


def measure(quick: bool) -> Iterator[Row]:
    """Measure the error, then the time."""
    seconds = QUICK_SECONDS if quick else SECONDS
    errors, surprises = measure_errors(seconds)
    yield Row(
        measured=f"the demo, {seconds} s ahead: error of {len(errors)} starts, p50",
        jobtui=f"{percentile(errors, 50):.3g} ms (p90 {percentile(errors, 90):.3g} ms)",
        peer=f"{surprises} runs were not predicted",
    )
    times = [time_forecast() for _ in range(QUICK_ROUNDS if quick else ROUNDS)]
    yield compare_with_limit(f"the forecast of 24 hours for {JOBS} jobs", "s", times, 2)


if __name__ == "__main__":
    main(__doc__, measure)
