"""Compare the output of two runs, without what differs each time: numbers, times, addresses and UUIDs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import Enum
from itertools import islice

from jobtui.engine.views import RunView
from jobtui.frontend.backend import Backend, LogLine
from jobtui.frontend.formatting import pluralize
from jobtui.frontend.related_runs import last_ok_run
from jobtui.frontend.text_lines import OPEN

MAX_LINES = 100_000  # compared of each output
MAX_STEPS = 2_000_000  # of the search for the smallest difference; about a second
MAX_EDITS = 500  # lines of one output that the other does not have
CONTEXT = 3  # equal lines shown beside a difference
_MAX_WORDS = 200  # of a line whose changed words are marked
_SIMILAR = 0.4  # ratio from which on two lines are shown as one that has changed

_CHANGING = re.compile(
    r"""
    [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}                 # a UUID
    | 0x[0-9a-f]+                                               # an address
    | \b(?=[a-f]*[0-9])[0-9a-f]{12,}\b                          # a digest
    | \d+(?:[-.,:T/]\d+)*                                       # a number, a date, a time
      (?:Z\b | [ ]?(?:ns|us|µs|ms|s|sec|m|min|h)\b | [ ]?(?:[kKMGT]i?)?B\b)?  # a unit
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WORD = re.compile(rf"{_CHANGING.pattern} | \w+ | \S", re.VERBOSE | re.IGNORECASE)


class DiffKind(Enum):
    """The kind of a row of a difference."""

    EQUAL = "both"
    REMOVED = "only in the OK run"
    ADDED = "only in this run"
    FOLDED = "equal lines that are not shown"
    UNFOLDED = "the title of such lines that are shown"


# The sign and the tone of a row of each kind.
DIFF_SIGNS = {
    DiffKind.EQUAL: ("  ", "muted"),
    DiffKind.REMOVED: ("- ", "removed"),
    DiffKind.ADDED: ("+ ", "ok"),
    DiffKind.FOLDED: ("… ", "muted"),
    DiffKind.UNFOLDED: (f"{OPEN} ", "muted"),
}


@dataclass(frozen=True, slots=True)
class DiffRow:
    """A row of a difference.

    Attributes:
        kind: The outputs that have the line.
        text: The line; of an equal one as this run has it.
        changed: The parts of the text that the line at the same place in the other output lacks.
        folded: The equal lines for which the row stands, as this run has them; empty for one line.
    """

    kind: DiffKind
    text: str
    changed: tuple[tuple[int, int], ...] = ()
    folded: Sequence[str] = ()

    @property
    def is_title(self) -> bool:
        """Whether the text is a title of equal lines, and no line of an output."""
        return self.kind in {DiffKind.FOLDED, DiffKind.UNFOLDED}

    @property
    def count(self) -> int:
        """The number of lines for which the row stands."""
        return len(self.folded) or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDiff:
    """The difference between the output of an OK run and that of another run.

    Attributes:
        rows: The rows.
        differences: The indices in `rows` at which a difference begins.
        limit: The reason why not everything is compared; "" if it is.
    """

    rows: Sequence[DiffRow]
    differences: Sequence[int]
    limit: str = ""

    @property
    def summary(self) -> str:
        """The number of differences, as text."""
        count = len(self.differences)
        return pluralize(count, "difference") if count else "no difference, apart from numbers and times"


def normalize(text: str) -> str:
    """Return a line with one sign in place of everything that differs in each run."""
    return _CHANGING.sub("#", text.rstrip())


def read_output(backend: Backend, run: int) -> tuple[list[str], bool]:
    """Return the lines of a run's output, at most `MAX_LINES`, and whether there are more.

    Raises:
        LookupError: There is no such run.
        OSError: The scheduler cannot be reached.
    """
    page = backend.log_page(run, after="")
    lines: list[LogLine] = [*page.lines, *page.unfinished]
    while not page.is_latest and page.lines and len(lines) <= MAX_LINES:
        page = backend.log_page(run, after=page.after)
        lines += (*page.lines, *page.unfinished)
    return [line.text for line in islice(lines, MAX_LINES)], len(lines) > MAX_LINES


