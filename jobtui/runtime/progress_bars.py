r"""Read the progress of a run from the bars that it draws on its output, as tqdm does.

A bar is a line that is drawn again and again: each time, it begins with ``\r``. The text of a bar is read
rather than the objects of its library: so nothing is imported or patched, and the bars of subprocesses count,
too.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from jobtui.engine.records import RunRecord
from jobtui.process.terminal_text import terminal_line
from jobtui.runtime.run_attachments import RunAttachments

_AMOUNT = r"\d+(?:\.\d+)?[kMGTPE]?"
_TEXT = r"(?:(?P<text>.{0,200}?):? +)?"
_FORMS = tuple(
    map(
        re.compile,
        (
            # tqdm: `pages:  45%|####5     | 45/100 [00:10<00:12,  4.5it/s]`
            rf"{_TEXT}\d{{1,3}}%\|[^|]*\| *(?P<done>{_AMOUNT})/(?P<total>{_AMOUNT})\w* \[",
            # git, progressbar2: `Receiving objects:  45% (45/100)`, `45% (45 of 100)`
            rf"{_TEXT}\d{{1,3}}% \((?P<done>{_AMOUNT})(?:/| of )(?P<total>{_AMOUNT})\)",
            # tqdm without a total: `pages: 45it [00:10,  4.5it/s]`
            rf"{_TEXT}(?P<done>{_AMOUNT})[A-Za-z]* ?\[\d+:\d\d",
        ),
    )
)
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_MOST_RUNS = 1_000  # whose bars are remembered; most of them have ended


class DrawnBar(NamedTuple):
    """The state of a bar of progress.

    Attributes:
        done: How much is done.
        total: How much there is; None if the bar does not say so.
        text: The text before the bar.
    """

    done: float
    total: float | None
    text: str


def parse_bar(text: str) -> DrawnBar | None:
    """Return the latest state of the bar in a text; None if there is no bar."""
    line = terminal_line(text.rstrip("\r\n ").rpartition("\n")[2]).strip()
    for form in _FORMS:
        if match := form.match(line):
            found = match.groupdict()
            total = found.get("total")
            amount = None if total is None else _amount(total)
            return DrawnBar(_amount(found["done"]), amount, found["text"] or "")
    return None


def _amount(text: str) -> float:
    unit = text[-1] if text[-1].isalpha() else ""
    number = text.removesuffix(unit)
    return float(number) * _UNITS[unit] if unit or "." in number else int(number)


class BarReader:
    """Reads the bars that runs draw on one stream.

    Of several bars below each other, the first one is the progress. tqdm goes down to the others by line
    breaks alone. It counts the bars of all runs together, so that of a run may be below those of others.
    An inner bar that is full takes the line of the outer one, which goes on in the next line.
    """

    def __init__(self) -> None:
        self._down: dict[int, int] = {}  # how many lines the latest write of a run went down, by its number
        # How many lines down the first bar of a run is, and how much there is by it.
        self._first: dict[int, tuple[int, float | None]] = {}
        self._moved: set[int] = set()  # runs whose first bar goes on below a line break

    def read(self, run: RunRecord, attachments: RunAttachments, text: str) -> None:
        """Report the progress that a text shows, if its code reports none itself."""
        number = run.number
        if not text.strip("\n"):
            if number in self._moved:
                self._moved.remove(number)
                return
            if len(self._down) >= _MOST_RUNS:
                self._down.clear()
            self._down[number] = len(text)
            return
        level = self._down.pop(number, 0)
        first = self._first.get(number)
        if "\r" not in text or (first and level > first[0]) or not (bar := parse_bar(text)):
            return
        is_full = bar.total is not None and bar.done >= bar.total
        if first and is_full and bar.total != first[1]:
            self._moved.add(number)
            return
        if len(self._first) >= _MOST_RUNS:
            self._first.clear()
            self._moved.clear()
        if bar.total is None or is_full:  # another one may follow
            self._first.pop(number, None)
        else:
            self._first[number] = level, bar.total
        attachments.meter(run).report_bar(*bar)
