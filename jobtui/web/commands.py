"""What the buttons do, and what is said afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from jobtui.core.model import Cancellation
from jobtui.format import count
from jobtui.source import Source
from jobtui.web.problems import Problem
from jobtui.web.requests import whole_number

_LARGEST_POOL = 1_000_000
_LARGEST_NUMBER = 10**17

Command = Callable[[Source, str], str]


def carry_out(source: Source, fields: Mapping[str, str]) -> str:
    """Do what a form's button asks for.

    Args:
        source: The scheduler.
        fields: The form; the name of one field is a command, and its value what it is about.

    Returns:
        What has become of it, for the user.

    Raises:
        Problem: There is no such job or run, it is refused, or there is not exactly one command.
    """
    asked = [name for name in fields if name in COMMANDS]
    if len(asked) != 1:
        raise Problem(HTTPStatus.BAD_REQUEST, "a form asks for exactly one thing")
    try:
        return COMMANDS[asked[0]](source, fields[asked[0]])
    except LookupError as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error.args[0])) from None
    except RuntimeError as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None


def _run(source: Source, job: str) -> str:
    return f"▶ {job}: run {source.run(job)}"


def _pause(source: Source, job: str) -> str:
    return f"‖ {job} paused" if source.pause(job) else f"{job} was paused already"


def _resume(source: Source, job: str) -> str:
    return f"{job} resumed" if source.resume(job) else f"{job} was not paused"


def _pause_all(source: Source, _value: str) -> str:
    return f"‖ {count(source.pause_all(), 'job')} paused"


def _resume_all(source: Source, _value: str) -> str:
    return f"{count(source.resume_all(), 'job')} resumed"


def _cancel(source: Source, value: str) -> str:
    number = whole_number("a run's number", value, 1, _LARGEST_NUMBER)
    return _CANCELLATION[source.cancel(number)].format(f"run {number}")


def _resize(source: Source, value: str) -> str:
    size = whole_number("the pool", value, 1, _LARGEST_POOL)  # 0, no limit, is no step below 1
    source.resize(size)
    return f"pool: {count(size, 'run')} at once"


_CANCELLATION = {
    Cancellation.TAKEN_OUT: "⊘ {} cancelled: it will not start",
    Cancellation.INTERRUPTED: "⊘ {} interrupted: its coroutine is cancelled at the next await",
    Cancellation.ASKED: "⊘ {} asked to stop: a thread stops when its job looks",
    Cancellation.TOO_LATE: "{} had ended: too late to cancel",
}
COMMANDS: Mapping[str, Command] = {
    "run": _run,
    "pause": _pause,
    "resume": _resume,
    "pause-all": _pause_all,
    "resume-all": _resume_all,
    "cancel": _cancel,
    "resize": _resize,
}