def compare_with_last_ok(backend: Backend, run: RunView) -> tuple[RunView, OutputDiff]:
    """Compare the output that a run has written so far with that of the last OK run of its job.

    Args:
        backend: The scheduler. The call may take seconds.
        run: The run.

    Returns:
        The last OK run, and the difference.

    Raises:
        LookupError: There is no earlier OK run, as far as known, or the output of one of them is not kept.
        OSError: The scheduler cannot be reached.
    """
    ok = last_ok_run(backend, run)
    before, is_before_cut = read_output(backend, ok.number)
    after, is_after_cut = read_output(backend, run.number)
    diff = compare_output(before, after)
    if (is_before_cut or is_after_cut) and not diff.limit:
        diff = replace(diff, limit=f"only the first {MAX_LINES:,} lines of each are compared")
    return ok, diff


def compare_output(before: Sequence[str], after: Sequence[str]) -> OutputDiff:
    """Compare the lines of an OK run with those of another run.

    The search for the smallest difference is bounded. Lines that it does not reach are compared no more: all
    of them count as different, and `limit` says so.
    """
    numbers: dict[str, int] = {}
    old, new = (
        [numbers.setdefault(normalize(text), len(numbers)) for text in lines] for lines in (before, after)
    )
    blocks, is_complete = _matching_blocks(old, new)
    rows: list[DiffRow] = []
    differences: list[int] = []
    old_place = new_place = 0
    for old_begin, new_begin, size in [*blocks, (len(old), len(new), 0)]:
        if old_begin > old_place or new_begin > new_place:
            differences.append(len(rows))
            rows += _changed_rows(before[old_place:old_begin], after[new_place:new_begin])
        old_place, new_place = old_begin + size, new_begin + size
        is_end = old_place == len(old) and new_place == len(new)
        rows += _equal_rows(after[new_begin:new_place], is_begin=not rows, is_end=is_end)
    limit = "" if is_complete else "too different to be compared line by line to the end"
    return OutputDiff(rows=rows, differences=differences, limit=limit)


def _equal_rows(lines: Sequence[str], *, is_begin: bool, is_end: bool) -> list[DiffRow]:
    """Return the rows of equal lines: those beside a difference, and one for the others."""
    begin, end = (0 if is_begin else CONTEXT), len(lines) - (0 if is_end else CONTEXT)
    if end - begin <= 1:
        return [DiffRow(DiffKind.EQUAL, text) for text in lines]
    folded = DiffRow(DiffKind.FOLDED, f"{end - begin:,} equal lines", folded=lines[begin:end])
    shown = ([DiffRow(DiffKind.EQUAL, text) for text in part] for part in (lines[:begin], lines[end:]))
    return [*next(shown), folded, *next(shown)]


def _changed_rows(removed: Sequence[str], added: Sequence[str]) -> list[DiffRow]:
    """Return the rows of lines that differ; those at the same place have their changed words marked."""
    changes = [_changed_words(*pair) for pair in zip(removed, added, strict=False)]
    changes += [((), ())] * (max(len(removed), len(added)) - len(changes))
    return [
        *(DiffRow(DiffKind.REMOVED, text, old) for text, (old, _) in zip(removed, changes, strict=False)),
        *(DiffRow(DiffKind.ADDED, text, new) for text, (_, new) in zip(added, changes, strict=False)),
    ]


_Spans = tuple[tuple[int, int], ...]


