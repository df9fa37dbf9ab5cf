"""Pack an exception into plain data: quickly, and whatever the exception object does.

The thread that catches the exception of a run packs it, without the state lock. A packed exception has the
messages and the position of each frame, and no reference to the exception or its frames, which would keep the
user's objects alive. `jobtui.engine.tracebacks` formats it when a reader asks for the text.

The only code of the user that runs here is that of ``__str__`` and ``__notes__``; if it raises, a text says
so. All other attributes are read as Python's own classes define them.
"""

from __future__ import annotations

import contextlib
import linecache
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from sys import getsizeof
from types import CodeType, TracebackType
from typing import Any, Final
from weakref import ref

MAX_TEXT = 32_000  # bytes of all messages and notes of a packed exception
MAX_EXCEPTIONS = 32  # exceptions that are kept of one: itself, its causes and contexts, members of groups
MAX_MEMBERS = 15  # members that are kept of one group; Python formats as many
MAX_SHORT_TEXT = 200  # characters of the message of a shortened exception
MAX_SHORT_FRAMES = 4  # frames of a shortened exception
MAX_NOTES = 20  # notes that are kept of one exception
MAX_NAME = 500  # characters that are kept of the name of a class, a function or a file
MAX_FRAMES = 64  # frames that are kept of one exception: the first half and the last half
MAX_ENTRIES = 10_000  # entries of a traceback that are read
MAX_COLUMN = 1_000_000  # a greater line or column of a SyntaxError is ignored
KNOWN_FRAMES = 1_024  # frames that are shared by the exceptions that have them; as many exceptions are
MAX_SHARED_TEXT = 1_000  # characters of the message of a shared exception
MAX_SHARED_PLACES = 33  # a file and the 16 entries of the traceback of a shared exception

# File, first line, last line, first column, end column, function; if they were captured, the local variables,
# each a line `name = value`.
_Frame = tuple[str, int | None, int | None, int | None, int | None, str]
Frame = _Frame | tuple[str, int | None, int | None, int | None, int | None, str, str]
# A number means that the frame before it is repeated that many times; a text stands for frames left out.
Frames = tuple[Frame | int | str, ...]
# File, line, column, source line, last line, end column, message of a SyntaxError.
SyntaxFields = tuple[str | None, int | None, int | None, str | None, int | None, int | None, str]
# The exception that came before or -1, whether that is the cause, the members of a group that are kept, and
# the number of all members. Each exception is given as its index in the packed exception.
Links = tuple[int, bool, tuple[int, ...], int]
# The name of the class, the message, the notes, the frames, the fields of a SyntaxError, and the links.
PackedNode = tuple[
    str, str, tuple[str, ...], Frames, SyntaxFields | None, int, bool, tuple[int, ...], int
]  # fmt: skip
# The exception itself, and after it each exception that belongs to its traceback; () for no exception. It
# consists of atoms and exact tuples, so that it can be pickled, and the garbage collector does not track it.
PackedException = tuple[PackedNode, ...]

# File, line and function of a frame.
Place = tuple[str, int | None, str]
_EXCEPTION_BYTES = 350  # of memory that one exception takes, in addition to its texts and frames
FRAMES: Final = 3  # the index in a node of its frames
MEMBERS: Final = 7  # the index in a node of the indices of its members
_PLAIN_FIELDS = 6  # fields of a frame, if its local variables were not captured
_NO_POSITION = None, None, None, None
_NO_LINKS: Links = -1, False, (), 0
PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"
_LEFT_OUT: PackedNode = (
    f"<an exception is left out: {MAX_EXCEPTIONS} are kept>", "", (), (), None, *_NO_LINKS
)  # fmt: skip

# The code object is kept with the frame, so that no other one gets its id.
_known_frames: dict[tuple[int, int], tuple[CodeType, Frame]] = {}
# The latest exception that each code object has raised, if it can be shared: its class, the places of its
# traceback, and the packed exception. The places include the code object, so that no other one gets its id.
_latest_failures: dict[int, tuple[ref[type], list[object], PackedException]] = {}


@lru_cache(maxsize=16)  # a job that fails mostly fails again in the same way
def memory_of(error: PackedException) -> int:
    """Return how many bytes of memory an error takes, as if it shared no frame with another one."""
    size = 0
    for name, message, notes, frames, syntax, *_ in error:
        values = [item if isinstance(item, tuple) else (item,) for item in frames]
        texts = name, message, *notes, *(syntax or ())
        size += _EXCEPTION_BYTES + sum(map(getsizeof, texts))
        size += sum(getsizeof(each) + sum(map(getsizeof, each)) + 24 for each in values)
    return size


