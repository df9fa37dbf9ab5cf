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
    """

    def __init__(self) -> None:
        self._down: dict[int, int] = {}  # how many lines the latest write of a run went down, by its number
        self._levels: dict[int, int] = {}  # how many lines down the first bar of a run is

    def read(self, run: RunRecord, attachments: RunAttachments, text: str) -> None:
        """Report the progress that a text shows, if its code reports none itself."""
        number = run.number
        if not text.strip("\n"):
            if len(self._down) >= _MOST_RUNS:
                self._down.clear()
            self._down[number] = len(text)
            return
        level = self._down.pop(number, 0)
        if "\r" not in text or level > self._levels.get(number, level) or not (bar := parse_bar(text)):
            return
        if len(self._levels) >= _MOST_RUNS:
            self._levels.clear()
        self._levels[number] = level
        if bar.total is None or bar.done >= bar.total:  # another one may follow
            self._levels.pop(number, None)
        attachments.meter(run).report_bar(*bar)
