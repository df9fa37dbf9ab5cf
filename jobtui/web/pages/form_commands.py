"""What the buttons do, and what is said afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from jobtui.frontend import commands
from jobtui.frontend.api_paths import MAX_RUN_NUMBER
from jobtui.frontend.backend import Backend
from jobtui.web.request_parsing import MAX_POOL_SIZE, parse_whole_number
from jobtui.web.responses import Problem

Command = Callable[[Backend, str], str]


def carry_out(source: Backend, fields: Mapping[str, str]) -> str:
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


def _cancel(source: Backend, value: str) -> str:
    number = parse_whole_number("the run number", value, 1, MAX_RUN_NUMBER)
    return commands.cancel(source, number, f"run {number}")


def _resize(source: Backend, value: str) -> str:
    return commands.resize(
        source, parse_whole_number("the pool", value, 1, MAX_POOL_SIZE)
    )  # 0, no limit, is no step


COMMANDS: Mapping[str, Command] = {
    "run": commands.run,
    "pause": commands.pause,
    "resume": commands.resume,
    "pause-all": lambda source, _value: commands.pause_all(source),
    "resume-all": lambda source, _value: commands.resume_all(source),
    "cancel": _cancel,
    "resize": _resize,
}
