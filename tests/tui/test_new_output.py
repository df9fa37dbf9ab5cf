"""The signs of new output and of silence in the table of jobs: when they appear, and what removes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support import snapshots
from support.app_driver import AppDriver, async_test, running_app
from support.scripted_backend import ScriptedBackend
from support.snapshots import NOW, ago, ahead

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.cli.attach import parse_url
from jobtui.engine.views import Snapshot
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.output_signs import NEW_OUTPUT, SILENT
from jobtui.remote.remote_backend import RemoteBackend
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.web.server import Server


def with_output(snapshot: Snapshot, name: str, seconds: float) -> Snapshot:
    """Return a snapshot that is so many seconds later, and has output of a job from a second before."""
    jobs = tuple(
        replace(job, last_output=ahead(seconds - 1)) if job.name == name else job for job in snapshot.jobs
    )
    return replace(snapshot, jobs=jobs, at=NOW + timedelta(seconds=seconds))


def after_its_latest_run(snapshot: Snapshot, name: str) -> Snapshot:
    """Return a snapshot in which the latest run of a job is exactly the one that is listed as such."""
    started = next(run.started for run in snapshot.recent if run.job == name)
    jobs = tuple(replace(job, prev=started) if job.name == name else job for job in snapshot.jobs)
    return replace(snapshot, jobs=jobs)


def marked(driver: AppDriver, sign: str = NEW_OUTPUT) -> list[str]:
    """Return the names of the jobs that have a sign."""
    lines = [line[2:].split() for line in driver.lines(driver.table())[1:]]
    return [
        words[2]
        for words in lines
        if any(set(word) <= {NEW_OUTPUT, SILENT} and sign in word for word in words)
    ]


async def write(driver: AppDriver, backend: ScriptedBackend, seconds: float) -> None:
    """Let the job refresh_cache write a line."""
    backend.output_log.write("refresh_cache", 870, "stdout", "42 prices\n")
    backend.outputs[870] = "42 prices\n"
    await driver.show_snapshot(with_output(snapshots.idle(), "refresh_cache", seconds))


@async_test
async def test_a_job_that_writes_output_has_a_sign_until_its_log_is_open() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        assert marked(driver) == []
        await write(driver, backend, 10)
        assert marked(driver) == ["refresh_cache"]
        await driver.press("l")
        await driver.until(lambda: "42 prices" in driver.text)
        await driver.press("escape")
        assert marked(driver) == []
        await write(driver, backend, 20)
        assert marked(driver) == ["refresh_cache"]


@async_test
async def test_the_output_of_all_jobs_removes_every_sign() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await write(driver, backend, 10)
        await driver.press("o")
        await driver.until(lambda: "42 prices" in driver.text)
        await driver.press("escape")
        assert marked(driver) == []


@pytest.mark.parametrize(
    ("number", "output", "is_left"),
    [(871, "printed nothing", True), (867, "printed nothing", True), (870, "42 prices", False)],
    ids=["of another job", "an earlier one", "the latest one"],
)
@async_test
async def test_only_the_page_of_the_latest_run_removes_the_sign(
    number: int, output: str, is_left: bool
) -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        await write(driver, backend, 10)
        await driver.show_snapshot(after_its_latest_run(backend.snapshot(), "refresh_cache"))
        await driver.press("4")
        driver.table("recent").select(lambda run: run.number == number)
        await driver.press("enter")
        await driver.until(lambda: output in driver.text)
        await driver.press("escape", "0")
        assert (marked(driver) == ["refresh_cache"]) is is_left


@async_test
async def test_a_silent_job_has_a_sign_and_words_until_it_writes_again() -> None:
    snapshot = snapshots.saturated()
    name = snapshot.running[0].job

    def with_silence(seconds: float) -> Snapshot:
        jobs = tuple(
            replace(
                job,
                running=max(1, job.running),
                prev=ago(600),
                last_output=ago(seconds),
                longest_silence=timedelta(seconds=2),
            )
            if job.name == name
            else job
            for job in snapshot.jobs
        )
        return replace(snapshot, jobs=jobs)

    async with running_app(ScriptedBackend(snapshot)) as driver:
        assert marked(driver, SILENT) == []
        await driver.show_snapshot(with_silence(240))
        assert marked(driver, SILENT) == [name]
        assert "silent 4m" in driver.text
        await driver.show_snapshot(with_silence(3))
        assert marked(driver, SILENT) == []
        assert "silent" not in driver.text


@async_test
async def test_an_attached_dashboard_has_the_sign_until_the_log_is_open() -> None:
    """The instant of the output comes with the snapshot of the other process."""
    scheduler, log = Scheduler(tz="UTC"), OutputLog()
    with (
        capture_streams(log) as (stdout, _),
        scheduler,
        Server(LocalBackend(scheduler, "elsewhere.py", log), parse_address("127.0.0.1:0")) as server,
    ):
        # Textual replaces sys.stdout, but not this stream.
        scheduler.every("1h", lambda: stdout.write("hello from a job\n"), name="talk")
        backend = RemoteBackend(parse_url(str(server.address))[0])
        backend.connect()
        async with running_app(backend) as driver:
            await driver.until(lambda: "talk" in driver.text)
            assert marked(driver) == []
            scheduler.run("talk")
            await driver.until(lambda: marked(driver) == ["talk"])
            await driver.press("l")
            await driver.until(lambda: "hello from a job" in driver.text)
            await driver.press("escape")
            await driver.until(lambda: marked(driver) == [])
