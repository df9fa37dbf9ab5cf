"""Lines of output as they are written, by server-sent events."""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web

from jobtui.frontend.cooperative import yield_to_others
from jobtui.frontend.json_codec import MAX_RUN_NUMBER, OUTPUT_LINE, RUN
from jobtui.runtime.output_log import OutputLine
from jobtui.web.api.event_stream import KEEPALIVE_INTERVAL, StreamResponse
from jobtui.web.request_parsing import check_query, parse_whole_number
from jobtui.web.responses import call_scheduler, to_json
from jobtui.web.server_context import ServerContext

POLL_INTERVAL = 0.1  # seconds from one look at the output log to the next, for each client
_CHUNK = 50  # lines that are encoded before other threads may run


class _Filter(NamedTuple):
    """The lines that a client asks for: those of a job, those of a run, or all."""

    job: str | None
    run: int | None

    def admits(self, line: OutputLine) -> bool:
        return self.job in {None, line.job} and self.run in {None, line.run}


class OutputStream:
    """Sends each client the lines since it connected, or since a line that it names.

    Each line is a ``line`` event. If the log has dropped lines before they were sent, a ``lost`` event says
    how many. The stream of one run ends with an ``ended`` event.
    """

    def __init__(self, context: ServerContext) -> None:
        self._backend = context.backend
        self._event_hub = context.event_hub
        self._staggered = context.staggered
        self._unsent_bytes = context.unsent_bytes

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Send lines to one client until it disconnects or its run has ended."""
        check_query(request, "job", "run", "after")
        number, job = request.query.get("run"), request.query.get("job")
        run = None if number is None else parse_whole_number("run", number, 1, MAX_RUN_NUMBER)
        if run is not None:
            call_scheduler(self._backend.run_view, run)  # 404 if there is no such run
        elif job is not None:
            call_scheduler(self._backend.job_details, job)
        last = self._first_position(request, run)
        stream = StreamResponse(request, self._unsent_bytes)
        await stream.begin()
        await stream.send(b": jobtui\n\n")
        await self._send_lines(stream, _Filter(job, run), last)
        return stream.response

    def _first_position(self, request: web.Request, run: int | None) -> int:
        """Return the line after which the stream begins."""
        tag = request.headers.get("Last-Event-ID")
        if tag is not None:  # in another lifetime of the scheduler, all its lines are new
            return self._event_hub.seq_of(tag) or 0
        after = request.query.get("after")
        if after is not None:
            return parse_whole_number("after", after, 0, MAX_RUN_NUMBER)
        return self._backend.output_since(MAX_RUN_NUMBER).last if run is None else 0

    async def _send_lines(self, stream: StreamResponse, wanted: _Filter, last: int) -> None:
        silence = 0.0  # seconds for which nothing was sent
        while True:
            await self._staggered.my_turn()
            ended = None if wanted.run is None else self._ended(wanted.run)  # before its last lines are read
            chunk = self._backend.output_since(last)
            lost = chunk.first - last - 1 if last else 0
            last = chunk.last
            lines = [line for line in chunk.lines if wanted.admits(line)]
            if ended is not None:
                lines += filter(wanted.admits, chunk.unfinished)
            data = [self._encode("lost", chunk.first - 1, to_json({"lost": lost}))] if lost > 0 else []
            for place, line in enumerate(lines, 1):
                data.append(self._encode("line", line.number or last, to_json(OUTPUT_LINE.encode(line))))
                if place % _CHUNK == 0:
                    await yield_to_others()
            if ended is not None:
                data.append(self._encode("ended", last, ended))
            silence += POLL_INTERVAL
            if data or silence >= KEEPALIVE_INTERVAL:
                await stream.send(b"".join(data) or b":\n\n")
                silence = 0.0
            if ended is not None:
                return
            await yield_to_others(POLL_INTERVAL)

    def _ended(self, number: int) -> str | None:
        """Return a run as JSON if it has ended, else None. A run that is not kept any more has ended."""
        try:
            run = self._backend.run_view(number)
        except LookupError:
            return "null"
        return to_json(RUN.encode(run)) if run.state.ended else None

    def _encode(self, name: str, number: int, data: str) -> bytes:
        text = f"id: {self._event_hub.tag_of(number)}\nevent: {name}\ndata: {data}\n\n"
        return text.encode("utf-8", "replace")
