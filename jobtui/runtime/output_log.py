"""The latest lines of all captured output."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, starmap, takewhile
from operator import itemgetter
from sys import getsizeof
from typing import Any, NamedTuple

from jobtui.process.terminal_text import DRAWS, draw, latest_state, terminal_line
from jobtui.runtime.clock import Clock, SystemClock
from jobtui.runtime.run_output import RUN_BYTES

LOG_BYTES = 2_000_000  # of memory for the output of all jobs, unless set
MAX_LINE_LENGTH = 2_000  # characters kept of one line
MAX_UNFINISHED = 50  # lines without a line break at their end
MAX_OPEN = 1_000  # sources with such a line
MAX_UNFED = 1_000  # notes of dropped lines that wait for the store
MAX_CHUNK = 2_000  # lines given to a reader at once
_OVERHEAD = 160  # bytes: what a line takes in memory in addition to its text, about
_SHARE_DROPPED = 16  # a full log drops its oldest sixteenth
_NOTE_LENGTH = 40  # characters, at most, of the note about what is missing from a line


class OutputLine(NamedTuple):
    """A line of output.

    Attributes:
        number: Its number among all lines, counted from 1; 0 as long as it has no line break at its end.
        at: When it was written, in seconds since the epoch (UTC); if it was written in parts, the last one.
        job: The name of the job whose run wrote it; "" outside a run.
        run: The number of that run; 0 outside a run.
        stream: `stdout`, `stderr`, the level of a log record, such as `WARNING`, or `fd 1` or `fd 2` for what
            subprocesses and C code wrote to the file descriptor.
        text: The line as a terminal shows it: without its line break, without colours, and only the latest
            state of a progress bar.
    """

    number: int
    at: float
    job: str
    run: int
    stream: str
    text: str


# The attributes of a line. The garbage collector does not track a plain tuple of texts and numbers, unlike a
# named one. So a million kept lines do not slow it down.
_Entry = tuple[int, float, str, int, str, str]
_NUMBER, _RUN = itemgetter(0), itemgetter(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputChunk:
    """New lines of the output log, for a reader that has the earlier ones.

    Attributes:
        first: The number of the first line in `lines`; without lines, the number that the next one will have.
        lines: The complete lines, oldest first.
        unfinished: The lines that have no line break at their end yet.
    """

    first: int
    lines: tuple[OutputLine, ...]
    unfinished: tuple[OutputLine, ...]

    @property
    def last(self) -> int:
        """The number of the latest complete line."""
        return self.lines[-1].number if self.lines else self.first - 1


class OutputLog:
    """The latest lines of all captured output. Thread-safe.

    Writers never block: a signal handler or a destructor may write while it interrupts a write. They append
    their text to an inbox, which the next reader turns into lines, and drop the oldest text if there is too
    much. Each of their operations on shared data is one step in C, which the GIL makes atomic. Only readers
    take a lock, and only the process that created the log may read it, not a forked child.

    Args:
        limit: How much memory the lines may take, in bytes. A line counts as its string object and 160 bytes.
        run_limit: How many bytes of output the streams that write to this log keep of each run.
        clock: The source of the lines' times; None for the machine's clock.

    Attributes:
        drawn: The time and the latest state of the line that each source draws again and again. A source is a
            job, a run and a stream.
        open_lines: The sources whose latest text has no line break at its end, or that draw a line.
        on_write: Called after every write. It must be quick and must not block.
        redact: Replaces secrets in a line. Only readers call it.
        last_fed: The number of the latest line that the store has read; inf without a store. It sets this.
    """

    def __init__(
        self, limit: int = LOG_BYTES, *, run_limit: int = RUN_BYTES, clock: Clock | None = None
    ) -> None:
        self.run_limit = run_limit
        self.limit = limit
        self._now = (clock or SystemClock()).now
        self._inbox: deque[tuple[float, str, int, str, str]] = deque()
        self._lines: deque[_Entry] = deque()
        self._size = 0  # bytes that `_inbox` and `_lines` take
        self._lost_lines = 0  # those that were dropped from the inbox since the last reading
        self._total_lines = 0  # those taken out of the inbox, and those lost before them
        # The time and the text of the unfinished line of each source: job, run and stream.
        self._unfinished: dict[tuple[str, int, str], tuple[float, str]] = {}
        self.drawn: dict[tuple[str, int, str], tuple[float, str]] = {}
        self.open_lines: dict[tuple[str, int, str], None] = {}
        self._reading = threading.Lock()
        self.on_write: Callable[[], object] = bool
        self.redact: Callable[[str], str] = str
        self.last_fed = math.inf
        # Runs with how many of their lines were dropped before the store had read them.
        self._unfed: deque[tuple[int, int]] = deque(maxlen=MAX_UNFED)

    # --- writers ----------------------------------------------------------------------------------

    def write(self, job: str, run: int, stream: str, text: str) -> None:
        """Append text; what follows the last line break is an unfinished line of its source.

        Args:
            job: The name of the job that writes; "" outside a run.
            run: The number of its run; 0 outside a run.
            stream: The stream, or the level of a log record.
            text: Any number of lines, or a part of one.
        """
        if self.drawn or text[:1] in DRAWS:
            source = job, run, stream
            drawn, text = draw(self.drawn.pop(source, (0.0, ""))[1], text)
            if drawn:
                self.drawn[source] = self._now(), drawn
                self.open_lines[source] = None
                if not text:
                    self.on_write()
        if not text:
            return
        for part in (text,) if len(text) <= MAX_LINE_LENGTH else self._parts(run, text):
            self._append(job, run, stream, part)
        if text[-1:] != "\n":
            self.open_lines[job, run, stream] = None
        elif self.open_lines:
            self.open_lines.pop((job, run, stream), None)
        self.on_write()

    def _append(self, job: str, run: int, stream: str, part: str) -> None:
        self._inbox.append((self._now(), job, run, stream, part))
        size = getsizeof(part) + _OVERHEAD  # first, because `+=` is one step only without a call in it
        self._size += size
        if self._size > self.limit:
            self._drop_oldest()

    def end_lines(self, run: int) -> None:
        """End the lines of the run of that number that have no line break yet, and those that it draws."""
        for source in tuple(self.open_lines):
            if source[1] == run:
                if source in self.drawn:
                    self.write(*source, "")
                self.open_lines.pop(source, None)
                self._append(*source, "")  # an empty text ends the line
                self.on_write()

    def _parts(self, run: int, text: str) -> list[str]:
        """Split a long text at its line breaks; leave out lines that do not fit, and the middle of others."""
        rest, *lines = text.rsplit("\n", self.limit // _OVERHEAD)
        lost = rest.count("\n")
        self._lost_lines += lost
        self._note_unfed({run: lost})
        *complete, last = (_cut_line(line) for line in (rest.rpartition("\n")[2], *lines))
        return [*(line + "\n" for line in complete), last]

    def _drop_oldest(self) -> None:
        """Drop a little more than necessary, so that not every write has to."""
        target = self.limit - self.limit // _SHARE_DROPPED
        entries: deque[Any]
        unfed: Counter[int] = Counter()
        for entries in (self._lines, self._inbox):
            freed = lost = 0
            try:
                while self._size - freed > target:
                    first, *_, run, _, text = entries.popleft()
                    freed += getsizeof(text) + _OVERHEAD
                    breaks = text.count("\n")
                    lost += breaks
                    unfed[run] += breaks if entries is self._inbox else first > self.last_fed
            except IndexError:  # nothing is left, or a reader or another writer was faster
                pass
            finally:
                self._size -= freed
                self._lost_lines += lost  # a line in `_lines` has no line break
        self._note_unfed(unfed)

    def _note_unfed(self, lines: Mapping[int, int]) -> None:
        """Note how many lines of each run the store will not get."""
        if self.last_fed < math.inf:
            self._unfed.extend((run, count) for run, count in lines.items() if run and count)

    # --- readers ----------------------------------------------------------------------------------

    def output_since(self, number: int, *, at_most: int | None = MAX_CHUNK) -> OutputChunk:
        """Return the kept lines after the line of that number; all of them if there is no such line.

        Args:
            number: The number of a line.
            at_most: How many lines are returned; if there are more, the latest. None for all.
        """
        with self._reading:
            self._empty_inbox()
            # A follower asks often, so only the lines that it does not have are copied for it.
            lines: tuple[OutputLine, ...] = ()
            if 0 < number < self._total_lines:
                lines = self._newest(
                    at_most, lambda lines: takewhile(lambda line: _NUMBER(line) > number, lines)
                )
            elif number != self._total_lines:
                lines = self._newest(at_most, iter)
            return self._chunk(lines)

    def end(self) -> OutputChunk:
        """Return no complete line: the number that the next one will have, and the unfinished ones."""
        with self._reading:
            self._empty_inbox()
            return self._chunk(())

    def lines_before(self, number: int, at_most: int, *, run: int | None = None) -> tuple[OutputLine, ...]:
        """Return the latest kept lines before the line of that number, oldest first.

        Args:
            number: The number of a line; it need not exist.
            at_most: How many lines are returned.
            run: Only lines of the run of this number; None for all.
        """
        with self._reading:
            self._empty_inbox()
            later = self._count_after(number - 1)

            def wanted(lines: Iterable[_Entry]) -> Iterable[_Entry]:
                return (line for line in islice(lines, later, None) if run in (None, _RUN(line)))

            return self._newest(at_most, wanted)

    def lines_after(self, number: int, at_most: int, *, run: int | None = None) -> tuple[OutputLine, ...]:
        """Return the first kept lines after the line of that number, oldest first.

        Args:
            number: The number of a line; it need not exist.
            at_most: How many lines are returned.
            run: Only lines of the run of this number; None for all.
        """
        with self._reading:
            self._empty_inbox()
            count = self._count_after(number)
            while True:
                try:
                    kept = iter(self._lines)
                    rest = islice(kept, max(0, len(self._lines) - count), None)
                    wanted = (line for line in rest if run in (None, _RUN(line)))
                    return tuple(starmap(OutputLine, islice(wanted, at_most)))
                except RuntimeError:  # a writer has dropped lines in between
                    pass

    def oldest(self) -> OutputLine | None:
        """Return the oldest kept line; None if there is none."""
        with self._reading:
            self._empty_inbox()
            try:
                return OutputLine(*self._lines[0])
            except IndexError:
                return None

    def _count_after(self, number: int) -> int:
        """Return how many lines are kept after the line of that number, without looking at each of them."""
        while self._lines:
            try:
                oldest, latest, count = self._lines[0], self._lines[-1], len(self._lines)
                missing = _NUMBER(latest) - _NUMBER(oldest) + 1 - count  # numbers of lines lost in the inbox
                high = max(0, min(number + 1 - _NUMBER(oldest), count))
                place = bisect_right(self._lines, number, max(0, high - missing), high, key=_NUMBER)
                if self._lines[0] is oldest:
                    return count - place
            except IndexError:
                pass
            # A writer has dropped lines in between, so the others have other places.
        return 0

    def _newest(
        self, at_most: int | None, wanted: Callable[[Iterable[_Entry]], Iterable[_Entry]]
    ) -> tuple[OutputLine, ...]:
        """Return the latest lines that a function chooses, oldest first, without a copy of all others."""
        while True:
            try:
                return tuple(starmap(OutputLine, islice(wanted(reversed(self._lines)), at_most)))[::-1]
            except RuntimeError:  # a writer has dropped lines in between
                pass

    def _chunk(self, lines: tuple[OutputLine, ...]) -> OutputChunk:
        return OutputChunk(
            first=lines[0].number if lines else self._total_lines + 1,
            lines=lines,
            unfinished=tuple(
                OutputLine(0, at, *source, self.redact(terminal_line(text)))
                for source, (at, text) in self._unfinished_lines().items()
            ),
        )

    def _unfinished_lines(self) -> dict[tuple[str, int, str], tuple[float, str]]:
        """Return the time and the text of the unfinished line of each source."""
        lines = dict(self._unfinished)
        for source, (at, text) in tuple(self.drawn.items()):
            lines[source] = at, lines.get(source, (at, ""))[1] + text.partition("\n")[0]
        return lines

    def take_unfed(self) -> Mapping[int, int]:
        """Return how many lines of each run were dropped before the store had read them, once."""
        unfed: Counter[int] = Counter()
        while self._unfed:
            run, count = self._unfed.popleft()
            unfed[run] += count
        return unfed

    def _empty_inbox(self) -> None:
        while len(self.drawn) > MAX_UNFINISHED:
            self.write(*next(iter(self.drawn)), "")
        while len(self.open_lines) > MAX_OPEN:  # threads have written them after the end of their runs
            self.open_lines.pop(next(iter(self.open_lines)), None)
        lost = self._lost_lines
        self._lost_lines -= lost
        self._total_lines += lost
        for _ in range(len(self._inbox)):
            try:
                at, job, run, stream, text = self._inbox.popleft()
            except IndexError:  # a writer has dropped the rest
                break
            size = getsizeof(text) + _OVERHEAD
            self._size -= size
            self._split(at, (job, run, stream), text)
        while len(self._unfinished) > MAX_UNFINISHED:
            source = next(iter(self._unfinished))
            at, text = self._unfinished.pop(source)
            self._add_line(at, source, text)

    def _split(self, at: float, source: tuple[str, int, str], text: str) -> None:
        """Split a text at its line breaks, after the unfinished line of its source."""
        begun_at, begun = self._unfinished.pop(source, (at, ""))
        first, *others = text.split("\n")
        is_end = not text
        if begun and (is_end or len(begun) + len(first) > MAX_LINE_LENGTH):  # such as a line of dots
            self._add_line(begun_at, source, begun)
            begun = ""
        *lines, rest = begun + first, *others
        for line in lines:
            self._add_line(at, source, line)
        if rest:
            self._unfinished[source] = at, latest_state(rest)

    def _add_line(self, at: float, source: tuple[str, int, str], text: str) -> None:
        text = self.redact(terminal_line(text))
        self._total_lines += 1
        self._lines.append((self._total_lines, at, *source, text))
        size = getsizeof(text) + _OVERHEAD
        self._size += size
        if self._size > self.limit:
            self._drop_oldest()


def _cut_line(line: str) -> str:
    """Return a line without its middle if it is too long, and say how much is missing."""
    if len(line) <= MAX_LINE_LENGTH:
        return line
    half = (MAX_LINE_LENGTH - _NOTE_LENGTH) // 2
    return f"{line[:half]} [{len(line) - 2 * half} characters left out] {line[-half:]}"
