"""The endpoints of the JSON API. `openapi.json` describes them; `jobtui attach` is their client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler

from jobtui.engine.enums import RunState
from jobtui.engine.ledger import MAX_RUNS
from jobtui.engine.run_columns import MAX_POINTS
from jobtui.engine.views import RunView
from jobtui.frontend.column_json import encode_columns
from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.json_codec import (
    API_ROOT,
    ESTIMATE,
    EXPLANATION,
    JOB,
    JOB_DETAILS,
    LOG_PAGE,
    MAX_RUN_NUMBER,
    OUTPUT_CHUNK,
    POOL,
    RUN,
    RUN_LINES,
    SCHEDULE_PREVIEW,
    STACK,
    UPCOMING,
    Json,
)
from jobtui.frontend.policy_json import CHANGEABLE, changes_from_json
from jobtui.frontend.progress import estimate_runs
from jobtui.frontend.upcoming import MAX_UPCOMING, list_upcoming
from jobtui.store.query import BadQuery, quote_term
from jobtui.web.api.event_stream import EventStream
from jobtui.web.api.output_stream import OutputStream
from jobtui.web.api.snapshot_json import SnapshotEncoder
from jobtui.web.request_parsing import (
    JOB_NAME,
    MAX_POOL_SIZE,
    check_query,
    parse_instant,
    parse_run_number,
    parse_whole_number,
    read_json_object,
)
from jobtui.web.response_encoding import weak_etag
from jobtui.web.responses import Problem, call_scheduler, json_response, json_text_response, to_json
from jobtui.web.server_context import ServerContext

MAX_WAIT = 30  # seconds
MAX_JOBS = 1_000  # on one page
MAX_JOB_OFFSET = 1_000_000
MAX_RUN_OFFSET = 10_000
_JOB_NAME_WITHOUT_COMMAND = "{name:(?!.*/(?:run|pause|resume|why|preview)?/?$).+}"
_RUNS_PER_STEP = 50  # runs that are encoded before other clients have their turn


class Api:
    """Answers the requests of programs."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._backend = context.backend
        self._client = context.access_control.rules.client_name("API")
        self._encoder = SnapshotEncoder()
        self._searching = asyncio.Lock()  # one search at a time: it may take a thread 100 ms
        self._encoding_runs = asyncio.Lock()  # so that only one request at a time has tracebacks as text
        self._description = files("jobtui.web.api").joinpath("openapi.json").read_bytes()
        paths = json.loads(self._description)["paths"].items()
        self._index = [
            {"path": path, "methods": [each.upper() for each in methods]} for path, methods in paths
        ]

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the routes of the API."""
        backend = self._backend
        return [
            *(web.get(path, self._get_index) for path in (API_ROOT, f"{API_ROOT}/")),
            web.get(f"{API_ROOT}/openapi.json", self._get_openapi),
            web.get(f"{API_ROOT}/snapshot", self._get_snapshot),
            web.get(f"{API_ROOT}/jobs", self._list_jobs),
            web.get(f"{API_ROOT}/jobs/{JOB_NAME}/why", self._explain_tick),
            web.get(f"{API_ROOT}/jobs/{JOB_NAME}/preview", self._preview_schedule),
            web.get(f"{API_ROOT}/jobs/{_JOB_NAME_WITHOUT_COMMAND}", self._get_job),
            web.patch(f"{API_ROOT}/jobs/{_JOB_NAME_WITHOUT_COMMAND}", self._update_job),
            web.post(f"{API_ROOT}/jobs/{JOB_NAME}/run", self._run_job),
            web.post(f"{API_ROOT}/jobs/{JOB_NAME}/pause", self._pause_job),
            web.post(f"{API_ROOT}/jobs/{JOB_NAME}/resume", _changing(backend.resume)),
            web.post(f"{API_ROOT}/pause", _changing(partial(backend.pause_all, by=self._client))),
            web.post(f"{API_ROOT}/resume", _changing(backend.resume_all)),
            web.get(f"{API_ROOT}/runs", self._list_runs),
            web.get(f"{API_ROOT}/runs/{{number}}", self._get_run),
            web.get(f"{API_ROOT}/runs/{{number}}/why", self._explain_run),
            web.get(f"{API_ROOT}/runs/{{number}}/stack", self._get_stack),
            web.post(f"{API_ROOT}/runs/{{number}}/cancel", self._cancel_run),
            web.post(f"{API_ROOT}/runs/{{number}}/again", self._run_again),
            web.get(f"{API_ROOT}/runs/{{number}}/output", self._get_run_output),
            web.get(f"{API_ROOT}/history", self._search_runs),
            web.get(f"{API_ROOT}/columns", self._get_columns),
            web.get(f"{API_ROOT}/pool", self._get_pool),
            web.post(f"{API_ROOT}/pool/resize", self._resize_pool),
            web.get(f"{API_ROOT}/progress", self._list_progress),
            web.get(f"{API_ROOT}/upcoming", self._list_upcoming),
            web.get(f"{API_ROOT}/output", self._get_output),
            web.get(f"{API_ROOT}/output/page", self._get_log_page),
            # Without HEAD, since these streams do not end.
            web.get(
                f"{API_ROOT}/output/stream", OutputStream(self._context).handle_request, allow_head=False
            ),
            web.get(f"{API_ROOT}/events", EventStream(self._context).handle_request, allow_head=False),
        ]

    # --- reading ----------------------------------------------------------------------------------

    async def _get_index(self, request: web.Request) -> web.Response:
        """Return the paths of the API with their methods."""
        check_query(request)
        return json_response({"openapi": f"{API_ROOT}/openapi.json", "paths": self._index})

    async def _get_openapi(self, request: web.Request) -> web.Response:
        check_query(request)
        return web.Response(body=self._description, content_type="application/json")

    async def _get_snapshot(self, request: web.Request) -> web.Response:
        """Return the snapshot, at once or as soon as something has changed."""
        check_query(request, "after", "wait", "jobs_since")
        wait = parse_whole_number("wait", request.query.get("wait", "0"), 0, MAX_WAIT)
        hub = self._context.event_hub
        last_seq = hub.seq_of(request.query.get("after", ""))
        if wait and last_seq == self._backend.liveness().seq:  # the client has the current snapshot
            await hub.wait_for_newer(last_seq, wait)
        snapshot = self._backend.snapshot()
        readonly = self._context.access_control.rules.readonly
        encoded = self._encoder.encode_changes(snapshot, hub.seq_of(request.query.get("jobs_since", "")))
        about = {
            "tag": hub.tag_of(snapshot.seq),
            "title": self._backend.title,
            "readonly": readonly,
            "jobs_version": hub.tag_of(encoded.version),
            "jobs_since": None if encoded.since is None else hub.tag_of(encoded.since),
            "jobs_removed": encoded.removed,
        }
        # The clock in it always differs, so the ETag is that of the scheduler's state.
        etag = {"ETag": weak_etag(hub.tag_of(snapshot.seq))}
        return json_text_response(f'{to_json(about)[:-1]},"snapshot":{encoded.text}}}', headers=etag)

    async def _list_jobs(self, request: web.Request) -> web.Response:
        """Return all jobs, or a page of them."""
        check_query(request, "limit", "offset")
        snapshot = self._backend.snapshot()
        if not request.query:
            return json_text_response(self._encoder.encode_jobs(snapshot))
        limit = parse_whole_number("limit", request.query.get("limit", str(MAX_JOBS)), 1, MAX_JOBS)
        offset = parse_whole_number("offset", request.query.get("offset", "0"), 0, MAX_JOB_OFFSET)
        page = snapshot.jobs[offset : offset + limit]
        is_last = offset + limit >= len(snapshot.jobs)
        headers = {} if is_last else _link_to_next_page(request, offset=offset + limit)
        return json_response([JOB.encode(job) for job in page], headers=headers)

    async def _get_job(self, request: web.Request) -> web.Response:
        check_query(request)
        details = call_scheduler(self._backend.job_details, request.match_info["name"])
        return json_response(JOB_DETAILS.encode(details))

    async def _list_runs(self, request: web.Request) -> web.Response:
        """Return running, waiting and ended runs, of all jobs or of one."""
        check_query(request, "job", "state", "since", "until", "limit", "offset")
        limit = parse_whole_number("limit", request.query.get("limit", "100"), 1, MAX_RUNS)
        offset = parse_whole_number("offset", request.query.get("offset", "0"), 0, MAX_RUN_OFFSET)
        job, state = request.query.get("job"), _parse_state(request.query.get("state"))
        since, until = [parse_instant(name, request.query.get(name)) for name in ("since", "until")]
        runs = call_scheduler(
            self._backend.find_runs, job=job, state=state, since=since, until=until, limit=offset + limit + 1
        )
        is_last = len(runs) <= offset + limit or offset + limit > MAX_RUN_OFFSET
        headers = {} if is_last else _link_to_next_page(request, offset=offset + limit)
        async with self._encoding_runs:
            found = [run async for run in _encode_runs(runs[offset : offset + limit])]
            return json_response(found, headers=headers)

    async def _search_runs(self, request: web.Request) -> web.Response:
        """Return a page of the runs that meet a query."""
        check_query(request, "q", "job", "limit", "cursor")
        limit = parse_whole_number("limit", request.query.get("limit", "100"), 1, MAX_RUNS)
        terms = [request.query.get("q", "")]
        if "job" in request.query:
            terms.append(quote_term("job", request.query["job"]))
        cursor = request.query.get("cursor", "")
        async with self._searching:
            try:
                page = await asyncio.to_thread(
                    self._backend.search_runs, " ".join(terms), limit=limit, cursor=cursor
                )
            except BadQuery as error:
                place = f" (at character {error.place} of q)" if 0 < error.place <= len(terms[0]) else ""
                raise Problem(HTTPStatus.BAD_REQUEST, f"{error}{place}") from None
            except ValueError as error:
                raise Problem(HTTPStatus.BAD_REQUEST, str(error)) from None
        headers = _link_to_next_page(request, cursor=page.next) if page.next else {}
        async with self._encoding_runs:
            runs = [run async for run in _encode_runs(page.runs)]
            return json_response({"runs": runs, "next": page.next}, headers=headers)

    async def _get_columns(self, request: web.Request) -> web.Response:
        """Return the latest runs of a job as columns, for charts."""
        check_query(request, "job", "limit")
        limit = parse_whole_number("limit", request.query.get("limit", "1000"), 1, MAX_POINTS)
        if "job" not in request.query:
            raise Problem(HTTPStatus.BAD_REQUEST, "job: is missing; give the name of a job")
        async with self._searching:
            found = await asyncio.to_thread(self._backend.run_columns, request.query["job"], limit=limit)
        if not found.numbers:
            call_scheduler(self._backend.job_details, request.query["job"])  # 404 if there is no such job
        return json_response(encode_columns(found))

    async def _get_run(self, request: web.Request) -> web.Response:
        check_query(request)
        number = parse_run_number(request.match_info["number"])
        run = call_scheduler(self._backend.run_view, number)
        return json_response({"run": RUN.encode(run), "output": self._backend.output_of(number)})

    async def _get_run_output(self, request: web.Request) -> web.Response:
        """Return the next lines of a run's output, after those that the client has."""
        check_query(request, "after")
        number = parse_run_number(request.match_info["number"])
        lines = call_scheduler(self._backend.output_lines, number, request.query.get("after", ""))
        return json_response(RUN_LINES.encode(lines))

    async def _explain_tick(self, request: web.Request) -> web.Response:
        """Explain what became, or will become, of a tick of a job."""
        check_query(request, "at")
        name, at = request.match_info["name"], request.query.get("at", "")
        async with self._searching:
            try:
                found = await asyncio.to_thread(call_scheduler, self._backend.why, name, at)
            except ValueError as error:
                raise Problem(HTTPStatus.BAD_REQUEST, f"at: {error}") from None
        return json_response(EXPLANATION.encode(found))

    async def _preview_schedule(self, request: web.Request) -> web.Response:
        """Return what a schedule would mean for a job. The message for a bad spec shows the place in it."""
        check_query(request, "spec")
        name, spec = request.match_info["name"], request.query.get("spec", "")
        async with self._searching:
            try:
                found = await asyncio.to_thread(call_scheduler, self._backend.preview, name, spec)
            except ValueError as error:
                raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        return json_response(SCHEDULE_PREVIEW.encode(found))

    async def _explain_run(self, request: web.Request) -> web.Response:
        """Explain when a run was due, how long it waited for what, and how it ended."""
        check_query(request)
        number = parse_run_number(request.match_info["number"])
        async with self._searching:
            found = await asyncio.to_thread(call_scheduler, self._backend.why_run, number)
        return json_response(EXPLANATION.encode(found))

    async def _get_stack(self, request: web.Request) -> web.Response:
        """Return where a run is now; null if it is neither RUNNING nor abandoned."""
        check_query(request)
        number = parse_run_number(request.match_info["number"])
        stack = await asyncio.to_thread(self._backend.stack, number)  # it reads source files
        if stack is None:
            call_scheduler(self._backend.run_view, number)  # 404 if there is no such run
        return json_response({"stack": None if stack is None else STACK.encode(stack)})

    async def _get_pool(self, request: web.Request) -> web.Response:
        check_query(request)
        return json_response(POOL.encode(self._backend.pool_view()))

    async def _list_progress(self, request: web.Request) -> web.Response:
        """Return how far the RUNNING runs are."""
        check_query(request)
        estimates = estimate_runs(self._backend.snapshot())
        return json_response([ESTIMATE.encode(estimate) for estimate in estimates])

    async def _list_upcoming(self, request: web.Request) -> web.Response:
        check_query(request, "limit")
        limit = parse_whole_number("limit", request.query.get("limit", str(MAX_UPCOMING)), 1, MAX_UPCOMING)
        ticks = list_upcoming(self._backend.snapshot())[:limit]
        return json_response([UPCOMING.encode(tick) for tick in ticks])

    async def _get_output(self, request: web.Request) -> web.Response:
        """Return the output after the line of a given number. Numbers are valid in one ``epoch`` only."""
        check_query(request, "after")
        after = parse_whole_number("after", request.query.get("after", "0"), 0, MAX_RUN_NUMBER)
        output = self._backend.output_since(after)
        return json_response({"epoch": self._context.event_hub.epoch, **OUTPUT_CHUNK.encode(output)})

    async def _get_log_page(self, request: web.Request) -> web.Response:
        """Return a page of output, of one run or of all: the latest, or one beside a position."""
        check_query(request, "run", "before", "after")
        number, before, after = map(request.query.get, ("run", "before", "after"))
        run = None if number is None else parse_whole_number("run", number, 1, MAX_RUN_NUMBER)
        read = partial(self._backend.log_page, run, before=before, after=after)
        page = await asyncio.to_thread(call_scheduler, read)  # it reads the store
        return json_response(LOG_PAGE.encode(page))

    # --- commands ---------------------------------------------------------------------------------

    async def _run_job(self, request: web.Request) -> web.Response:
        check_query(request)
        arguments = await read_json_object(request, any_key=True)
        name = request.match_info["name"]
        try:
            if arguments:  # their conversion may execute code of the user
                number = await asyncio.to_thread(self._backend.run, name, arguments)
            else:
                number = self._backend.run(name)
        except ValueError as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        except LookupError as error:
            call_scheduler(self._backend.job_details, name)  # 404 if there is no such job
            # The job exists, but is a one-off whose arguments are gone.
            raise Problem(HTTPStatus.CONFLICT, str(error.args[0])) from None
        except RuntimeError as error:
            raise Problem(HTTPStatus.CONFLICT, str(error)) from None
        location = {"Location": f"../../runs/{number}"}  # relative: a proxy may change the path
        return json_response({"number": number}, HTTPStatus.ACCEPTED, location)

    async def _run_again(self, request: web.Request) -> web.Response:
        await _reject_parameters(request)
        number = call_scheduler(self._backend.run_again, parse_run_number(request.match_info["number"]))
        return json_response({"number": number}, HTTPStatus.ACCEPTED, {"Location": f"../../runs/{number}"})

    async def _pause_job(self, request: web.Request) -> web.Response:
        check_query(request)
        body = await read_json_object(request, "until", "for", "note")
        for name, value in body.items():
            if not isinstance(value, str):
                raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name} must be a text")
        if "for" in body and "until" in body:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "give either until or for, not both")
        try:
            changed = call_scheduler(
                self._backend.pause,
                request.match_info["name"],
                until=body.get("until"),
                for_=body.get("for"),
                note=body.get("note", ""),
                by=self._client,
            )
        except (ValueError, TypeError) as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        return json_response({"changed": changed})

    async def _update_job(self, request: web.Request) -> web.Response:
        """Change the schedule or the policies of a job. The message for a bad spec shows the place in it."""
        check_query(request)
        body = await read_json_object(request, *CHANGEABLE)
        name = request.match_info["name"]
        if not isinstance(body.get("spec", ""), str):
            detail = "spec must be a text, such as 0 */15 * * * * or 30s"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        try:
            call_scheduler(self._backend.update, name, **changes_from_json(body))
        except (ValueError, TypeError) as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        return json_response(JOB_DETAILS.encode(call_scheduler(self._backend.job_details, name)))

    async def _cancel_run(self, request: web.Request) -> web.Response:
        await _reject_parameters(request)
        number = parse_run_number(request.match_info["number"])
        cancellation = self._backend.cancel(number)
        if not cancellation:
            call_scheduler(self._backend.run_view, number)  # 404 if there is no such run
        return json_response({"cancellation": cancellation.value})

    async def _resize_pool(self, request: web.Request) -> web.Response:
        check_query(request)
        body = await read_json_object(request, "size")
        size = body.get("size")
        if isinstance(size, float) and size.is_integer():  # JSON does not distinguish 8.0 and 8
            size = int(size)
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= MAX_POOL_SIZE:
            detail = f"size must be a whole number from 0 to {MAX_POOL_SIZE}; 0 means no limit"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        self._backend.resize(size)
        return json_response(POOL.encode(self._backend.pool_view()))