def _reader(kind: type, name: str) -> Callable[[Any], Any]:
    """Return a function that reads an attribute as a class defines it, even if a subclass overrides it."""
    read: Callable[[Any], Any] = vars(kind)[name].__get__
    return read


_module_of, _qualname_of = _reader(type, "__module__"), _reader(type, "__qualname__")
traceback_of = _reader(BaseException, "__traceback__")
_cause_of, _context_of = _reader(BaseException, "__cause__"), _reader(BaseException, "__context__")
_suppresses_context = _reader(BaseException, "__suppress_context__")
_members_of = _reader(BaseExceptionGroup, "exceptions")
_syntax_readers = [
    _reader(SyntaxError, name)
    for name in ("filename", "lineno", "offset", "text", "end_lineno", "end_offset", "msg")
]


def pack_exception(exception: BaseException, *, skip: str = "") -> PackedException:
    """Pack an exception with its causes, its contexts and the members of groups. Never raises.

    If the same exception object has been raised several times, only the frames of the last time are packed,
    so that each time takes as long as the first.

    Args:
        exception: The exception.
        skip: The file of the caller, whose frames are omitted.
    """
    try:
        return _pack_like_latest(exception, skip) or _pack(exception, skip)
    except BaseException as error:  # noqa: BLE001 - such as a MemoryError
        # No deeper calls: the stack may have no room for them.
        name, cause = str.__str__(_qualname_of(type(exception))), str.__str__(_qualname_of(type(error)))
        name = f"<{name[:MAX_NAME]}, which cannot be packed: {cause[:MAX_NAME]}>"
        return ((name, *_LEFT_OUT[1:]),)


def pack_stack(name: str, message: str, frames: Frames) -> PackedException:
    """Pack an exception that nothing has raised, with the frames of work that goes on.

    Args:
        name: The name of its class.
        message: Its message.
        frames: The frames, outermost first.
    """
    return ((name, message, (), frames, None, *_NO_LINKS),)


def message_of(packed: PackedException) -> str:
    """Return the message of an exception; "" for no exception."""
    return packed[0][1] if packed else ""


def shorten_exception(packed: PackedException) -> PackedException:
    """Return a small exception as it is, and of any other the class and the beginning of the message."""
    name, message, notes, frames, syntax, _, _, members, _ = packed[0]
    if members:
        message = f"{message[:MAX_SHORT_TEXT]}: {'; '.join(member_texts(packed))}"
    has_locals = any(isinstance(frame, tuple) and len(frame) > _PLAIN_FIELDS for frame in frames)
    is_short = len(message) <= MAX_SHORT_TEXT and len(frames) <= MAX_SHORT_FRAMES and not has_locals
    if is_short and len(packed) == 1 and not notes and not syntax:
        return packed
    return ((name, message[:MAX_SHORT_TEXT], (), (), None, *_NO_LINKS),)


def map_texts(packed: PackedException, change: Callable[[str], str]) -> PackedException:
    """Return an exception whose messages, notes and texts of a SyntaxError are changed by a function."""

    def changed(node: PackedNode) -> PackedNode:
        name, message, notes, frames, syntax, previous, is_cause, members, count = node
        if syntax is not None:
            file, line, column, text, end_line, end_column, syntax_message = syntax
            syntax = (file, line, column, text and change(text), end_line, end_column, change(syntax_message))
        texts = change(message), tuple(map(change, notes))
        return (name, *texts, frames, syntax, previous, is_cause, members, count)

    return tuple(map(changed, packed))


def add_locals(packed: PackedException, texts: Mapping[Place, str]) -> PackedException:
    """Return an exception whose frames have their local variables.

    Args:
        packed: The exception.
        texts: The local variables by the file, the line and the function of a frame.
    """
    left = dict(texts)  # only the innermost of equal frames gets them

    def with_locals(frame: Frame | int | str) -> Frame | int | str:
        text = left.pop((frame[0], frame[1], frame[5]), "") if isinstance(frame, tuple) else ""
        return (*frame[:6], text) if text and isinstance(frame, tuple) else frame

    def changed(node: PackedNode) -> PackedNode:
        name, message, notes, frames, *rest = node
        changed_frames = tuple(reversed([with_locals(frame) for frame in reversed(frames)]))
        return (name, message, notes, changed_frames, *rest)  # type: ignore[return-value] # as in the node

    return tuple(map(changed, packed)) if texts else packed


def member_texts(packed: PackedException, index: int = 0) -> list[str]:
    """Return the type and the beginning of the message of each member of a group, and of groups in it."""
    texts: list[str] = []
    for member in packed[index][MEMBERS]:
        name, message = packed[member][:2]
        if packed[member][MEMBERS]:
            texts += member_texts(packed, member)
        else:
            texts.append(f"{name}: {message[:MAX_SHORT_TEXT]}" if message else name)
    return texts


