"""Settings: where they are found, how they are read, and what is wrong with them.

Two formats are read, told apart by the file's ending. In a `.toml` file the keys may be dotted or in tables;
in a `pyproject.toml` they live in `[tool.jobtui]`. A `.conf` file is Revel's own `app.conf`; its keys outside
`jobs.*` and `cron.*` belong to Revel's other parts and are passed over.

**Sections and the run mode.** Both formats have the sections of Revel's `app.conf`: what stands in the
section of the run mode is laid over what stands at the top of the file. In TOML a section is a table beside
`jobs` and `cron`:

```toml
jobs.pool = 4
[prod]
jobs.pool = 16
```

The run mode is `dev` unless one is given, as in Revel; only a run mode that is given must have its section.
`DEFAULT`, Revel's name for the top of the file, chooses the top alone. In TOML every section is checked, so
that a slip in `[prod]` is found on the desk; in a `.conf` file only what is in force, because its other
sections may need environment variables that exist elsewhere.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeGuard, TypeVar, cast, get_args

from jobtui.conf_format import (
    TOP,
    BadConfLine,
    boolean_or_text,
    expand,
    number_or_text,
    read_conf,
    unquoted,
)
from jobtui.core.errors import BadSpec, nearest, quoted
from jobtui.core.parsing import parse
from jobtui.core.schedules import Dst
from jobtui.toml_format import BadToml, TomlValue, line_of, parse_toml, sections_of

_Found = TypeVar("_Found")

_DEFAULT_RUN_MODE = "dev"
_KNOWN_KEYS = ("jobs.pool", "jobs.selfconcurrent", "jobs.dst", "jobs.acceptproxyaddress")

# A pool above a million is a slip of the finger, and TOML holds numbers so large that Python refuses to print
# them.
_LARGEST_POOL = 1_000_000


class BadSetting(ValueError):  # noqa: N818 - as BadSpec: what is wrong is the better name
    """The settings cannot be read or make no sense.

    The message is one to three lines for the person who wrote the file: the file, the line where it is known,
    the key, what is wrong, and what is allowed.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a settings file says, checked; or, made without arguments, the defaults.

    Two are equal when they say the same, wherever they were read.

    Attributes:
        pool: How many runs may be RUNNING at once; 0 is no limit.
        selfconcurrent: Whether a job's own runs may overlap.
        dst: What fixed times do when the clocks change, where a job does not say; see `jobtui.parse`.
        acceptproxyaddress: Whether a status page may believe `X-Forwarded-For`.
        schedules: The named schedules: whole key with its `cron.` to spec. Read-only.
        source: The file they were read from, or None.
    """

    pool: int = 10
    selfconcurrent: bool = False
    dst: Dst = "once"
    acceptproxyaddress: bool = False
    schedules: Mapping[str, str] = field(default_factory=dict)
    source: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Keeps the schedules from being changed, also through the mapping that the caller still holds."""
        object.__setattr__(self, "schedules", MappingProxyType(dict(self.schedules)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One setting as found in a file, not yet checked.

    The place is asked for only when there is something to complain about: to find a line of TOML is work.
    """

    key: str
    value: object
    place: Callable[[], str]


def find_settings(target: Path) -> Path | None:
    """Finds the settings that belong to a job file.

    Args:
        target: The job file. Only its own directory is searched.

    Returns:
        `jobtui.toml` beside it; else `pyproject.toml` beside it, if that has a `[tool.jobtui]` table; else
        None. What is found may still be unreadable: `read_settings` then says why. So a `pyproject.toml` that
        cannot be opened is returned too, rather than that its settings are dropped in silence.
    """
    own = target.parent / "jobtui.toml"
    # lexists: a link that leads nowhere is somebody's settings file gone missing, not the wish for defaults.
    if os.path.lexists(own):
        return own
    shared = target.parent / "pyproject.toml"
    return shared if _has_our_table(shared) else None


def read_settings(path: Path, *, run_mode: str | None = None) -> Settings:
    """Reads and checks a settings file.

    Args:
        path: A file that ends in `.toml` or `.conf`. Of a `pyproject.toml` only `[tool.jobtui]` is read.
        run_mode: The section to lay over the top of the file. None lays `[dev]` over it where there is one.

    Raises:
        BadSetting: The file cannot be read, holds a key that is not known or a value that is not allowed, or
            has no section for the run mode.
    """
    match path.suffix.lower():
        case ".toml":
            sections = _read_toml_sections(path, _read_text(path))
            for entries in sections.values():
                _checked(entries, path)
            return _checked(_in_force(sections, path, run_mode), path)
        case ".conf":
            return _checked(_read_conf_entries(path, _read_text(path), run_mode), path)
        case _:
            raise BadSetting(
                f"{path}: settings are read from files that end in .toml or .conf (Revel's app.conf)."
            )


def _in_force(
    sections: Mapping[str, Mapping[str, _Found]], path: Path, run_mode: str | None
) -> dict[str, _Found]:
    """Lays the section of the run mode over the top of the file."""
    if run_mode is None:
        return {**sections[TOP], **sections.get(_DEFAULT_RUN_MODE, {})}
    if run_mode not in sections:
        names = ", ".join(quoted(name) for name in sections if name != TOP)
        raise BadSetting(
            f"{path}: there is no section for the run mode {quoted(run_mode)}.\n"
            + (f"The sections of this file: {names}." if names else "This file has no sections.")
        )
    return {**sections[TOP], **sections[run_mode]}


def _read_conf_entries(path: Path, text: str, run_mode: str | None) -> dict[str, _Entry]:
    """Reads Revel's format: of what is in force, our keys, references filled in and texts made values."""
    try:
        values = _in_force(read_conf(text), path, run_mode)
        # Ours in any case: `Jobs.pool` is a slip of somebody who means us, not a key of Revel's other parts.
        return {
            key: _Entry(
                key=key,
                value=_conf_value(key, expand(value, values, os.environ)),
                place=partial(_place, path, value.line),
            )
            for key, value in values.items()
            if key.lower().startswith(("jobs.", "cron."))
        }
    except BadConfLine as error:
        raise BadSetting(f"{_place(path, error.line)}: {error}") from None


def _conf_value(key: str, text: str) -> object:
    if key == "jobs.pool":
        return number_or_text(text)
    if key in ("jobs.selfconcurrent", "jobs.acceptproxyaddress"):
        return boolean_or_text(text)
    return unquoted(text)


def _read_toml_sections(path: Path, text: str) -> dict[str, dict[str, _Entry]]:
    """Reads TOML: every section with all its keys."""
    root = ("tool", "jobtui") if path.name == "pyproject.toml" else ()
    text = text.replace("\r\n", "\n")
    try:
        table: object = parse_toml(text)
        for name in root:
            table = table.get(name) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            raise BadSetting(
                f"{path}: there is no table [tool.jobtui] in it, where jobtui's settings would be."
            )
        sections = sections_of(table, root)
    except BadToml as error:
        position = f", {error.position}" if error.position else ""
        raise BadSetting(f"{path}{position}: {error}") from None

    def place(value: TomlValue) -> str:
        return _place(path, line_of(text, value.path))

    return {
        section: {
            key: _Entry(key=key, value=found.value, place=partial(place, found))
            for key, found in values.items()
        }
        for section, values in sections.items()
    }


def _checked(entries: Mapping[str, _Entry], path: Path) -> Settings:
    """Turns entries into settings, or complain about the first that is wrong."""
    known: dict[str, Any] = {}
    schedules: dict[str, str] = {}
    for key, entry in entries.items():
        match key:
            case "jobs.pool":
                known["pool"] = _pool_size(entry)
            case "jobs.selfconcurrent" | "jobs.acceptproxyaddress":
                known[key.removeprefix("jobs.")] = _boolean(entry)
            case "jobs.dst":
                known["dst"] = _dst(entry)
            case _ if key.startswith("cron.") and key != "cron.":
                schedules[key] = _spec(entry)
            case _:
                raise _unknown(entry)
    return Settings(**known, schedules=schedules, source=path)


def _pool_size(entry: _Entry) -> int:
    if _is_pool_size(entry.value):
        return entry.value
    meant = number_or_text(_bare(entry.value))
    allowed = f"a whole number from 0 to {_LARGEST_POOL}, where 0 is no limit"
    raise _wrong(entry, allowed, meant if _is_pool_size(meant) else None)


def _is_pool_size(value: object) -> TypeGuard[int]:
    # bool is an int in Python, and `jobs.pool = true` does not mean 1.
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_POOL


def _boolean(entry: _Entry) -> bool:
    if isinstance(entry.value, bool):
        return entry.value
    meant = boolean_or_text(_bare(entry.value))
    raise _wrong(entry, "true or false", meant if isinstance(meant, bool) else None)


def _dst(entry: _Entry) -> Dst:
    rule = next((rule for rule in get_args(Dst) if rule == entry.value), None)
    if rule is None:
        near = nearest(_bare(entry.value), list(get_args(Dst)))
        hint = f"\nDid you mean {quoted(near[0])}?" if near else ""
        raise BadSetting(
            f'{entry.place()}: {entry.key} must be "once" or "every", not {_described(entry.value)}.{hint}'
        )
    return cast("Dst", rule)


def _spec(entry: _Entry) -> str:
    """Checks a named schedule. Its text is given back as written, since people will want to recognise it."""
    spec = entry.value
    if not isinstance(spec, str):
        raise BadSetting(
            f"{entry.place()}: {quoted(entry.key)} must be a schedule in quotes, not {_described(spec)}.\n"
            'An example: "0 */15 9-17 ? * MON-FRI"'
        )
    where = f"{entry.place()}: {quoted(entry.key)}"
    if spec.startswith("cron."):
        raise BadSetting(
            f"{where} refers to {quoted(spec)}.\n"
            "A named schedule cannot refer to another one: write the spec itself."
        )
    try:
        parse(spec)
    except BadSpec as error:
        if spec[:1] in ("'", '"'):
            raise BadSetting(
                f"{where}: {error.sentence}\n"
                f"The quotes are part of the text {quoted(spec)}: a .conf file needs none, TOML one pair."
            ) from error
        raise BadSetting(f"{where}: {error}") from error
    return spec


def _bare(value: object) -> str:
    """Takes all quotes off a text; what is no text becomes an empty one."""
    return value.strip("\"' ") if isinstance(value, str) else ""


def _wrong(entry: _Entry, allowed: str, meant: int | None) -> BadSetting:
    """Makes the error for a value of the wrong kind.

    Args:
        entry: What was found.
        allowed: What would have been right, to be read after "must be".
        meant: The value that was meant, where the quotes around it are the only fault.
    """
    hint = ""
    if meant is not None:
        hint = f"\nWrite it without quotes: {entry.key} = {_described(meant)}"
    elif isinstance(entry.value, str) and "\n" in entry.value:
        hint = "\nAn indented line continues the value above it."
    return BadSetting(f"{entry.place()}: {entry.key} must be {allowed}, not {_described(entry.value)}.{hint}")


def _unknown(entry: _Entry) -> BadSetting:
    """Makes the error for a key that is not known."""
    key = quoted(entry.key)
    if entry.key == "jobs.auth" or entry.key.startswith("jobs.auth."):
        return BadSetting(
            f"{entry.place()}: {key} guards Revel's status page /@jobs, which jobtui does not have yet.\n"
            "Take the line out: there is no page that it would protect."
        )
    meant = _meant_by(entry.key)
    question = f" Did you mean {meant}?" if meant else ""
    return BadSetting(
        f"{entry.place()}: the key {key} is not known.{question}\n"
        f"Known are {', '.join(_KNOWN_KEYS)} and cron.NAME for a schedule of any name."
    )


def _meant_by(key: str) -> str | None:
    """Finds the key that was probably meant: `jobs.pool` for `pool` or `Jobs.Pol`, `cron.x` for `corn.x`."""
    prefix, _, name = key.partition(".")
    if name and nearest(prefix, ["cron"]):
        return quoted(f"cron.{name}")
    if all(known.startswith(key) for known in _KNOWN_KEYS):
        return None  # it begins like all of them
    return next(map(quoted, nearest(key, list(_KNOWN_KEYS))), None)


def _described(value: object) -> str:  # noqa: PLR0911 - one line for each kind of value
    """Names a value in the words of a settings file."""
    match value:
        case bool():
            return str(value).lower()
        case int() if abs(value) > _LARGEST_POOL:
            return "a number that large" if value > 0 else "a number that small"
        case int() | float():
            return str(value)
        case "":
            return "an empty text"
        case str():
            return f"the text {quoted(value)}"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _place(path: Path, line: int | None) -> str:
    return str(path) if line is None else f"{path}, line {line}"


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadSetting(f"{path}: there is no such file.") from None
    except OSError as error:
        # Windows calls a directory "Permission denied".
        reason = "this is a directory, not a file" if path.is_dir() else f"cannot be read: {error.strerror}"
        raise BadSetting(f"{path}: {reason}.") from None
    try:
        return content.decode("utf-8-sig")  # Windows editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadSetting(
            f"{_place(path, line)}: byte {content[error.start]:#04x} is not UTF-8. Save the file as UTF-8."
        ) from None


def _has_our_table(path: Path) -> bool:
    """Tells whether a pyproject.toml has something to say to us, be it in a form that we cannot read."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError:
        return True
    if b"jobtui" not in content:  # most files: nothing to parse
        return False
    try:
        tools = parse_toml(content.decode("utf-8-sig")).get("tool")
    except (BadToml, UnicodeDecodeError):
        return b"[tool.jobtui" in content
    return isinstance(tools, dict) and "jobtui" in tools