def _changing(command: Callable[..., int]) -> Handler:
    """Return the handler of a command that pauses or resumes the job in the path, or all jobs."""

    async def handle_request(request: web.Request) -> web.Response:
        await _reject_parameters(request)
        return json_response({"changed": call_scheduler(command, *request.match_info.values())})

    return handle_request


async def _encode_runs(runs: Iterable[RunView]) -> AsyncIterator[Json]:
    """Yield runs as JSON objects; let other clients have their turn in between."""
    for index, run in enumerate(runs, 1):
        yield RUN.encode(run)  # which formats the traceback
        if index % _RUNS_PER_STEP == 0:
            await yield_to_others()


def _link_to_next_page(request: web.Request, **position: str | int) -> dict[str, str]:
    """Return the header that links to the entries from a position on (RFC 8288)."""
    query = {**request.query, **position}
    return {"Link": f'<?{urlencode(query)}>; rel="next"'}


async def _reject_parameters(request: web.Request) -> None:
    """Reject all query parameters and body fields, so that none is silently ignored."""
    check_query(request)
    await read_json_object(request)


def _parse_state(text: str | None) -> RunState | None:
    if text is None:
        return None
    try:
        return RunState(text.upper())
    except ValueError:
        allowed = ", ".join(state.value for state in RunState)
        raise Problem(HTTPStatus.BAD_REQUEST, f"state must be one of {allowed}") from None