def cut(text: str, limit: int) -> str:
    """Return a text without its middle if it is longer than a limit, and say how much is missing."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[len(text) - half :]}"


def _pack_like_latest(exception: BaseException, skip: str) -> PackedException:
    """Pack an exception that has neither causes nor notes, and return () for any other.

    A job that fails mostly fails again in the same way. So an exception gets the name and the frames of the
    latest one that was raised in the same place. If the message is equal too, both share one packed
    exception, and 5,000 failures in the ledger take the memory of one.
    """
    kind, entry = type(exception), traceback_of(exception)
    first = code = None
    places: list[object] = [skip]
    while entry is not None and len(places) < MAX_SHARED_PLACES:
        next_code = entry.tb_frame.f_code
        if next_code is first:
            if first.co_filename == skip and code is not None and not code.co_filename.startswith(PACKAGE):
                entry = None  # what follows is an earlier raise of the same object: see `_frames`
            break
        code = next_code
        first = first or code
        places += code, entry.tb_lasti
        entry = entry.tb_next
    try:
        notes = getattr(exception, "__notes__", None)
    except BaseException:  # noqa: BLE001 - `_notes` names it
        return ()
    if not (notes is entry is _cause_of(exception) is _context_of(exception) is None):
        return ()
    latest = _latest_failures.get(id(code))
    if latest is None or latest[0]() is not kind or latest[1] != places:
        packed = _pack(exception, skip)
    else:
        packed, text = latest[2], _text(exception)
        if text == packed[0][1]:
            return packed
        if len(text) > MAX_SHARED_TEXT:
            return ()
        packed = ((packed[0][0], text, (), packed[0][3], None, *_NO_LINKS),)
    if len(packed[0][1]) <= MAX_SHARED_TEXT and packed[0][4:] == (None, *_NO_LINKS):
        _share(code, (ref(kind), places, packed))
    return packed


def _share(code: CodeType | None, failure: tuple[ref[type], list[object], PackedException]) -> None:
    if len(_latest_failures) >= KNOWN_FRAMES:
        _latest_failures.clear()
    _latest_failures[id(code)] = failure


def _pack(exception: BaseException, skip: str) -> PackedException:
    room = _Room()
    nodes: list[PackedNode] = []
    for each, links in _linked_exceptions(exception):
        name, message, notes = _class_name(type(each)), room.take(_text(each)), _notes(each, room)
        frames = _frames(traceback_of(each), skip)
        nodes.append((name, message, notes, frames, _syntax_fields(each, room), *links))
    if len(nodes) == MAX_EXCEPTIONS:
        nodes.append(_LEFT_OUT)
    return tuple(nodes)


def linked_exceptions(exception: BaseException) -> list[BaseException]:
    """Return an exception and those that belong to its traceback, as far as they are packed."""
    return [each for each, _ in _linked_exceptions(exception)]


def _linked_exceptions(exception: BaseException) -> list[tuple[BaseException, Links]]:
    """Return an exception and all that belong to its traceback, in the order of Python's traceback module."""
    if _cause_of(exception) is _context_of(exception) is None and not _is_group(exception):
        return [(exception, _NO_LINKS)]
    found, seen, queue = [(exception, _NO_LINKS)], {id(exception)}, [0]

    def add(each: BaseException) -> int:
        if len(found) == MAX_EXCEPTIONS:
            return MAX_EXCEPTIONS  # the index of `_LEFT_OUT`
        seen.add(id(each))
        queue.append(len(found))
        found.append((each, _NO_LINKS))
        return queue[-1]

    while queue:
        index = queue.pop()
        each = found[index][0]
        cause, context, previous = _cause_of(each), _context_of(each), -1
        is_cause = cause is not None and id(cause) not in seen
        if is_cause:
            previous = add(cause)
        elif context is not None and id(context) not in seen and not _suppresses_context(each):
            previous = add(context)
        members = _members_of(each) if _is_group(each) else ()
        kept = tuple([add(member) for member in members[:MAX_MEMBERS]])
        found[index] = each, (previous, is_cause, kept, len(members))
    return found


def _is_group(exception: BaseException) -> bool:
    return issubclass(type(exception), BaseExceptionGroup)  # unlike `isinstance`, without `__class__`


