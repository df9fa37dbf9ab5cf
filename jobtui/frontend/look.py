"""The look of the dashboard that the user has chosen, kept in a file from one start to the next."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jobtui.frontend.column_choice import describe_unknown

_HEADER = "# The look of the dashboard of jobtui, which it writes when you change it.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The choices of the user.

    Attributes:
        theme: The name of the theme; "" for the usual one.
        sort: The key of the column by which the jobs are sorted; "" for the order of registration.
        reverse: Whether in the opposite order.
        columns: The columns of the jobs, in order; empty for the usual ones.
        view: The jobs that are shown: all, or those that need attention.
        drawer: Whether the drawer is shown where there is room for it.
    """

    theme: str = ""
    sort: str = ""
    reverse: bool = False
    columns: tuple[str, ...] = ()
    view: str = "all"
    drawer: bool = True


_FIELDS = {field.name: field.default for field in fields(Look)}
_FORMS: Mapping[type, str] = {str: "a text", bool: "true or false", tuple: "a list of texts"}


class LookFile:
    """A file with a look. Several dashboards may share it: each writes only what its user has changed.

    Args:
        path: The file. Its folder is made when it is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, known: Mapping[str, Collection[str]] | None = None) -> tuple[Look, str]:
        """Return the look, and what is wrong with the file; without a file the default look and "".

        Args:
            known: The texts that there are for some keys; all other texts are wrong.
        """
        try:
            values = self._values()
        except (OSError, ValueError, RecursionError) as error:
            return Look(), f"{self._path} is ignored: {error}"
        look: dict[str, Any] = {}
        problems: list[str] = []
        for key, value in values.items():
            if key not in _FIELDS:
                problems.append(describe_unknown("key", key, _FIELDS))
            elif (right := _checked(key, value, (known or {}).get(key), problems)) is not None:
                look[key] = right
        return Look(**look), f"{self._path}, ignored: {'; '.join(problems)}" if problems else ""

    def write(self, look: Look, before: Look) -> None:
        """Write what differs between two looks, and keep everything else that the file has.

        The file is replaced at once, so that no reader finds half of it. Without permission, do nothing.
        """
        changed = {key: getattr(look, key) for key in _FIELDS if getattr(look, key) != getattr(before, key)}
        with suppress(OSError):
            try:
                values = self._values()
            except (ValueError, RecursionError):
                values = {}
            self._replace({**values, **changed})

    def _values(self) -> dict[str, Any]:
        import tomllib  # noqa: PLC0415 - only the dashboard needs it

        try:
            return tomllib.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def _replace(self, values: Mapping[str, Any]) -> None:
        path = self._path.resolve()  # a link stays a link
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".dashboard")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                file.write(_HEADER)
                for key, value in values.items():
                    if text := _encode(value):
                        name_of_key = key if key in _FIELDS else json.dumps(key)
                        file.write(f"{name_of_key} = {text}\n")
            os.replace(name, path)  # noqa: PTH105 - a name
        except BaseException:
            os.unlink(name)  # noqa: PTH108 - a name
            raise


def _encode(value: object) -> str:
    """Return a value as TOML; "" for one that no look has, such as a date, which is not kept."""
    if isinstance(value, str | bool | int):
        return json.dumps(value)  # these are the same in JSON
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return json.dumps(value)
    return ""


def _checked(key: str, value: object, known: Collection[str] | None, problems: list[str]) -> object:
    """Return the value of a key, without texts that are not known; None if it is wrong. Add what is wrong."""
    kind = type(_FIELDS[key])
    if kind is tuple and isinstance(value, list) and all(isinstance(each, str) for each in value):
        wrong = [each for each in value if known is not None and each not in known]
        problems += [f"{key}: {describe_unknown('column', each, known or ())}" for each in wrong]
        return tuple(each for each in value if each not in wrong)
    if type(value) is not kind:
        problems.append(f"{key} must be {_FORMS[kind]}")
        return None
    if isinstance(value, str) and known is not None and value not in known:
        problems.append(describe_unknown("column" if key == "sort" else key, value, known))
        return None
    return value


def look_path(environment: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """Return the file in the user's folder for settings; None if there is no such folder."""
    home = environment.get("HOME", "")
    if configured := environment.get("XDG_CONFIG_HOME", ""):
        folder = configured
    elif platform == "win32":
        folder = environment.get("APPDATA", "")
    elif platform == "darwin":
        folder = f"{home}/Library/Application Support" if home else ""
    else:
        folder = f"{home}/.config" if home else ""
    return Path(folder) / "jobtui" / "dashboard.toml" if Path(folder).is_absolute() else None
