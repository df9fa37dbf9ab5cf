"""The API for programs, and for `jobtui attach`: JSON, described by openapi.json."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from importlib.resources import files
from itertools import islice
from typing import TypeVar

from aiohttp import web

from jobtui.engine.enums import RunState
from jobtui.engine.views import RunView, Snapshot
from jobtui.frontend.codec import JOB_DETAILS, OUTPUT_CHUNK, POOL, RUN, UPCOMING
from jobtui.frontend.upcoming import MAX_UPCOMING, list_upcoming
from jobtui.web.api.event_stream import EventStream
from jobtui.web.api.snapshot_json import SnapshotEncoder
from jobtui.web.context import ServerContext
from jobtui.web.problems import Problem
from jobtui.web.request_parsing import LARGEST_NUMBER, LARGEST_POOL, check_query, read_json, whole_number
from jobtui.web.responses import json_response, text_of, written_response

ROOT = "/@jobs/api"
LONGEST_WAIT = 30  # seconds
MOST_RUNS = 800  # what a snapshot lists
_NAME = "{name:[^/]+}"  # of a job: it may have braces in it

Answer = TypeVar("Answer")


class Api:
    """Answers what programs ask.

    Args:
        site: The scheduler, and who may come in.
    """

    def __init__(self, site: ServerContext) -> None:
        self._site = site
        self._source = site.source
        self._texts = SnapshotEncoder()
        self._description = files("jobtui.web.api").joinpath("openapi.json").read_bytes()

    def routes(self) -> Iterable[web.RouteDef]:
        """Every path of the API."""
        return [
            web.get(f"{ROOT}/openapi.json", self._openapi),
            web.get(f"{ROOT}/snapshot", self._snapshot),
            web.get(f"{ROOT}/jobs", self._jobs),
            web.get(f"{ROOT}/jobs/{_NAME}", self._job),
            web.post(f"{ROOT}/jobs/{_NAME}/run", self._run_job),
            web.post(f"{ROOT}/jobs/{_NAME}/pause", self._pause_job),
            web.post(f"{ROOT}/jobs/{_NAME}/resume", self._resume_job),
            web.post(f"{ROOT}/pause", self._pause_all),
            web.post(f"{ROOT}/resume", self._resume_all),
            web.get(f"{ROOT}/runs", self._runs),
            web.get(f"{ROOT}/runs/{{number}}", self._run),
            web.post(f"{ROOT}/runs/{{number}}/cancel", self._cancel_run),
            web.get(f"{ROOT}/pool", self._pool),
            web.post(f"{ROOT}/pool/resize", self._resize_pool),
            web.get(f"{ROOT}/upcoming", self._upcoming),
            web.get(f"{ROOT}/output", self._output),
            web.get(f"{ROOT}/events", EventStream(self._site).serve, allow_head=False),  # it would never end
        ]

    # --- looking ----------------------------------------------------------------------------------

    async def _openapi(self, request: web.Request) -> web.Response:
        check_query(request)
        return web.Response(body=self._description, content_type="application/json")

    async def _snapshot(self, request: web.Request) -> web.Response:
        """Everything, at once or as soon as something has changed."""
        check_query(request, "after", "wait")
        wait = whole_number("wait", request.query.get("wait", "0"), 0, LONGEST_WAIT)
        broadcast = self._site.broadcast
        seen = broadcast.seq_of(request.query.get("after", ""))
        if wait and seen == self._source.scheduler.liveness().seq:  # else there is news, or it makes no sense
            await broadcast.wait_beyond(seen, wait)
        snapshot = self._source.snapshot()
        about = {
            "tag": broadcast.tag_of(snapshot.seq),
            "title": self._source.title,
            "readonly": self._site.gate.rules.readonly,
        }
        return written_response(f'{text_of(about)[:-1]},"snapshot":{self._texts.snapshot(snapshot)}}}')

    async def _jobs(self, request: web.Request) -> web.Response:
        check_query(request)
        return written_response(self._texts.jobs(self._source.snapshot()))

    async def _job(self, request: web.Request) -> web.Response:
        check_query(request)
        name = _name(request)
        _answered(lambda: self._source.scheduler.runs_of(name))  # it knows which names are near
        return json_response(JOB_DETAILS.encode(_answered(lambda: self._source.job_details(name))))

    async def _runs(self, request: web.Request) -> web.Response:
        """The runs that wait, run and have ended, of all jobs or one."""
        check_query(request, "job", "state", "limit")
        limit = whole_number("limit", request.query.get("limit", "100"), 1, MOST_RUNS)
        job, state = request.query.get("job"), _state(request.query.get("state"))
        runs = _all_runs(self._source.snapshot())
        if job is not None:
            runs = self._runs_of(job, runs)
        shown = islice((run for run in runs if state in (None, run.state)), limit)
        return json_response([RUN.encode(run) for run in shown])

    def _runs_of(self, job: str, runs: Iterable[RunView]) -> Iterable[RunView]:
        """The runs of one job; its latest endings, too, that busier jobs have driven out of the snapshot."""
        these = [run for run in runs if run.job == job]
        live, ended = [[run for run in these if run.state.ended is over] for over in (False, True)]
        try:
            latest = self._source.scheduler.runs_of(job)
        except LookupError as error:
            if not these:  # else it was removed not long ago
                raise Problem(HTTPStatus.NOT_FOUND, str(error.args[0])) from None
            return these
        return [*live, *max(latest, ended, key=len)]

    async def _run(self, request: web.Request) -> web.Response:
        check_query(request)
        number = _number(request)
        run = _answered(lambda: self._source.scheduler.run_view(number))
        return json_response({"run": RUN.encode(run), "output": self._source.output_of(number)})

    async def _pool(self, request: web.Request) -> web.Response:
        check_query(request)
        return json_response(POOL.encode(self._source.scheduler.pool_view()))

    async def _upcoming(self, request: web.Request) -> web.Response:
        check_query(request, "limit")
        limit = whole_number("limit", request.query.get("limit", str(MAX_UPCOMING)), 1, MAX_UPCOMING)
        return json_response([UPCOMING.encode(row) for row in list_upcoming(self._source.snapshot())[:limit]])

    async def _output(self, request: web.Request) -> web.Response:
        """What everything printed after a line; ``epoch`` names the life that the lines' numbers are of."""
        check_query(request, "after")
        after = whole_number("after", request.query.get("after", "0"), 0, LARGEST_NUMBER)
        printed = self._source.output_since(after)
        return json_response({"epoch": self._site.broadcast.epoch, **OUTPUT_CHUNK.encode(printed)})

    # --- steering ---------------------------------------------------------------------------------

    async def _run_job(self, request: web.Request) -> web.Response:
        await _nothing_more(request)
        name = _name(request)
        try:
            number = self._source.run(name)
        except LookupError as error:
            _answered(lambda: self._source.scheduler.runs_of(name))  # there is no such job
            raise Problem(HTTPStatus.CONFLICT, str(error.args[0])) from None  # it cannot be run
        except RuntimeError as error:
            raise Problem(HTTPStatus.CONFLICT, str(error)) from None
        return json_response({"number": number}, HTTPStatus.ACCEPTED, {"Location": f"{ROOT}/runs/{number}"})

    async def _pause_job(self, request: web.Request) -> web.Response:
        await _nothing_more(request)
        return json_response({"changed": _answered(lambda: self._source.pause(_name(request)))})

    async def _resume_job(self, request: web.Request) -> web.Response:
        await _nothing_more(request)
        return json_response({"changed": _answered(lambda: self._source.resume(_name(request)))})

    async def _pause_all(self, request: web.Request) -> web.Response:
        await _nothing_more(request)
        return json_response({"changed": self._source.pause_all()})

    async def _resume_all(self, request: web.Request) -> web.Response:
        await _nothing_more(request)
        return json_response({"changed": self._source.resume_all()})

    async def _cancel_run(self, request: web.Request) -> web.Response:
        await _nothing_more(request)
        number = _number(request)
        cancellation = self._source.cancel(number)
        if not cancellation:
            _answered(lambda: self._source.scheduler.run_view(number))  # there is no such run
        return json_response({"cancellation": cancellation.value})

    async def _resize_pool(self, request: web.Request) -> web.Response:
        check_query(request)
        body = await read_json(request, "size")
        size = body.get("size")
        if isinstance(size, float) and size.is_integer():  # 8.0 and 8e0 are 8 in JSON
            size = int(size)
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= LARGEST_POOL:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"size is a whole number from 0 to {LARGEST_POOL}, where 0 is no limit",
            )
        self._source.resize(size)
        return json_response(POOL.encode(self._source.scheduler.pool_view()))


async def _nothing_more(request: web.Request) -> None:
    """See that a request says nothing that would be passed over in silence."""
    check_query(request)
    await read_json(request)


def _answered(ask: Callable[[], Answer]) -> Answer:
    """What the scheduler answers.

    Raises:
        Problem: It refuses: there is no such job or run, or it has stopped.
    """
    try:
        return ask()
    except LookupError as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error.args[0])) from None
    except RuntimeError as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None


def _name(request: web.Request) -> str:
    return request.match_info["name"]


def _number(request: web.Request) -> int:
    return whole_number("a run's number", request.match_info["number"], 1, LARGEST_NUMBER)


def _state(text: str | None) -> RunState | None:
    if text is None:
        return None
    try:
        return RunState(text.upper())
    except ValueError:
        known = ", ".join(state.value for state in RunState)
        raise Problem(HTTPStatus.BAD_REQUEST, f"state is one of {known}") from None


def _all_runs(snapshot: Snapshot) -> Iterable[RunView]:
    return (*snapshot.running, *snapshot.waiting, *snapshot.scheduled, *snapshot.recent)
