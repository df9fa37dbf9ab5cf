"""Lay a traceback out in lines: the innermost frame first, the user's own frames with their source. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePath

from jobtui.frontend.formatting import pluralize
from jobtui.frontend.parsed_traceback import RaisedException, TraceFrame, failing_frame
from jobtui.frontend.source_excerpt import Excerpts, SourceExcerpt, SourceState
from jobtui.frontend.text_lines import CLOSED, OPEN, Folds, Piece, TextLine, code_pieces

FAILING = "→"  # before the line of source that was executed
_NO_EXCERPT = SourceExcerpt(SourceState.UNREADABLE)
_NUMBER_WIDTH = 5
_MOST_PACKAGES = 3  # that are named of the frames in libraries
_MOST_LINES, _MOST_CHARACTERS = 12, 400  # of a message; the rest is folded
_SHORT = 160  # characters of a message that stands in a line
_REPEATED = re.compile(r"\[Previous line repeated (\d+ more times?)\]")  # below the frame that it means


class TracebackLayout:
    """Lays out one traceback.

    Args:
        excerpts: The source around the frames, as far as it has been read.
        folds: The folds that the user has changed.
    """

    def __init__(self, excerpts: Excerpts, folds: Folds) -> None:
        self._excerpts = excerpts
        self._folds = folds

    def lines(self, error: RaisedException, part: str = "error", margin: str = "") -> Iterator[TextLine]:
        """Yield the lines of an exception, of its frames, and of the exceptions that belong to it.

        Args:
            error: The exception.
            part: The name of the part of the page.
            margin: What comes before each line.
        """
        yield from self._body(error, part, margin)

    def _body(
        self, error: RaisedException, part: str, margin: str, *, titled: bool = True
    ) -> Iterator[TextLine]:
        yield from self._message(error, part, margin, titled=titled)
        yield from self._frames(error, part, margin)
        yield from self._members(error, part, margin)
        if error.previous is not None:
            word = "caused by" if error.is_cause else "raised while handling"
            yield from self._folded(error.previous, ("", word), f"{part}.cause", margin, below=f"{margin}  ")

    def _message(self, error: RaisedException, part: str, margin: str, *, titled: bool) -> Iterator[TextLine]:
        """Yield the message; of a long one the beginning, and the rest in a fold."""
        lines = [(error.title, "failed")] if titled else []
        lines += [(text, "") for text in error.details]
        shown, rest = _split(lines)
        for line in shown:
            yield TextLine(part, (line,), margin)
        if rest:
            fold = f"{part}.message"
            is_open = self._folds.is_open(fold)
            more = f"{sum(len(text) for text, _ in rest):,} more characters"
            text = f"{OPEN if is_open else CLOSED} {more} of the message"
            yield TextLine(fold, ((text, "muted"),), margin, hang=2, fold=fold)
            for line in rest if is_open else ():
                yield TextLine(fold, (line,), margin)

    def _folded(
        self, error: RaisedException, label: tuple[str, str], fold: str, margin: str, *, below: str
    ) -> Iterator[TextLine]:
        """Yield an exception in one line, which unfolds to its details with the margin `below`."""
        is_open = self._folds.is_open(fold)
        place = failing_frame(error)
        branch, word = label
        pieces = [
            (branch, "muted"),
            (f"{OPEN if is_open else CLOSED} {word} ", "muted"),
            (error.title if is_open else short_message(error.title), "failed"),
            *([] if place is None else [(f"  {place_text(place)}", "muted")]),
        ]
        yield TextLine(fold, tuple(pieces), margin, hang=len(branch) + 2, fold=fold, frame=place)
        if is_open:
            yield from self._body(error, fold, below, titled=False)

    def _members(self, error: RaisedException, part: str, margin: str) -> Iterator[TextLine]:
        for number, member in enumerate(error.members, 1):
            is_last = number == len(error.members) and not error.left_out
            branch, below = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
            fold = f"{part}.{number}"
            yield from self._folded(member, (branch, str(number)), fold, margin, below=f"{margin}{below}")
        if error.left_out:
            yield TextLine(part, (("└─ ", "muted"), (error.left_out, "muted")), margin)

    def _frames(self, error: RaisedException, part: str, margin: str) -> Iterator[TextLine]:
        place = error.place

        def is_shown(frame: TraceFrame | _Repeated | str) -> bool:
            meant = frame.frame if isinstance(frame, _Repeated) else frame
            return isinstance(meant, TraceFrame) and (meant.is_own or meant is place)

        for number, (shown, group) in enumerate(groupby(_innermost_first(error.frames), is_shown)):
            fold = f"{part}.frames{number}"
            if shown:
                for index, frame in enumerate(group):
                    if isinstance(frame, TraceFrame):
                        yield from self._own_frame(frame, f"{fold}.{index}", margin, is_place=frame is place)
                    else:
                        yield TextLine(fold, ((str(frame), "muted"),), margin, hang=2)
                continue
            hidden = list(group)
            is_open = self._folds.is_open(fold)
            text = f"{OPEN if is_open else CLOSED} {describe_hidden(hidden)}"
            yield TextLine(fold, ((text, "muted"),), margin, hang=2, fold=fold)
            for index, each in enumerate(hidden if is_open else ()):
                if isinstance(each, TraceFrame):
                    yield from self._own_frame(each, f"{fold}.{index}", f"{margin}  ", is_place=False)
                else:
                    yield TextLine(fold, ((f"  {each}", "muted"),), margin)

    def _own_frame(self, frame: TraceFrame, fold: str, margin: str, *, is_place: bool) -> Iterator[TextLine]:
        is_open = self._folds.is_open(fold, usually=is_place)
        yield from frame_lines(frame, fold, margin, self._excerpts, is_open=is_open, fold=fold)
        if frame.values:
            yield from self._local_variables(frame, f"{fold}.locals", f"{margin}  ")

    def _local_variables(self, frame: TraceFrame, fold: str, margin: str) -> Iterator[TextLine]:
        is_open = self._folds.is_open(fold)
        names = ", ".join(value.partition(" = ")[0] for value in frame.values)
        mark = OPEN if is_open else CLOSED
        text = "locals" if is_open else f"locals {names}"
        yield TextLine(fold, ((f"{mark} {text}", "muted"),), margin, hang=2, fold=fold, frame=frame)
        for value in frame.values if is_open else ():
            name, equals, shown = value.partition(" = ")
            pieces = ((f"  {name}", "strong"), (equals, "muted"), *code_pieces(shown))
            yield TextLine(fold, pieces, margin, hang=4, frame=frame)


@dataclass(frozen=True, slots=True)
class _Repeated:
    """A remark below equal frames, of which there are more than those.

    Attributes:
        frame: The frame.
        times: How often it is repeated, in words: `990 more times`.
    """

    frame: TraceFrame
    times: str

    def __str__(self) -> str:
        """Return the remark."""
        return f"[the frame above is repeated {self.times}]"


def _innermost_first(frames: Sequence[TraceFrame | str]) -> list[TraceFrame | _Repeated | str]:
    """Return frames in the reverse order, but a remark on repeated frames below these, as Python has it."""
    found: list[TraceFrame | _Repeated | str] = []
    waiting: _Repeated | None = None  # for the end of its frames
    for index in reversed(range(len(frames))):
        frame = frames[index]
        if waiting is not None and not (isinstance(frame, TraceFrame) and _is_same(frame, waiting.frame)):
            found.append(waiting)
            waiting = None
        repeated = frames[index - 1] if index and isinstance(frame, str) else None
        times = _REPEATED.fullmatch(frame) if isinstance(frame, str) else None
        if times is not None and isinstance(repeated, TraceFrame):
            waiting = _Repeated(repeated, times[1])
        else:
            found.append(frame)
    return found if waiting is None else [*found, waiting]


def _is_same(frame: TraceFrame, other: TraceFrame) -> bool:
    """Return whether Python counts two frames as equal: by the file, the line and the function."""
    return (frame.file, frame.line, frame.function) == (other.file, other.line, other.function)


def _split(lines: list[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Split a message into its beginning and its rest, which may be empty."""
    shown: list[Piece] = []
    room = _MOST_CHARACTERS
    for index, (text, tone) in enumerate(lines):
        if len(text) > room or index == _MOST_LINES:
            begin, end = (text[:room], text[room:]) if index < _MOST_LINES else ("", text)
            return [*shown, *([(begin, tone)] if begin else [])], [(end, tone), *lines[index + 1 :]]
        shown.append((text, tone))
        room -= len(text)
    return shown, []