class _Room:
    """Shares `MAX_TEXT` among the texts of an exception: each text gets at most half of what is left."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_TEXT

    def take(self, text: str) -> str:
        """Return a text, cut if it is too long."""
        width = 1 if text.isascii() else 4  # bytes of a character, at most
        size = len(text) * width
        if size > self._left // 2:
            size = self._left // 2
            text = cut(text, size // width)
        self._left -= size
        return text


def _text(value: object, function: Callable[[Any], str] = str, what: str = "exception str()") -> str:
    """Return a text from a function that may be the user's, or a text that says that it failed."""
    try:
        text = function(value)
        return text if type(text) is str else str.__str__(text)  # a subclass may override any method
    except BaseException:  # noqa: BLE001 - a SystemExit fails the text alone, too
        return f"<{what} failed>"


def _class_name(kind: type) -> str:
    """Return the name of a class with its module, as a traceback shows it."""
    module, name = _module_of(kind), str.__str__(_qualname_of(kind))[:MAX_NAME]
    if type(module) is not str:
        module = "<unknown>"
    return name if module in {"builtins", "__main__"} else f"{module[:MAX_NAME]}.{name}"


def _notes(exception: BaseException, room: _Room) -> tuple[str, ...]:
    try:
        notes = getattr(exception, "__notes__", None)
        if notes is None:
            return ()
        if not issubclass(type(notes), list | tuple):
            return (room.take(_text(notes, repr, "__notes__ repr()")),)
        kept = [room.take(_text(note, str, "note str()")) for note in islice(notes, MAX_NOTES)]
        if len(notes) > MAX_NOTES:
            kept.append(f"[{len(notes) - MAX_NOTES} notes left out]")
        return tuple(kept)
    except BaseException:  # noqa: BLE001 - as in `_text`
        return ("<exception __notes__ failed>",)


def _syntax_fields(exception: BaseException, room: _Room) -> SyntaxFields | None:
    if not issubclass(type(exception), SyntaxError):
        return None
    file, line, column, source, end_line, end_column, message = [read(exception) for read in _syntax_readers]
    return (
        None if file is None else _text(file, str, "filename str()")[:MAX_NAME],
        _position(line),
        _position(column),
        None if source is None else _text(source, str, "text str()")[:MAX_NAME],
        _position(end_line),
        _position(end_column),
        "" if message is None else room.take(_text(message, str, "msg str()")),
    )


def _position(value: object) -> int | None:
    return value if type(value) is int and -1 <= value <= MAX_COLUMN else None


def _frames(entry: TracebackType | None, skip: str) -> Frames:
    """Return the frames of a traceback from the first one outside the file ``skip``.

    Python puts the entries of each raise before those of earlier raises of the same object. The latter begin
    where a frame of ``skip`` follows one of the user. After a frame of jobtui, it belongs to another run,
    whose exception `Run.result` has raised on.
    """
    frames: list[Frame | int | str] = []
    latest: Frame | None = None
    for _ in range(MAX_ENTRIES):
        if entry is None:
            break
        code = entry.tb_frame.f_code
        known = _known_frames.get((id(code), entry.tb_lasti))
        frame = _frame(entry) if known is None else known[1]
        if frame[0] == skip and latest is not None and not latest[0].startswith(PACKAGE):
            break
        if frame is latest:
            if type(frames[-1]) is int:
                frames[-1] += 1
            else:
                frames.append(1)
        elif frame[0] != skip or latest is not None:
            latest = frame
            frames.append(frame)
        entry = entry.tb_next
    else:
        frames.append("more frames left out")
    return bounded(frames)


def bounded(frames: Sequence[Frame | int | str]) -> Frames:
    """Return frames without their middle if they are too many."""
    frames = list(frames)
    if len(frames) > MAX_FRAMES:
        start, end = MAX_FRAMES // 2, len(frames) - MAX_FRAMES // 2
        while type(frames[end]) is not tuple:  # a number without its frame
            end += 1
        count = sum(each if type(each) is int else 1 for each in frames[start:end])
        frames[start:end] = [f"{count} frames left out"]
    return tuple(frames)


def _frame(entry: TracebackType) -> Frame:
    """Return the frame of an entry, and add it to the known ones."""
    code = entry.tb_frame.f_code
    file, function = [str.__str__(name)[:MAX_NAME] for name in (code.co_filename, code.co_name)]
    positions = islice(code.co_positions(), entry.tb_lasti // 2, None) if entry.tb_lasti >= 0 else iter(())
    line, end_line, column, end_column = next(positions, _NO_POSITION)
    if line is None:  # only the entry knows it
        return file, entry.tb_lineno, end_line, column, end_column, function
    frame = file, line, end_line, column, end_column, function
    with contextlib.suppress(BaseException):
        linecache.lazycache(file, entry.tb_frame.f_globals)  # the loader may have to read the source
    if len(_known_frames) >= KNOWN_FRAMES:
        _known_frames.clear()
    _known_frames[id(code), entry.tb_lasti] = code, frame
    return frame
