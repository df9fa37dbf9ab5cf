"""Tests of jobs that raise exception objects whose own code raises: each such run ends, alone."""

from collections.abc import Callable
from typing import Any

import pytest
from support.real_threads import LIMIT, MakeScheduler, assert_ended, zero

from jobtui import RunState
from jobtui.engine.views import RunView

OUTCOMES = [SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError, MemoryError, LookupError]


def raising(outcome: type[BaseException]) -> Callable[..., Any]:
    """Return a function that raises."""

    def function(*_: object) -> Any:
        raise outcome

    return function


def hostile(base: type[BaseException], **members: object) -> BaseException:
    """Return an exception of a class with the given members."""
    kind: Any = type("HostileError", (base,), {**members, "__module__": "__main__"})
    error: BaseException = kind("no", [ValueError("inner")]) if base is BaseExceptionGroup else kind("no")
    return error


def view_of_failure(make_scheduler: MakeScheduler, error: BaseException, *, coroutine: bool) -> RunView:
    """Let a job raise an exception, check that the scheduler continues, and return the view of the run."""
    scheduler = make_scheduler(pool=1)
    scheduler.start()

    def fails() -> None:
        raise error

    async def fails_in_loop() -> None:
        raise error

    async def returns_zero() -> int:
        return 0

    run = scheduler.now(fails_in_loop if coroutine else fails)
    assert_ended(run)
    assert run.state is RunState.FAILED
    for job in (zero, returns_zero):
        assert scheduler.now(job).result(LIMIT) == 0
    raised = None
    try:
        run.result(LIMIT)
    except BaseException as caught:  # noqa: BLE001 - SystemExit, for example
        raised = caught
    assert raised is error
    view = scheduler.run_view(run.number)
    assert view.reason == run.reason
    assert ", in fails" in view.error
    assert scheduler.snapshot().internal_error == ""
    return view


both_kinds = pytest.mark.parametrize("coroutine", [False, True], ids=["function", "coroutine"])
each_outcome = pytest.mark.parametrize("outcome", OUTCOMES)


@both_kinds
@each_outcome
@pytest.mark.parametrize(
    "name",
    ["__cause__", "__context__", "__suppress_context__", "__traceback__", "__class__", "__dict__", "args"],
)
def test_a_property_that_raises_has_no_effect(
    make_scheduler: MakeScheduler, name: str, outcome: type[BaseException], *, coroutine: bool
) -> None:
    """The attribute is read as Python's own class defines it."""
    error = hostile(Exception, **{name: property(raising(outcome))})
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    assert view.reason == "HostileError: no"
    assert view.error.endswith("\nHostileError: no")


@both_kinds
@pytest.mark.parametrize("name", ["filename", "lineno", "offset", "text", "end_lineno", "end_offset", "msg"])
def test_a_property_of_a_syntax_error_that_raises_has_no_effect(
    make_scheduler: MakeScheduler, name: str, *, coroutine: bool
) -> None:
    """The same goes for the attributes of this class."""
    error = hostile(SyntaxError, **{name: property(raising(SystemExit))})
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    assert view.error.endswith("\nHostileError: no")


class Number(int):
    """A number with methods that raise."""

    __str__ = __repr__ = __index__ = __add__ = __sub__ = __le__ = __ge__ = __format__ = raising(SystemExit)
    __eq__ = __hash__ = __bool__ = raising(SystemExit)


@both_kinds
@pytest.mark.parametrize("position", [Number(1), "first", 10**30], ids=["subclass of int", "text", "huge"])
def test_an_impossible_position_of_a_syntax_error_is_ignored(
    make_scheduler: MakeScheduler, position: Any, *, coroutine: bool
) -> None:
    """The other fields are formatted."""
    error = SyntaxError("no", ("file.py", 5, position, "the source", position, position))
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    assert view.error.endswith('\n  File "file.py", line 5\n    the source\nSyntaxError: no')


@both_kinds
def test_a_property_of_an_exception_group_that_raises_has_no_effect(
    make_scheduler: MakeScheduler, *, coroutine: bool
) -> None:
    """The members are formatted."""
    error = hostile(BaseExceptionGroup, exceptions=property(raising(SystemExit)))
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    assert "HostileError: no (1 sub-exception)\n" in view.error
    assert "ValueError: inner" in view.error