def short_message(text: str) -> str:
    """Return the beginning of a message, for a line that has other texts, too."""
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def place_text(frame: TraceFrame) -> str:
    """Return the file and the line of a frame, in short."""
    return f"{short_path(frame.file)}:{frame.line}" if frame.line else short_path(frame.file)


def short_path(file: str) -> str:
    """Return a path relative to the working directory or to the user's home, if it is below one of them."""
    path = PurePath(file)
    for folder, name in _near_folders():
        if path.is_relative_to(folder):
            return f"{name}{path.relative_to(folder)}"
    return file


def _near_folders() -> Iterator[tuple[Path, str]]:
    for find, name in ((Path.cwd, ""), (Path.home, f"~{os.sep}")):
        with suppress(OSError, RuntimeError):  # the working directory is deleted, or there is no home
            yield find(), name


def describe_hidden(frames: Sequence[TraceFrame | _Repeated | str]) -> str:
    """Return how many frames of which libraries are folded, in words: `3 frames of json and decimal`."""
    found = [frame for frame in frames if isinstance(frame, TraceFrame)]
    if not found:
        return " ".join(str(frame) for frame in frames)
    packages = list(dict.fromkeys(_package(frame) for frame in reversed(found)))
    names = packages[:_MOST_PACKAGES]
    more = len(packages) - len(names)
    text = ", ".join([*names[:-1], f"{more + 1} more"] if more else names)
    return f"{pluralize(len(found), 'frame')} of {text}"


