"""A scheduler in another process, as a dashboard sees and steers it.

A thread of its own follows the scheduler by long polls: each asks for the picture after the one that is
known, and is answered as soon as there is another. Commands and other questions go in between.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, timedelta, tzinfo
from functools import partial
from typing import Any, TypeVar

from jobtui.engine.enums import Cancellation
from jobtui.engine.tracebacks import log_exception
from jobtui.engine.views import Snapshot
from jobtui.frontend.api_paths import MAX_RUN_NUMBER
from jobtui.frontend.backend import JobDetails, Unsubscribe
from jobtui.frontend.codec import JOB_DETAILS, OUTPUT_CHUNK
from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.throttle import AdaptiveThrottle
from jobtui.remote.http_client import Client, Credentials, Target, UnauthorizedError
from jobtui.remote.snapshot_decoder import SnapshotDecoder
from jobtui.runtime.clock import Clock, SystemClock, thread_cpu
from jobtui.runtime.output_capture import OutputChunk

ANSWERING = 5.0  # seconds that an answer may take
WAIT = 4  # seconds that the server waits for news; the timer's heartbeat is so old at most, and no event
FIRST_REST, LONGEST_REST = 0.5, 3.0  # seconds between two attempts to connect again
_SPACING = 0.05  # seconds between two pictures at least
_LONGEST = 2.0
_SHARE = 0.1  # of a core; the server's share is about the same
_CLOSING = 2.0  # seconds

View = TypeVar("View")


class RemoteBackend:
    """A scheduler that listens somewhere.

    Args:
        target: Where.
        credentials: Who is asking; None for nobody in particular.
        clock: Where the time comes from.
    """

    def __init__(
        self, target: Target, credentials: Credentials | None = None, clock: Clock | None = None
    ) -> None:
        self.address = str(target)
        self.title = ""
        self.connection_error = ""
        self._client = Client(target, credentials)
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._pictures = SnapshotDecoder()
        self._picture: tuple[Snapshot, float] | None = None  # and when it came
        self._stood_still: float | None = None  # since when the picture is an old one
        self._tag = ""
        self._printed_epoch = ""
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._under_way: set[asyncio.Task[Any]] = set()
        self._thread: threading.Thread | None = None

    def connect(self) -> None:
        """Get the first picture, and follow from there until `close`.

        Raises:
            UnauthorizedError: The credentials are missing or wrong.
            PermissionError: This one is not let in.
            ConnectionError: Nobody answers, or somebody else does.
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

    def close(self) -> None:
        """Be done with it. Questions under way are broken off; the scheduler goes on."""
        if self._loop is not None and self._over is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._over.set)
        if self._thread is not None:
            self._thread.join(_CLOSING)

    # --- the picture ------------------------------------------------------------------------------

    @property
    def zone(self) -> tzinfo:
        """The scheduler's zone."""
        return self._latest()[0].zone

    def snapshot(self) -> Snapshot:
        """The latest picture. Its clock goes on, unless there is trouble: then it stands still."""
        with self._lock:
            snapshot, came = self._latest()
            now = self._clock.monotonic() if self._stood_still is None else self._stood_still
        at = snapshot.at.astimezone(UTC) + timedelta(seconds=max(0.0, now - came))
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
        assert self._picture is not None  # it is connected
        return self._picture

    def _notify_listeners(self) -> None:
        for notify in self._listeners:
            try:
                notify()
            except Exception:  # noqa: BLE001 - one listener's error must not reach the others
                log_exception("a change listener raised")

    # --- questions --------------------------------------------------------------------------------

    def job_details(self, job: str) -> JobDetails:
        """One job in depth."""
        return _read(partial(JOB_DETAILS.decode, tz=self.zone), self._ask("GET", "jobs", job))

    def output_of(self, number: int) -> str:
        """The tail of what a run printed, where that is collected, else ""."""
        if not 1 <= number <= MAX_RUN_NUMBER:
            return ""
        try:
            return _read(lambda json: str(json["output"]), self._ask("GET", "runs", str(number)))
        except LookupError:
            return ""

    def output_since(self, after: int) -> OutputChunk:
        """What everything printed after the line of that number; all, if that was in another life."""
        answer = self._ask("GET", "output", after=after)
        epoch = _read(lambda json: str(json["epoch"]), answer)
        if after and epoch != self._printed_epoch:
            answer = self._ask("GET", "output")
        self._printed_epoch = epoch
        return _read(partial(OUTPUT_CHUNK.decode, tz=UTC), answer)

    def run(self, job: str) -> int:
        """Run a job now. Returns the run's number."""
        return _read(lambda json: int(json["number"]), self._ask("POST", "jobs", job, "run"))

    def pause(self, job: str) -> bool:
        """Pause a job. Returns whether that changed anything."""
        return _read(lambda json: bool(json["changed"]), self._ask("POST", "jobs", job, "pause"))

    def resume(self, job: str) -> bool:
        """Resume a job. Returns whether that changed anything."""
        return _read(lambda json: bool(json["changed"]), self._ask("POST", "jobs", job, "resume"))

    def pause_all(self) -> int:
        """Pause every job. Returns how many were not paused before."""
        return _read(lambda json: int(json["changed"]), self._ask("POST", "pause"))

    def resume_all(self) -> int:
        """Resume every job. Returns how many were paused."""
        return _read(lambda json: int(json["changed"]), self._ask("POST", "resume"))

    def cancel(self, number: int) -> Cancellation:
        """Take out a waiting run, or interrupt or ask one that runs. Returns which it was."""
        if not 1 <= number <= MAX_RUN_NUMBER:
            return Cancellation.TOO_LATE
        try:
            answer = self._ask("POST", "runs", str(number), "cancel")
        except LookupError:
            return Cancellation.TOO_LATE
        return _read(lambda json: Cancellation(json["cancellation"]), answer)

    def resize(self, size: int) -> None:
        """Change how many runs may be RUNNING at once; 0 for no limit."""
        self._ask("POST", "pool", "resize", body={"size": size})

    def _ask(self, method: str, *path: str, body: Any = None, **query: int) -> Any:
        """Ask in the thread of the connection, and wait for the answer in this one."""
        body = {} if body is None and method == "POST" else body
        ask = partial(self._client.ask, method, *path, limit=ANSWERING, body=body, **query)
        loop = self._loop
        assert loop is not None  # it is connected
        answer: Future[Any] = Future()
        try:
            loop.call_soon_threadsafe(self._begin, ask, answer)
        except RuntimeError:  # the loop is closed
            raise ConnectionError(_CLOSED) from None
        try:
            return answer.result(ANSWERING + _CLOSING)  # a loop that ends just now answers nothing
        except (CancelledError, TimeoutError):
            raise ConnectionError(_CLOSED) from None
        except ConnectionError as error:
            raise ConnectionError(f"no answer from {self.address} ({error})") from None

    def _begin(self, ask: Callable[[], Any], answer: Future[Any]) -> None:
        assert self._loop is not None
        assert self._over is not None
        if self._over.is_set():
            answer.cancel()
            return
        task = self._loop.create_task(ask())
        self._under_way.add(task)
        task.add_done_callback(partial(self._end, answer))

    def _end(self, answer: Future[Any], task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if task.cancelled():
            answer.cancel()
        elif (error := task.exception()) is not None:
            answer.set_exception(error)
        else:
            answer.set_result(task.result())

    # --- following; in the thread of the connection -------------------------------------------------

    def _run(self, connected: Future[None]) -> None:
        try:
            asyncio.run(self._live(connected))
        except BaseException as error:  # noqa: BLE001 - whoever connects would wait for ever
            if not connected.done():
                connected.set_exception(error)
            else:
                log_exception("the connection failed")
                self._lose("an error in jobtui itself", again=False)

    async def _live(self, connected: Future[None]) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with self._client:
            try:
                self._take(await self._client.ask("GET", "snapshot", limit=ANSWERING))
            except Exception as error:  # noqa: BLE001 - passed on, before the loop is cleared up
                connected.set_exception(error)
                return
            connected.set_result(None)
            following = asyncio.create_task(self._follow())
            over = asyncio.create_task(self._over.wait())
            await asyncio.wait((following, over), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()  # raises, if that was a mistake of ours
            await over  # there may still be questions
            for task in (following, *self._under_way):
                task.cancel()
            await asyncio.gather(following, *self._under_way, return_exceptions=True)

    async def _follow(self) -> None:
        loop, throttle = (
            asyncio.get_running_loop(),
            AdaptiveThrottle(min_interval=_SPACING, max_interval=_LONGEST, cpu_share=_SHARE),
        )
        rest = FIRST_REST
        while True:
            try:
                answer = await self._client.ask(
                    "GET", "snapshot", limit=WAIT + ANSWERING, after=self._tag, wait=self._wait
                )
                throttle.begin(loop.time(), thread_cpu())
                self._take(answer)
            except UnauthorizedError as error:  # more attempts would lock everybody out
                self._lose(str(error), again=False)
                return
            except (OSError, LookupError, RuntimeError, ValueError) as error:
                self._lose(str(error.args[0]))
                await yield_to_others(rest)
                rest = min(rest * 2, LONGEST_REST)
            else:
                rest = FIRST_REST
                while moment := throttle.delay(loop.time(), thread_cpu()):
                    await yield_to_others(moment)

    @property
    def _wait(self) -> int:
        """How long the server may wait for news; not at all, while it is not known whether it is there."""
        return 0 if self.connection_error else WAIT

    def _take(self, answer: Any) -> None:
        """Show a picture that has come."""
        snapshot = _read(lambda json: self._pictures.read(json["snapshot"]), answer)
        tag, title = _read(lambda json: (str(json["tag"]), str(json["title"])), answer)
        with self._lock:
            self._tag, self.title = tag, title
            self._picture = (snapshot, self._clock.monotonic())
            self._stood_still = None
            self.connection_error = ""
        self._notify_listeners()

    def _lose(self, why: str, *, again: bool = True) -> None:
        """Keep the picture that there is, and say so."""
        with self._lock:
            if self._stood_still is None:
                self._stood_still = self._clock.monotonic()
        lost = f"connection lost at {self.snapshot().at:%H:%M:%S} ({why})"
        connection_error = f"{lost}; trying again" if again else f"{lost}; attach again"
        if connection_error != self.connection_error:
            self.connection_error = connection_error
            self._notify_listeners()


_CLOSED = "the connection was closed here"


def _read(read: Callable[[Any], View], json: Any) -> View:
    """What an answer says.

    Raises:
        ConnectionError: It makes no sense.
    """
    try:
        return read(json)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise ConnectionError("the answer makes no sense: is it another version of jobtui?") from None
