"""What can be run, what is refused, and what Python knows of it."""

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from jobtui.engine.runnables import ACCEPTED, as_runnable


def plain() -> str:
    """Say so.

    At length.
    """
    return "plain"


async def coroutine() -> None:
    """Do it later."""


class WithRun:
    """Runs.

    For long.
    """

    def run(self) -> str:  # noqa: D102 - the class's docstring is the summary
        return "run"

    def method(self) -> str:
        """Do it by method."""
        return "method"

    @staticmethod
    def static() -> str:
        """Do it without."""
        return "static"


class Callable_:  # noqa: N801 - the name is tested
    """Can be called."""

    def __call__(self) -> str:  # noqa: D102 - as above
        return "called"


HINT = "pass it without parentheses"
MISSING = "NeedsArguments.__init__() missing 1 required positional argument: 'number'"
NO_BODY = "is a generator function: its body would not run; remove the yield"


class Both:
    """Has run() and can be called: run() counts, as in Revel."""

    def run(self) -> str:
        """Run."""
        return "run"

    def __call__(self) -> str:
        """Not this."""
        return "called"


@pytest.mark.parametrize(
    ("thing", "name", "answer", "summary"),
    [
        (plain, "plain", "plain", "Say so."),
        (lambda: "lambda", "(unnamed)", "lambda", ""),
        (functools.partial(plain), "plain", "plain", "Say so."),
        (functools.partial(functools.partial(lambda word: word), "x"), "(unnamed)", "x", ""),
        (WithRun(), "WithRun", "run", "Runs."),
        (WithRun, "WithRun", "run", "Runs."),
        (WithRun().method, "method", "method", "Do it by method."),
        (WithRun.static, "static", "static", "Do it without."),
        (Callable_(), "Callable_", "called", "Can be called."),
        (functools.partial(Callable_()), "Callable_", "called", "Can be called."),
        (Both(), "Both", "run", "Run."),
        ("word".upper, "upper", "WORD", "Return a copy of the string converted to uppercase."),
    ],
)
def test_what_can_be_run(thing: Any, name: str, answer: str, summary: str) -> None:
    """It is called as it should be, and has the name and the summary that a user expects."""
    runnable = as_runnable(thing)
    assert (runnable.call(), runnable.name, runnable.summary) == (answer, name, summary)


def test_a_coroutine_function_can_be_run() -> None:
    """Its call makes the coroutine that is the work."""
    runnable = as_runnable(coroutine)
    assert (runnable.name, runnable.summary) == ("coroutine", "Do it later.")
    work = runnable.call()
    work.close()


def test_the_origin_is_where_the_code_was_written() -> None:
    """``file:line`` of functions, methods, ``run()`` and ``__call__``; "" for what is not Python."""
    for thing in (plain, WithRun(), WithRun().method, Callable_(), functools.partial(plain)):
        path, _, line = as_runnable(thing).origin.rpartition(":")
        assert path == __file__
        assert int(line) > 0
    assert as_runnable(plain).origin.endswith(f":{plain.__code__.co_firstlineno}")
    assert as_runnable(print).origin == ""


def generator() -> Iterator[int]:
    """Yield."""
    yield 1


async def async_generator() -> AsyncIterator[int]:
    """Yield later."""
    yield 1


class GeneratorRun:
    """Its run() yields."""

    def run(self) -> Iterator[int]:
        """Yield."""
        yield 1


class GeneratorCall:
    """Its call yields."""

    def __call__(self) -> Iterator[int]:
        """Yield."""
        yield 1


class NeedsArguments:
    """Cannot be made without arguments."""

    def __init__(self, number: int) -> None:
        self.number = number

    def run(self) -> None:
        """Run."""


class NoRun:
    """Has no run()."""


class RunIsData:
    """Its run is no method."""

    run = 5


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (None, f"None cannot be run (did the function get called? {HINT}); a runnable is {ACCEPTED}"),
        (5, f"5 cannot be run; a runnable is {ACCEPTED}"),
        ("0 0 * * *", f"'0 0 * * *' cannot be run; a runnable is {ACCEPTED}"),
        (NoRun, f"NoRun is a class without a run() method; a runnable is {ACCEPTED}"),
        (int, f"int is a class without a run() method; a runnable is {ACCEPTED}"),
        (RunIsData, f"RunIsData is a class without a run() method; a runnable is {ACCEPTED}"),
        (generator, f"generator {NO_BODY}"),
        (async_generator, f"async_generator {NO_BODY}"),
        (functools.partial(generator), f"generator {NO_BODY}"),
        (GeneratorRun(), f"run {NO_BODY}"),
        (GeneratorCall(), f"GeneratorCall {NO_BODY}"),
        (
            NeedsArguments,
            f"NeedsArguments cannot be made without arguments ({MISSING}); pass an instance",
        ),
    ],
)
def test_what_cannot_be_run(thing: object, message: str) -> None:
    """The error says what is wrong and what is accepted."""
    with pytest.raises(TypeError) as caught:
        as_runnable(thing)
    assert str(caught.value) == message


def test_an_object_whose_run_is_no_method_cannot_be_run() -> None:
    """Its repr is cut to a readable length."""
    with pytest.raises(
        TypeError, match=r"RunIsData object at .* cannot be run; a runnable is an object with"
    ):
        as_runnable(RunIsData())
    with pytest.raises(TypeError) as caught:
        as_runnable(["x" * 1000])
    assert len(str(caught.value)) < 250


def test_a_coroutine_is_not_a_coroutine_function() -> None:
    """Who calls it gets told, and Python does not warn that it was never awaited."""
    with pytest.raises(TypeError, match=r"coroutine\(\) was called: pass the coroutine function itself"):
        as_runnable(coroutine())


@pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", "\u202ebackwards"])
def test_a_name_that_cannot_be_printed_is_none(name: str) -> None:
    """An escape sequence in a function's name does not reach the terminal."""

    def function() -> None:
        pass

    function.__name__ = name
    assert as_runnable(function).name == "(unnamed)"


def test_odd_attributes_do_not_matter() -> None:
    """A ``__name__`` or ``__doc__`` that is no text is not shown."""

    class Odd:
        """Replaced."""

        __doc__ = 42  # type: ignore[assignment]
        __name__ = 43

        def __call__(self) -> None:
            pass

    runnable = as_runnable(Odd())
    assert (runnable.name, runnable.summary) == ("Odd", "")
