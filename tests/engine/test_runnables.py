"""Tests of runnables: which objects can be run, and their names, origins and summaries."""

import functools
import inspect
import re
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock, NonCallableMock, create_autospec

import pytest

from jobtui.engine.runnables import ACCEPTED, as_runnable, check_arguments, is_coroutine_function


def plain() -> str:
    """Return a word.

    A second paragraph.
    """
    return "plain"


async def coroutine() -> None:
    """Run as a coroutine."""


class WithRun:
    """Has a run method.

    A second paragraph.
    """

    def run(self) -> str:
        return "run"

    def method(self) -> str:
        """Run as a method."""
        return "method"

    @staticmethod
    def static() -> str:
        """Run as a static method."""
        return "static"


class Callable_:  # noqa: N801 - the name is tested
    """Can be called."""

    def __call__(self) -> str:
        return "called"


HINT = "pass it without parentheses"
MISSING = "NeedsArguments.__init__() missing 1 required positional argument: 'number'"
NO_BODY = "is a generator function: its body would not run; remove the yield"


class Both:
    """Has run() and can be called: run() is used, as in Revel."""

    def run(self) -> str:
        """Run."""
        return "run"

    def __call__(self) -> str:
        """Never called."""
        return "called"


@pytest.mark.parametrize(
    ("thing", "name", "result", "summary"),
    [
        pytest.param(plain, "plain", "plain", "Return a word.", id="function"),
        pytest.param(lambda: "lambda", "(unnamed)", "lambda", "", id="lambda"),
        pytest.param(functools.partial(plain), "plain", "plain", "Return a word.", id="partial"),
        pytest.param(
            functools.partial(functools.partial(lambda word: word), "x"), "(unnamed)", "x", "", id="partials"
        ),
        pytest.param(WithRun(), "WithRun", "run", "Has a run method.", id="object with run"),
        pytest.param(WithRun, "WithRun", "run", "Has a run method.", id="class with run"),
        pytest.param(WithRun().method, "method", "method", "Run as a method.", id="method"),
        pytest.param(WithRun.static, "static", "static", "Run as a static method.", id="static method"),
        pytest.param(Callable_(), "Callable_", "called", "Can be called.", id="callable object"),
        pytest.param(
            functools.partial(Callable_()), "Callable_", "called", "Can be called.", id="partial of an object"
        ),
        pytest.param(Both(), "Both", "run", "Run.", id="callable object with run"),
        pytest.param(
            "word".upper, "upper", "WORD", "Return a copy of the string converted to uppercase.", id="builtin"
        ),
    ],
)
def test_a_runnable_has_the_call_the_name_and_the_summary_of_its_object(
    thing: Any, name: str, result: str, summary: str
) -> None:
    """The summary is the first line of the docstring."""
    runnable = as_runnable(thing)
    assert (runnable.call(), runnable.name, runnable.describe()[1]) == (result, name, summary)


def test_the_call_of_a_coroutine_function_returns_a_coroutine() -> None:
    """The coroutine does the work."""
    runnable = as_runnable(coroutine)
    assert (runnable.name, runnable.describe()[1]) == ("coroutine", "Run as a coroutine.")
    work = runnable.call()
    work.close()


def test_the_origin_is_the_file_and_line_of_python_code_and_else_empty() -> None:
    """For functions, methods, ``run()`` and ``__call__()``."""
    for thing in (plain, WithRun(), WithRun().method, Callable_(), functools.partial(plain)):
        path, _, line = as_runnable(thing).describe()[0].rpartition(":")
        assert path == __file__
        assert int(line) > 0
    assert as_runnable(plain).describe()[0].endswith(f":{plain.__code__.co_firstlineno}")
    assert as_runnable(print).describe()[0] == ""


def generator() -> Iterator[int]:
    """Yield."""
    yield 1


async def async_generator() -> AsyncIterator[int]:
    """Yield later."""
    yield 1


class GeneratorRun:
    """Has a run() that is a generator function."""

    def run(self) -> Iterator[int]:
        """Yield."""
        yield 1


class GeneratorCall:
    """Has a __call__() that is a generator function."""

    def __call__(self) -> Iterator[int]:
        """Yield."""
        yield 1


class NeedsArguments:
    """Cannot be instantiated without arguments."""

    def __init__(self, number: int) -> None:
        self.number = number

    def run(self) -> None:
        """Run."""


class NoRun:
    """Has no run() method."""