def _changed_words(old: str, new: str) -> tuple[_Spans, _Spans]:
    """Return the parts of two lines that the other lacks; none if they have little in common."""
    old_words, new_words = _words(old), _words(new)
    if max(len(old_words), len(new_words)) > _MAX_WORDS:
        return (), ()
    old_keys, new_keys = ([key for _, _, key in words] for words in (old_words, new_words))
    matcher = SequenceMatcher(None, old_keys, new_keys, autojunk=False)
    if matcher.ratio() < _SIMILAR:
        return (), ()
    codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return (
        tuple((old_words[begin][0], old_words[end - 1][1]) for _, begin, end, _, _ in codes if end > begin),
        tuple((new_words[begin][0], new_words[end - 1][1]) for _, _, _, begin, end in codes if end > begin),
    )


def _words(text: str) -> list[tuple[int, int, str]]:
    """Return the begin and end of each word of a line, and the text by which it is compared."""
    return [
        (*match.span(), "#" if _CHANGING.fullmatch(match[0]) else match[0])
        for match in islice(_WORD.finditer(text), _MAX_WORDS + 1)
    ]


# --- the search for the smallest difference -------------------------------------------------------


def _matching_blocks(old: Sequence[int], new: Sequence[int]) -> tuple[list[tuple[int, int, int]], bool]:
    """Return the equal parts of two sequences, each with its begin in both and its size, in order.

    Returns:
        The parts, and whether they are all; a part at the begin and at the end is always found.
    """
    shorter = min(len(old), len(new))
    begin = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    rest = shorter - begin
    end = next((place for place in range(rest) if old[-1 - place] != new[-1 - place]), rest)
    middle, is_complete = _shortest_edit(old[begin : len(old) - end], new[begin : len(new) - end])
    blocks = [(0, 0, begin), *((begin + one, begin + two, size) for one, two, size in middle)]
    blocks.append((len(old) - end, len(new) - end, end))
    return [block for block in blocks if block[2]], is_complete


def _shortest_edit(old: Sequence[int], new: Sequence[int]) -> tuple[list[tuple[int, int, int]], bool]:
    """Return the equal parts that the greedy algorithm of Myers (1986) finds, and whether it came to the end.

    `reached[d + 1][k]` is the furthest place in `old` on the diagonal `k`, which is the place in `old` minus
    that in `new`, after `d` lines that only one of the two has.
    """
    current: dict[int, int] = {1: 0}
    reached: list[dict[int, int]] = []
    best = (0, 0)
    steps = 0
    for edits in range(min(len(old) + len(new), MAX_EDITS) + 1):
        reached.append(current)
        current, best = {}, (0, 0)
        for diagonal in range(-edits, edits + 1, 2):
            place = _next_place(reached[-1], diagonal, edits)
            first = place
            while place < len(old) and place - diagonal < len(new) and old[place] == new[place - diagonal]:
                place += 1
            steps += place - first + 1
            current[diagonal] = place
            if place <= len(old) and place - diagonal <= len(new) and 2 * place - diagonal > sum(best):
                best = (place, place - diagonal)
        if best == (len(old), len(new)):
            return _backtrack(reached, *best), True
        if steps > MAX_STEPS:
            break
    return _backtrack(reached, *best), False


def _next_place(reached: dict[int, int], diagonal: int, edits: int) -> int:
    """Return the furthest place on a diagonal that one more line leads to."""
    if diagonal == -edits or (diagonal != edits and reached[diagonal - 1] < reached[diagonal + 1]):
        return reached[diagonal + 1]
    return reached[diagonal - 1] + 1


def _backtrack(reached: list[dict[int, int]], place: int, new_place: int) -> list[tuple[int, int, int]]:
    """Return the equal parts on the way to a place in both sequences, in order."""
    blocks = []
    for edits in range(len(reached) - 1, -1, -1):
        before, diagonal = reached[edits], place - new_place
        # The place at which the part with equal lines begins, and the diagonal from which it was reached.
        begin = max(0, _next_place(before, diagonal, edits))
        if place > begin:
            blocks.append((begin, begin - diagonal, place - begin))
        came_down = diagonal == -edits or (diagonal != edits and before[diagonal - 1] < before[diagonal + 1])
        previous = diagonal + 1 if came_down else diagonal - 1
        place = before[previous]
        new_place = place - previous
    return blocks[::-1]
