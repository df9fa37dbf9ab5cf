"""The look of the dashboard that the user has chosen, kept in a file from one start to the next."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

_HEADER = "# The look of the dashboard of jobtui, which it writes when it ends.\n"


@dataclass(frozen=True, slots=True)
class Look:
    """The choices of the user; "" and False are the defaults.

    Attributes:
        theme: The name of the theme.
        sort: The key of the column by which the jobs are sorted.
        reverse: Whether in the opposite order.
    """

    theme: str = ""
    sort: str = ""
    reverse: bool = False


class LookFile:
    """A file with a look.

    Args:
        path: The file. Its folder is made when it is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[Look, str]:
        """Return the look, and what is wrong with the file; without a file the default look and ""."""
        import tomllib  # noqa: PLC0415 - only the dashboard needs it

        try:
            values = tomllib.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Look(), ""
        except (OSError, ValueError, RecursionError) as error:
            return Look(), f"{self._path} is ignored: {error}"
        known = {field.name: type(getattr(Look(), field.name)) for field in fields(Look)}
        right = {name: value for name, value in values.items() if type(value) is known.get(name)}
        wrong = [name for name in values if name in known and name not in right]
        return Look(**right), f"{self._path}: {', '.join(wrong)} ignored" if wrong else ""

    def write(self, look: Look) -> None:
        """Replace the file at once, so that no reader finds half of it. Without permission, do nothing."""
        with suppress(OSError, ValueError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".dashboard")
            try:
                with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                    file.write(_HEADER + "".join(f"{key} = {value}\n" for key, value in _values(look)))
                os.replace(name, self._path)  # noqa: PTH105 - a name
            except BaseException:
                os.unlink(name)  # noqa: PTH108 - a name
                raise


def _values(look: Look) -> list[tuple[str, str]]:
    return [
        ("theme", f'"{look.theme}"'),
        ("sort", f'"{look.sort}"'),
        ("reverse", "true" if look.reverse else "false"),
    ]


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