class RunIsData:
    """Has a run attribute that is not a method."""

    run = 5


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (None, f"None cannot be run (was the function called? {HINT}); a runnable is {ACCEPTED}"),
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
            f"NeedsArguments cannot be instantiated without arguments ({MISSING}); pass an instance",
        ),
    ],
)
def test_the_error_says_why_something_cannot_be_run_and_what_can(thing: object, message: str) -> None:
    """The whole message is compared."""
    with pytest.raises(TypeError) as caught:
        as_runnable(thing)
    assert str(caught.value) == message


def test_the_error_cuts_a_long_repr() -> None:
    """The message stays readable."""
    with pytest.raises(
        TypeError, match=r"RunIsData object at .* cannot be run; a runnable is an object with"
    ):
        as_runnable(RunIsData())
    with pytest.raises(TypeError) as caught:
        as_runnable(["x" * 1000])
    assert len(str(caught.value)) < 250


def test_a_coroutine_cannot_be_run_and_is_closed() -> None:
    """Otherwise Python would warn that it was never awaited."""
    with pytest.raises(TypeError, match=r"coroutine\(\) was called: pass the coroutine function itself"):
        as_runnable(coroutine())


@pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", "\u202ebackwards"])
def test_a_name_that_is_not_printable_is_replaced_by_unnamed(name: str) -> None:
    """An escape sequence in a function's name must not reach the terminal."""

    def function() -> None:
        pass

    function.__name__ = name
    assert as_runnable(function).name == "(unnamed)"


def test_a_name_or_docstring_that_is_not_a_string_is_ignored() -> None:
    """The class's name is used instead, and the summary is empty."""

    class Odd:
        """Replaced."""

        __doc__ = 42  # type: ignore[assignment]
        __name__ = 43

        def __call__(self) -> None:
            pass

    runnable = as_runnable(Odd())
    assert (runnable.name, runnable.describe()[1]) == ("Odd", "")


class WithCoroutines:
    """Has coroutine functions as methods."""

    async def run(self) -> None:
        """Run as a coroutine."""

    async def __call__(self) -> None:
        """Run as a coroutine."""


class BlockingPartial(functools.partial[Any]):
    """A partial that does more than to call its function."""


@functools.wraps(coroutine)
def wrapper() -> Any:
    """Return a coroutine, perhaps after a while."""
    return coroutine()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (coroutine, True),
        (WithCoroutines().run, True),
        (functools.partial(coroutine), True),
        (functools.partial(functools.partial(WithCoroutines().run)), True),
        (plain, False),
        (wrapper, False),
        (lambda: coroutine(), False),  # noqa: PLW0108 - the lambda is tested
        (WithCoroutines(), False),
        (BlockingPartial(coroutine), False),
        (print, False),
        (None, False),
    ],
)
def test_a_coroutine_function_is_one_whose_call_cannot_block(call: Any, *, expected: bool) -> None:
    """So it may be called by the event loop. All other code is called by a worker thread."""
    assert is_coroutine_function(call) is expected


# --- arguments ------------------------------------------------------------------------------------


def needs_one(to: str) -> None:
    """Require an argument."""


def needs_a_keyword(*, to: str) -> None:
    """Require an argument by name."""


def has_defaults(to: str = "", *rest: str, cc: str = "", **others: str) -> None:
    """Require none."""


UNTYPED: Any = needs_one


class Shop:
    """Has methods of each kind."""

    def restock(self) -> None:
        """Require the object."""

    @staticmethod
    def close(when: str) -> None:
        """Require an argument."""

    @classmethod
    def open(cls, *, name: str = "") -> None:
        """Require none, if bound."""


class RunWithArgument:
    """Its run() requires an argument."""

    def run(self, to: str) -> None:
        """Require an argument."""


class CallWithArgument:
    """Its call requires an argument."""

    def __call__(self, to: str) -> None:
        """Require an argument."""