def _package(frame: TraceFrame) -> str:
    """Return the name of the library that a file belongs to, by the folders in its path."""
    parts = list(PurePath(frame.file).parts)
    for index in reversed(range(len(parts) - 1)):
        if parts[index] in ("site-packages", "dist-packages") or parts[index].startswith("python3"):
            return parts[index + 1].removesuffix(".py")
    return PurePath(frame.file).stem


def frame_lines(
    frame: TraceFrame, part: str, margin: str, excerpts: Excerpts, *, is_open: bool, fold: str = ""
) -> Iterator[TextLine]:
    """Yield the place of a frame and its source.

    Args:
        frame: The frame.
        part: The part of the page.
        margin: What comes before each line.
        excerpts: The source, as far as it has been read.
        is_open: Whether to show the lines before and after that of the frame.
        fold: The fold that does so; "" for none.
    """
    excerpt = excerpts.get((frame.file, frame.line), _NO_EXCERPT)
    mark = ""
    if fold and excerpt.lines:
        mark = f"{OPEN if is_open else CLOSED} "
    else:
        fold = ""
    pieces: list[Piece] = [(mark, "muted"), (place_text(frame), "strong" if frame.is_own else "muted")]
    if frame.function:
        pieces.append((f" in {frame.function}", "" if frame.is_own else "muted"))
    if is_open and excerpt.state is SourceState.CHANGED:
        pieces.append((f"  {excerpt.state.value}", "waiting"))
    shown = tuple(piece for piece in pieces if piece[0])
    yield TextLine(part, shown, margin, hang=2, fold=fold, frame=frame)
    if not (is_open and excerpt.lines):
        for number, source in enumerate(frame.source):
            yield _source_line(part, margin, (frame.line + number, "" if number else FAILING), source, frame)
        return
    indent = min((len(line) - len(line.lstrip()) for line in excerpt.lines if line), default=0)
    for number, line in enumerate(excerpt.lines, excerpt.first):
        code, carets, mark = line[indent:], "", ""
        if number == frame.line:
            mark, below = FAILING, frame.source[0][1]
            carets = f"{' ' * (len(code) - len(code.lstrip()))}{below}" if below else ""
        yield _source_line(part, margin, (number, mark), (code, carets), frame)


def _source_line(
    part: str, margin: str, label: tuple[int, str], source: tuple[str, str], frame: TraceFrame
) -> TextLine:
    """Return a line of source after its number; in its colours if it has a mark."""
    (number, mark), (code, carets) = label, source
    start = f"{mark:1} {number:{_NUMBER_WIDTH}} │ "
    below = f"{' ' * len(start)}{carets}" if carets else ""
    pieces = ((start, "strong"), *code_pieces(code)) if mark else ((f"{start}{code}", "muted"),)
    return TextLine(part, pieces, margin, hang=len(start), carets=below, frame=frame)