@both_kinds
@each_outcome
def test_a_text_that_cannot_be_read_is_named(
    make_scheduler: MakeScheduler, outcome: type[BaseException], *, coroutine: bool
) -> None:
    """In the words of Python's own traceback module."""
    error = hostile(Exception, __str__=raising(outcome), __repr__=raising(outcome))
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    assert view.reason == "HostileError: <exception str() failed>"
    assert view.error.endswith("\nHostileError: <exception str() failed>")


@both_kinds
@each_outcome
def test_notes_that_cannot_be_read_are_named(
    make_scheduler: MakeScheduler, outcome: type[BaseException], *, coroutine: bool
) -> None:
    """The message is kept."""
    error = hostile(Exception, __notes__=property(raising(outcome)))
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    assert view.error.endswith("\nHostileError: no\n<exception __notes__ failed>")


class Text(str):
    """A text with methods that raise."""

    __slots__ = ()
    __len__ = __getitem__ = __iter__ = __format__ = __add__ = raising(SystemExit)
    __eq__ = __hash__ = split = isascii = raising(SystemExit)


class Unreadable:
    """A value that has no text."""

    __slots__ = ()
    __str__ = __repr__ = __bool__ = __eq__ = __hash__ = raising(SystemExit)


@both_kinds
@pytest.mark.parametrize(
    ("notes", "lines"),
    [
        (["first", Unreadable(), "last"], ["first", "<note str() failed>", "last"]),
        ([Text("a text")], ["a text"]),
        (Unreadable(), ["<__notes__ repr() failed>"]),
        (5, ["5"]),
        (["note"] * 22, ["note"] * 20 + ["[2 notes left out]"]),
        (type("Notes", (list,), {"__iter__": raising(SystemExit)})(), ["<exception __notes__ failed>"]),
    ],
    ids=["unreadable note", "subclass of str", "unreadable object", "number", "many", "subclass of list"],
)
def test_notes_of_any_kind_are_formatted(
    make_scheduler: MakeScheduler, notes: object, lines: list[str], *, coroutine: bool
) -> None:
    """A note that has no text is named."""
    error = hostile(Exception, __notes__=notes)
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    assert view.error.endswith("\n".join(["", "HostileError: no", *lines]))


@both_kinds
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(5, "<exception str() failed>", id="number"),
        pytest.param(Text("a text"), "a text", id="subclass of str"),
        pytest.param("x" * 100_000_000, "characters left out]\nxxx", id="100 MB"),
        pytest.param("a\0b\ud800", "a\0b\ud800", id="odd characters"),
    ],
)
def test_a_text_of_any_kind_is_formatted(
    make_scheduler: MakeScheduler, text: object, shown: str, *, coroutine: bool
) -> None:
    """A long one is cut."""
    error = hostile(Exception, __str__=lambda _: text)
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    assert shown in view.error
    assert len(view.error) < 40_000


@both_kinds
def test_methods_that_raise_have_no_effect(make_scheduler: MakeScheduler, *, coroutine: bool) -> None:
    """Neither comparing nor hashing the exception, nor its truth, is needed."""
    names = [
        "__eq__",
        "__hash__",
        "__bool__",
        "__len__",
        "__getattr__",
        "__reduce__",
        "with_traceback",
        "add_note",
    ]
    error = hostile(Exception, **dict.fromkeys(names, raising(SystemExit)))
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    assert "HostileError: no" in view.error


@both_kinds
def test_an_exception_of_a_class_with_a_hostile_metaclass_is_formatted(
    make_scheduler: MakeScheduler, *, coroutine: bool
) -> None:
    """The name of a class cannot be overridden; its module may be anything."""

    class Meta(type):
        __getattribute__ = __eq__ = __hash__ = raising(SystemExit)

    error: BaseException = Meta("OddError", (Exception,), {"__module__": 5})("no")
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    assert view.error.endswith("\n<unknown>.OddError: no")


@both_kinds
def test_a_hostile_exception_may_be_the_cause_of_another(
    make_scheduler: MakeScheduler, *, coroutine: bool
) -> None:
    """A circle of causes ends."""
    error = ValueError("no")
    error.__cause__ = cause = hostile(Exception, __str__=raising(SystemExit))
    BaseException.__setattr__(cause, "__cause__", error)
    view = view_of_failure(make_scheduler, error, coroutine=coroutine)
    chained = "HostileError: <exception str() failed>\n\nThe above exception was the direct cause"
    assert view.error.startswith(chained)