def pass_on(function: Any) -> Any:
    """Decorate a function as most decorators do."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@functools.lru_cache
def cached(to: str) -> str:
    """Require an argument behind a cache."""
    return to


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (
            needs_one,
            "needs_one() (FILE) cannot be called: missing a required argument: 'to'; args= and kwargs= are",
        ),
        (needs_a_keyword, "needs_a_keyword() (FILE) cannot be called: missing a required argument: 'to'"),
        (lambda to: to, "<lambda>() (FILE) cannot be called: missing a required argument: 'to'"),
        (
            Shop.restock,
            "missing a required argument: 'self'; it is a method, so pass that of an object, such ",
        ),
        (Shop.close, "Shop.close() (FILE) cannot be called: missing a required argument: 'when'; args= and"),
        (vars(Shop)["close"], "missing a required argument: 'when'"),
        (RunWithArgument, "RunWithArgument.run() (FILE) cannot be called: missing a required argument: 'to'"),
        (CallWithArgument(), "missing a required argument: 'to'"),
        (functools.partial(UNTYPED, 1, 2), "needs_one() (FILE) cannot be called: too many positional arg"),
        (functools.partial(UNTYPED, subject=1), "missing a required argument: 'to'"),
        (functools.partial(UNTYPED, "a", cc=1), "got an unexpected keyword argument 'cc'"),
        (cached, "cached() (FILE) cannot be called: missing a required argument: 'to'"),
        (len, "len() cannot be called: missing a required argument: 'obj'"),
    ],
)
def test_a_call_that_lacks_an_argument_or_has_one_too_many_is_refused(thing: Any, message: str) -> None:
    """The message names the function, its place, the argument and what to pass instead."""
    call = as_runnable(thing).call
    with pytest.raises(TypeError) as caught:
        check_arguments(call)
    text = re.sub(r"\(/.*?:[0-9]+\)", "(FILE)", str(caught.value))
    assert message in text.replace("required keyword-only argument", "required argument")  # Python 3.12


def test_a_call_whose_arguments_are_complete_or_not_known_is_accepted() -> None:
    """Of a decorated function, only the decorator knows the arguments."""
    for thing in (
        has_defaults,
        functools.partial(needs_one, "x"),
        functools.partial(needs_a_keyword, to="x"),
        Shop().restock,
        Shop.open,
        functools.partial(Shop.restock, Shop()),
        pass_on(needs_one),
        functools.partial(functools.partial(needs_one, to="x"), to="y"),
        print,
        Mock(),
    ):
        check_arguments(as_runnable(thing).call)
    check_arguments(needs_one, ("x",))
    check_arguments(needs_one, (), {"to": "x"})
    with pytest.raises(TypeError, match="too many positional arguments"):
        check_arguments(needs_one, ("x", "y"))


def test_a_signature_that_a_decorator_shows_does_not_hide_a_missing_argument() -> None:
    """Python calls the code, whatever `__signature__` says."""

    def shown_without(to: str) -> None:
        """Require an argument."""

    shown_without.__signature__ = "()"  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="missing a required argument: 'to'"):
        check_arguments(shown_without)


# --- mocks and decorators -------------------------------------------------------------------------


class Report:
    """Has a run method."""

    def run(self) -> None:
        """Run."""


@pytest.mark.parametrize("kind", [Mock, MagicMock])
def test_a_mock_is_called_itself_and_not_its_run_method(kind: type[Mock]) -> None:
    """A mock has every attribute that it is asked for."""
    mock = kind()
    as_runnable(mock).call()
    assert mock.mock_calls == [((), {})]


def test_an_async_mock_is_called_itself_and_has_no_origin() -> None:
    """Even its code object is a mock."""
    runnable = as_runnable(AsyncMock())
    work = runnable.call()
    work.close()
    assert runnable.describe()[0] == ""


def test_a_mock_of_an_object_with_run_is_run() -> None:
    """Its specification says so, or the test that has set the attribute."""
    with_run = Mock()
    with_run.run.return_value = 7
    for mock in (Mock(spec=Report), create_autospec(Report, instance=True), NonCallableMock(), with_run):
        as_runnable(mock).call()
        mock.run.assert_called_once_with()


def test_an_attribute_run_of_the_object_itself_is_run() -> None:
    """It need not be a method of the class."""
    assert as_runnable(SimpleNamespace(run=lambda: 7)).call() == 7


@pass_on
@functools.cache
@pass_on
def decorated() -> str:
    """Return a word."""
    return "word"


def test_the_origin_of_a_decorated_function_is_its_own() -> None:
    """Not that of the wrapper, which may be in another package."""
    line = inspect.unwrap(decorated).__code__.co_firstlineno
    for thing in (decorated, functools.partial(decorated), pass_on(functools.partial(decorated))):
        assert as_runnable(thing).describe()[0] == f"{__file__}:{line}"
    assert as_runnable(decorated).describe()[1] == "Return a word."
    bound = as_runnable(type("Shop", (), {"restock": pass_on(lambda self: self)})().restock)
    assert bound.describe()[0].startswith(__file__)


def test_a_decorated_function_that_leads_back_to_itself_has_an_origin() -> None:
    """Nothing loops."""

    def loops() -> None:
        """Do nothing."""

    loops.__wrapped__ = loops  # type: ignore[attr-defined]
    assert as_runnable(loops).describe()[0].startswith(__file__)
    assert not as_runnable(loops).is_function  # so its attributes are not read with the lock held
