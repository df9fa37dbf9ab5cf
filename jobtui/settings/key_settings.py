"""Read the keys that a user or a project gives to actions of the dashboard.

The dashboard knows the actions and the names of keys, and checks them: `jobtui.tui.keymap`. Here only the
form of the tables is checked, so that a program without a terminal does not load the dashboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jobtui.schedules.bad_spec import quote_text
from jobtui.settings.setting_errors import BadSetting, SettingEntry, wrong_value
from jobtui.settings.settings_file import locate, read_text
from jobtui.settings.toml_format import BadToml, find_line, flatten, parse_toml

KEYS = "keys."  # begins the name of each of these settings in the file of a project


@dataclass(frozen=True, slots=True)
class KeySetting:
    """The keys of one action.

    Attributes:
        action: The id of the action, such as `job.run`.
        keys: The names of its keys as the file has them, at least one.
        entry: The setting as found in the file.
    """

    action: str
    keys: tuple[str, ...]
    entry: SettingEntry = field(compare=False)


def check_keys(entry: SettingEntry) -> KeySetting:
    """Return the keys of an entry; raise BadSetting if its value has another form."""
    names = [entry.value] if isinstance(entry.value, str) else entry.value
    if not isinstance(names, list) or not names or not all(isinstance(each, str) and each for each in names):
        raise wrong_value(entry, 'a key or an array of keys, such as "x" or ["x", "f5"]')
    return KeySetting(entry.key.removeprefix(KEYS), tuple(names), entry)


def read_key_file(path: Path) -> Sequence[KeySetting]:
    """Read the user's own file, which has the actions at its top; without a file there are none.

    Raises:
        BadSetting: The file cannot be read, or a value has the wrong form.
    """
    if not path.exists() and not path.is_symlink():
        return ()
    text = read_text(path).replace("\r\n", "\n")
    try:
        leaves = list(flatten(parse_toml(text)))
    except BadToml as error:
        position = f", {error.position}" if error.position else ""
        raise BadSetting(f"{path}{position}: {error}") from None
    found: dict[str, KeySetting] = {}
    for names, value in leaves:
        action = ".".join(names)
        if action in found:
            raise BadSetting(
                f"{path}: the key {quote_text(action)} is given twice, once dotted and once in quotes."
            )
        entry = SettingEntry(key=action, value=value, location=partial(_locate_key, path, text, names))
        found[action] = check_keys(entry)
    return tuple(found.values())


def _locate_key(path: Path, text: str, names: tuple[str, ...]) -> str:
    return locate(path, find_line(text, names))
