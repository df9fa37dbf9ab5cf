"""The backend of a scheduler in another process.

A thread with its own event loop long-polls the server: each request asks for a snapshot newer than the
known one, and the server answers as soon as there is one. Commands and other requests of the user
interface's threads run on the same loop in between.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, TypeVar, Unpack

from jobtui.engine.enums import Cancellation, RunState
from jobtui.engine.job_policies import Policies
from jobtui.engine.ledger import MAX_RUNS
from jobtui.engine.run_columns import MAX_POINTS, RunColumns
from jobtui.engine.tracebacks import log_exception
from jobtui.engine.views import PoolView, RunPage, RunStack, RunView, Snapshot
from jobtui.frontend.backend import JobDetails, LogPage, RunLines, SchedulePreview, Unsubscribe
from jobtui.frontend.blank_snapshot import blank_snapshot
from jobtui.frontend.column_json import decode_columns
from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.explanation import Explanation
from jobtui.frontend.json_codec import (
    EXPLANATION,
    JOB_DETAILS,
    LOG_PAGE,
    MAX_RUN_NUMBER,
    POOL,
    RUN,
    RUN_LINES,
    RUN_PAGE,
    SCHEDULE_PREVIEW,
    STACK,
    STATUS_PAGE,
)
from jobtui.frontend.policy_json import changes_to_json
from jobtui.frontend.throttle import AdaptiveThrottle
from jobtui.remote.http_client import (
    UNEXPECTED_RESPONSE,
    ClientCredentials,
    HttpClient,
    ResponseTimeoutError,
    ServerAddress,
    UnauthorizedError,
)
from jobtui.remote.snapshot_decoder import SnapshotDecoder
from jobtui.runtime.clock import Clock, SystemClock, thread_cpu

RESPONSE_TIMEOUT = 5.0  # seconds
POLL_WAIT = 4  # seconds that the server may wait for a change; bounds the age of the shown heartbeat
MIN_RECONNECT_DELAY, MAX_RECONNECT_DELAY = 0.5, 3.0  # seconds
_MIN_INTERVAL = 0.05  # seconds from one snapshot to the next
_MAX_INTERVAL = 2.0  # seconds
_CPU_SHARE = 0.1  # of one core; the server uses about the same
HIDDEN_INTERVAL = 2.0  # seconds from one snapshot to the next while the user sees another scheduler
REJECTED_DELAY = 120.0  # seconds until credentials that were rejected are tried again: no guesses to a server
_CLOSE_TIMEOUT = 2.0  # seconds

Value = TypeVar("Value")


class RemoteBackend:
    """A scheduler in another process that listens at an address.

    Args:
        address: Where its server listens.
        credentials: The credentials for the server; None for none.
        clock: The source of time.

    Attributes:
        title_note: Shown after the title; "" for none.
        needs_sign_in: Whether the server rejects the credentials, or requires some.
    """

    def __init__(
        self, address: ServerAddress, credentials: ClientCredentials | None = None, clock: Clock | None = None
    ) -> None:
        self.address = str(address)
        self.title_note = ""
        self._title = ""
        self.connection_error = ""
        self.needs_sign_in = False
        self._client = HttpClient(address, credentials)
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._decoder = SnapshotDecoder()
        self._snapshot: tuple[Snapshot, float] | None = None  # and when it was received
        self._disconnected_at: float | None = None  # None while the connection works
        self._tag = ""
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._is_closed = False
        self._is_shown = True
        self._shown = asyncio.Event()  # set if so; belongs to the thread of the connection
        self._has_other_credentials = asyncio.Event()  # since the last attempt; of that thread
        self._requests: set[asyncio.Task[Any]] = set()
        self._thread: threading.Thread | None = None

    @property
    def title(self) -> str:
        """The origin of the jobs, and the note."""
        return f"{self._title} ({self.title_note})" if self.title_note else self._title

    def connect(self) -> None:
        """Receive the first snapshot, and keep it up to date until `close`.

        Raises:
            UnauthorizedError: The credentials are missing or wrong.
            PermissionError: The server does not allow access.
            ConnectionError: Nothing responds at the address, or not a jobtui server.
        """
        connected: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(connected,), name="jobtui-remote", daemon=True
        )
        self._thread.start()
        try:
            connected.result()
        except BaseException:
            self.close()
            raise

    def connect_later(self, error: Exception) -> None:
        """Show a scheduler without jobs after a first attempt to connect, and go on to try it until `close`.

        Args:
            error: The reason why there is no connection, which `connect` of another backend raised.
        """
        self._title = self.address.removeprefix("http://").removesuffix(STATUS_PAGE)
        at = datetime.fromtimestamp(self._clock.now(), UTC)
        self._snapshot = blank_snapshot(at), self._clock.monotonic()
        delay = self._disconnect(error)
        self._thread = threading.Thread(
            target=self._run, args=(None, delay), name="jobtui-remote", daemon=True
        )
        self._thread.start()

    def sign_in(self, user: str, password: str) -> None:
        """Try to connect with other credentials, at once."""
        self._note_error(f"signing in as {user}", "waiting for the server")
        self._client.use_credentials(ClientCredentials(user, password))
        if self._loop is None:  # the thread has not begun to wait
            self._has_other_credentials.set()
            return
        with suppress(RuntimeError):  # the event loop has ended already
            self._loop.call_soon_threadsafe(self._has_other_credentials.set)

    def close(self) -> None:
        """Disconnect. Requests in progress end with an error; the scheduler keeps running."""
        self._is_closed = True  # before the event loop is looked at, which the thread may start now
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # the event loop has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(_CLOSE_TIMEOUT)

    # --- the snapshot -----------------------------------------------------------------------------

    @property
    def zone(self) -> tzinfo:
        """The scheduler's zone."""
        return self._latest()[0].zone

    def set_shown(self, shown: bool) -> None:
        """Note whether the user sees the scheduler. If not, request a snapshot only every two seconds."""
        self._is_shown = shown
        if self._loop is not None:
            with suppress(RuntimeError):  # the event loop has ended already
                self._loop.call_soon_threadsafe(self._update_pace)

    def _update_pace(self) -> None:
        if self._is_shown:
            self._shown.set()
        else:
            self._shown.clear()

    def snapshot(self) -> Snapshot:
        """Return the latest snapshot. Its time advances, but stands still while there is no connection."""
        with self._lock:
            snapshot, received = self._latest()
            now = self._clock.monotonic() if self._disconnected_at is None else self._disconnected_at
        at = snapshot.at.astimezone(UTC) + timedelta(seconds=max(0.0, now - received))
        return replace(snapshot, at=at.astimezone(snapshot.zone))

    def on_change(self, notify: Callable[[], None]) -> Unsubscribe:
        """Call `notify` after every change, in any thread, until the returned function is called."""
        listener = partial(notify)  # a distinct object, even if one function subscribes twice

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        with self._lock:
            self._listeners += (listener,)
        return unsubscribe

    def _latest(self) -> tuple[Snapshot, float]:
        assert self._snapshot is not None  # `connect` has set it
        return self._snapshot

    def _notify_listeners(self) -> None:
        for notify in self._listeners:
            try:
                notify()
            except Exception:  # noqa: BLE001 - one listener's error must not reach the others
                log_exception("a change listener raised")

    # --- requests ---------------------------------------------------------------------------------

    def job_details(self, job: str) -> JobDetails:
        """Return a job's details."""
        return _decode(partial(JOB_DETAILS.decode, tz=self.zone), self._request("GET", "jobs", job))

    def find_runs(
        self,
        *,
        job: str | None = None,
        state: RunState | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = MAX_RUNS,
    ) -> Sequence[RunView]:
        """Return running, then waiting, then scheduled, then ended runs, the latest endings first."""
        query: dict[str, str | int] = {"limit": limit}
        if job is not None:
            query["job"] = job
        if state is not None:
            query["state"] = state.value
        query |= {
            name: instant.isoformat()
            for name, instant in (("since", since), ("until", until))
            if instant is not None
        }
        json = self._request("GET", "runs", **query)
        return _decode(lambda json: [RUN.decode(run, self.zone) for run in json], json)

    def search_runs(self, query: str, *, limit: int = 100, cursor: str = "") -> RunPage:
        """Return a page of the runs that meet a query, newest first."""
        json = self._request("GET", "history", q=query, limit=limit, cursor=cursor)
        return _decode(partial(RUN_PAGE.decode, tz=self.zone), json)

    def run_columns(self, job: str, *, limit: int = MAX_POINTS) -> RunColumns:
        """Return the latest runs of a job that have started and ended, as columns."""
        try:
            json = self._request("GET", "columns", job=job, limit=limit)
        except LookupError:  # no run of an unknown job is kept
            return RunColumns()
        return _decode(decode_columns, json)

    def run_view(self, number: int) -> RunView:
        """Return a run by its number: waiting, running or ended."""
        return _decode(lambda json: RUN.decode(json["run"], self.zone), self._get_run(number))

    def stack(self, number: int) -> RunStack | None:
        """Return where a run is now; None if it is neither RUNNING nor abandoned."""
        if not 1 <= number <= MAX_RUN_NUMBER:
            return None
        json = self._request("GET", "runs", str(number), "stack")
        return _decode(lambda json: json["stack"] and STACK.decode(json["stack"], self.zone), json)

    def pool_view(self) -> PoolView:
        """Return the current view of the pool, which may be newer than the snapshot."""
        return _decode(partial(POOL.decode, tz=self.zone), self._request("GET", "pool"))

    def output_of(self, number: int) -> str | None:
        """Return the first and the last part of a run's output; None if output is not recorded."""
        return _decode(_output_in, self._get_run(number))

    def _get_run(self, number: int) -> Any:
        if not 1 <= number <= MAX_RUN_NUMBER:
            raise LookupError(f"there is no run {number}")
        return self._request("GET", "runs", str(number))

    def output_lines(self, number: int, after: str = "") -> RunLines:
        """Return the next lines of a run's output."""
        if not 1 <= number <= MAX_RUN_NUMBER:
            raise LookupError(f"there is no run {number}")
        json = self._request("GET", "runs", str(number), "output", after=after)
        return _decode(partial(RUN_LINES.decode, tz=UTC), json)

    def log_page(
        self, run: int | None = None, *, before: str | None = None, after: str | None = None
    ) -> LogPage:
        """Return a page of output: the latest, or one beside a position."""
        if run is not None and not 1 <= run <= MAX_RUN_NUMBER:
            raise LookupError(f"there is no run {run}")
        given: dict[str, str | int | None] = {"run": run, "before": before, "after": after}
        query = {name: value for name, value in given.items() if value is not None}
        json = self._request("GET", "output", "page", **query)
        return _decode(partial(LOG_PAGE.decode, tz=UTC), json)

    def why(self, job: str, at: str = "") -> Explanation:
        """Explain what became, or will become, of a tick of a job."""
        json = self._request("GET", "jobs", job, "why", at=at)
        return _decode(partial(EXPLANATION.decode, tz=self.zone), json)

    def why_run(self, number: int) -> Explanation:
        """Explain when a run was due, how long it waited for what, and how it ended."""
        if not 1 <= number <= MAX_RUN_NUMBER:
            raise LookupError(f"there is no run {number}")
        json = self._request("GET", "runs", str(number), "why")
        return _decode(partial(EXPLANATION.decode, tz=self.zone), json)

    def run(self, job: str, arguments: Mapping[str, Any] | None = None) -> int:
        """Run a job now. Returns the run's number."""
        json = self._request("POST", "jobs", job, "run", body=dict(arguments or {}))
        return _decode(lambda json: int(json["number"]), json)

    def run_again(self, number: int) -> int:
        """Run an ended run once more. Returns the number of the new run."""
        if not 1 <= number <= MAX_RUN_NUMBER:
            raise LookupError(f"there is no run {number}")
        return _decode(lambda json: int(json["number"]), self._request("POST", "runs", str(number), "again"))

    def pause(
        self,
        job: str,
        *,
        until: datetime | str | None = None,
        for_: str | None = None,
        note: str = "",
        by: str = "",  # noqa: ARG002 - the server notes what it knows of its client
    ) -> bool:
        """Pause a job. Returns whether that changed anything."""
        end = until.isoformat() if isinstance(until, datetime) else until
        given = {"until": end, "for": for_, "note": note}
        body = {name: value for name, value in given.items() if value}
        json = self._request("POST", "jobs", job, "pause", body=body)
        return _decode(lambda json: bool(json["changed"]), json)

    def resume(self, job: str) -> bool:
        """Resume a job. Returns whether that changed anything."""
        return _decode(lambda json: bool(json["changed"]), self._request("POST", "jobs", job, "resume"))

    def update(self, job: str, *, spec: str | None = None, **policies: Unpack[Policies]) -> None:
        """Change the schedule or the policies of a job."""
        changes = policies if spec is None else {"spec": spec, **policies}
        self._request("PATCH", "jobs", job, body=changes_to_json(changes))

    def preview(self, job: str, spec: str) -> SchedulePreview:
        """Return what a schedule would mean for a job."""
        json = self._request("GET", "jobs", job, "preview", spec=spec)
        return _decode(partial(SCHEDULE_PREVIEW.decode, tz=self.zone), json)

    def pause_all(self, *, by: str = "") -> int:  # noqa: ARG002 - as for `pause`
        """Pause every job. Returns how many were not paused before."""
        return _decode(lambda json: int(json["changed"]), self._request("POST", "pause"))

    def resume_all(self) -> int:
        """Resume every job. Returns how many were paused."""
        return _decode(lambda json: int(json["changed"]), self._request("POST", "resume"))

    def cancel(self, number: int) -> Cancellation:
        """Cancel a run: remove it from the queue, interrupt it, or ask it to stop. Returns which it was."""
        if not 1 <= number <= MAX_RUN_NUMBER:
            return Cancellation.TOO_LATE
        try:
            json = self._request("POST", "runs", str(number), "cancel")
        except LookupError:
            return Cancellation.TOO_LATE
        return _decode(lambda json: Cancellation(json["cancellation"]), json)

    def resize(self, size: int) -> None:
        """Change how many runs may be RUNNING at once; 0 means no limit."""
        self._request("POST", "pool", "resize", body={"size": size})

    def _request(self, method: str, *path: str, body: Any = None, **query: str | int) -> Any:
        """Send a request in the connection's thread, and wait for the response in the calling thread."""
        if "" in path:  # without its name, the path would be another one
            raise LookupError("there is no job ''")
        body = {} if body is None and method == "POST" else body
        send = partial(self._client.request_json, method, *path, seconds=RESPONSE_TIMEOUT, body=body, **query)
        response: Future[Any] = Future()
        if self._is_closed or self._loop is None:  # or the thread of the connection has not started it yet
            raise ConnectionError(_CLOSED)  # at once: an event loop that ends at this moment answers nothing
        try:
            self._loop.call_soon_threadsafe(self._start_request, send, response)
        except RuntimeError:  # the loop is closed
            raise ConnectionError(_CLOSED) from None
        try:
            # With a timeout, because the loop may end at this moment.
            return response.result(RESPONSE_TIMEOUT + _CLOSE_TIMEOUT)
        except (CancelledError, TimeoutError):
            raise ConnectionError(_CLOSED) from None
        except ResponseTimeoutError as error:
            late = str(error).replace("no response", f"no response from {self.address}")
            may_follow = "; the command may still be executed" if method != "GET" else ""
            raise ConnectionError(f"{late}{may_follow}") from None
        except ConnectionError as error:
            raise ConnectionError(f"no response from {self.address} ({error})") from None

    def _start_request(self, send: Callable[[], Any], response: Future[Any]) -> None:
        assert self._loop is not None
        assert self._stop is not None
        if self._stop.is_set():
            response.cancel()
            return
        task = self._loop.create_task(send())
        self._requests.add(task)
        task.add_done_callback(partial(self._finish_request, response))

    def _finish_request(self, response: Future[Any], task: asyncio.Task[Any]) -> None:
        self._requests.discard(task)
        if task.cancelled():
            response.cancel()
        elif (error := task.exception()) is not None:
            response.set_exception(error)
        else:
            response.set_result(task.result())

    # --- the connection's thread ------------------------------------------------------------------

    def _run(self, connected: Future[None] | None, delay: float = 0.0) -> None:
        """Stay connected until `close`; begin with the first snapshot, or with a delay after an error."""
        try:
            asyncio.run(self._stay_connected(connected, delay))
        except BaseException as error:  # noqa: BLE001 - otherwise `connect` would wait forever
            if connected is not None and not connected.done():
                connected.set_exception(error)
            else:
                log_exception("the connection failed")
                self._note_error("internal error in jobtui", "attach again")

    async def _stay_connected(self, connected: Future[None] | None, delay: float) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._update_pace()
        if self._is_closed:
            self._stop.set()
        async with self._client:
            if connected is not None:
                try:
                    response = await self._client.request_json("GET", "snapshot", seconds=RESPONSE_TIMEOUT)
                    self._update_snapshot(response)
                except Exception as error:  # noqa: BLE001 - `connect` raises it
                    connected.set_exception(error)
                    return
                connected.set_result(None)
            polling = asyncio.create_task(self._poll_snapshots(delay))
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait((polling, stopping), return_when=asyncio.FIRST_COMPLETED)
            if polling.done():
                polling.result()  # raises if it ended with a bug of ours
            await stopping  # other requests are possible until then
            for task in (polling, *self._requests):
                task.cancel()
            await asyncio.gather(polling, *self._requests, return_exceptions=True)

    async def _wait_to_reconnect(self, delay: float) -> None:
        """Wait for a number of seconds, or until there are other credentials."""
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._has_other_credentials.wait()
        self._has_other_credentials.clear()

    async def _poll_snapshots(self, delay: float) -> None:
        await self._wait_to_reconnect(delay)
        loop = asyncio.get_running_loop()
        throttle = AdaptiveThrottle(_MIN_INTERVAL, _MAX_INTERVAL, _CPU_SHARE)
        reconnect_delay = MIN_RECONNECT_DELAY
        while True:
            try:
                known = {"after": self._tag, "jobs_since": self._decoder.jobs_version}
                query: dict[str, str | int] = {name: value for name, value in known.items() if value}
                wait = 0 if self.connection_error else POLL_WAIT  # after an error, reconnect at once
                response = await self._client.request_json(
                    "GET", "snapshot", seconds=POLL_WAIT + RESPONSE_TIMEOUT, wait=wait, **query
                )
                throttle.begin(loop.time(), thread_cpu())
                self._update_snapshot(response)
            except (OSError, LookupError, RuntimeError, ValueError) as error:
                await self._wait_to_reconnect(max(reconnect_delay, self._disconnect(error)))
                reconnect_delay = min(reconnect_delay * 2, MAX_RECONNECT_DELAY)
            else:
                reconnect_delay = MIN_RECONNECT_DELAY
                with suppress(TimeoutError):  # returns at once while the user sees the scheduler
                    async with asyncio.timeout(HIDDEN_INTERVAL):
                        await self._shown.wait()
                while delay := throttle.delay(loop.time(), thread_cpu()):
                    await yield_to_others(delay)

    def _update_snapshot(self, response: Any) -> None:
        snapshot = _decode(self._decoder.decode, response)
        tag, title = _decode(lambda json: (str(json["tag"]), str(json["title"])), response)
        with self._lock:
            self._tag, self._title = tag, title
            self._snapshot = (snapshot, self._clock.monotonic())
            self._disconnected_at = None
            self.connection_error = ""
            self.needs_sign_in = False
        self._notify_listeners()

    def _disconnect(self, error: Exception) -> float:
        """Note why there is no connection. Return the least number of seconds until the next attempt."""
        is_rejected = isinstance(error, UnauthorizedError)  # more attempts would count as guesses
        self.needs_sign_in = is_rejected
        delay = REJECTED_DELAY if is_rejected else 0.0
        self._note_error(
            str(error.args[0]), f"trying again every {delay:g} s" if is_rejected else "trying again"
        )
        return delay

    def _note_error(self, reason: str, remedy: str) -> None:
        """Keep the latest snapshot, stop its time, and tell the user why."""
        with self._lock:
            if self._disconnected_at is None:
                self._disconnected_at = self._clock.monotonic()
        state = f"connection lost at {self.snapshot().at:%H:%M:%S}" if self._tag else "no connection"
        message = f"{state} ({reason}); {remedy}"
        if message != self.connection_error:
            self.connection_error = message
            self._notify_listeners()


_CLOSED = "disconnected from the server"


def _output_in(json: Any) -> str | None:
    output = json["output"]
    return None if output is None else str(output)


def _decode(decode: Callable[[Any], Value], json: Any) -> Value:
    """Decode a response.

    Raises:
        ConnectionError: The JSON is not what was expected.
    """
    try:
        return decode(json)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise ConnectionError(UNEXPECTED_RESPONSE) from None
