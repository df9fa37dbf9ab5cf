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
from typing import Any, TypeVar

from jobtui.access.addresses import Address
from jobtui.access.rules import AccessRules
from jobtui.schedules.bad_spec import quote_text
from jobtui.schedules.schedule import Dst
from jobtui.settings.access_settings import access_rules
from jobtui.settings.conf_format import (
    TOP,
    BadConfLine,
    ConfValue,
    boolean_or_text,
    expand,
    items,
    number_or_text,
    read_conf,
    unquoted,
)
from jobtui.settings.setting_errors import BadSetting, Entry, unknown
from jobtui.settings.setting_values import (
    address,
    auth_switch,
    boolean,
    dst,
    networks,
    password_text,
    pool_size,
    spec,
    user,
)
from jobtui.settings.toml_format import BadToml, TomlValue, line_of, parse_toml, sections_of

_Found = TypeVar("_Found")

_DEFAULT_RUN_MODE = "dev"

# Every key but those of the schedules, and the check of its value.
_CHECKS: Mapping[str, Callable[[Entry], object]] = {
    "jobs.pool": pool_size,
    "jobs.selfconcurrent": boolean,
    "jobs.dst": dst,
    "jobs.listen": address,
    "jobs.readonly": boolean,
    "jobs.allow": networks,
    "jobs.acceptproxyaddress": boolean,
    "jobs.auth": auth_switch,
    "jobs.auth.user": user,
    "jobs.auth.pass": password_text,
    "jobs.auth.sha256": auth_switch,
}

# What a text of a .conf file means; where nothing is said here, the text without its quotes.
_CONF_VALUES: Mapping[str, Callable[[str], object]] = {
    "jobs.pool": number_or_text,
    "jobs.selfconcurrent": boolean_or_text,
    "jobs.readonly": boolean_or_text,
    "jobs.allow": items,
    "jobs.acceptproxyaddress": boolean_or_text,
    "jobs.auth": boolean_or_text,
    "jobs.auth.sha256": boolean_or_text,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a settings file says, checked; or, made without arguments, the defaults.

    Two are equal when they say the same, wherever they were read. A password and a hash of it do not say the
    same, nor do two hashes of one password. Neither is shown when settings are printed.

    Attributes:
        pool: How many runs may be RUNNING at once; 0 is no limit.
        selfconcurrent: Whether a job's own runs may overlap.
        dst: What fixed times do when the clocks change, where a job does not say; see `jobtui.parse`.
        listen: Where the status page is served; None for nowhere.
        access: Who may come in there.
        schedules: The named schedules: whole key with its `cron.` to spec. Read-only.
        source: The file they were read from, or None.
    """

    pool: int = 10
    selfconcurrent: bool = False
    dst: Dst = "once"
    listen: Address | None = None
    access: AccessRules = field(default_factory=AccessRules)
    schedules: Mapping[str, str] = field(default_factory=dict)
    source: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Keeps the schedules from being changed, also through the mapping that the caller still holds."""
        object.__setattr__(self, "schedules", MappingProxyType(dict(self.schedules)))


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
            has no section for the run mode. Also if it would let others in without credentials, or listen
            where they can reach it: that `--listen` may be given as well does not make it right.
    """
    match path.suffix.lower():
        case ".toml":
            sections = _read_toml_sections(path, _read_text(path))
            for entries in sections.values():
                _values(entries)
            for section in sections:  # what is not whole at the top alone is made so by a section
                if section != TOP:
                    _checked(_in_force(sections, path, section), path)
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
        names = ", ".join(quote_text(name) for name in sections if name != TOP)
        raise BadSetting(
            f"{path}: there is no section for the run mode {quote_text(run_mode)}.\n"
            + (f"The sections of this file: {names}." if names else "This file has no sections.")
        )
    return {**sections[TOP], **sections[run_mode]}


def _read_conf_entries(path: Path, text: str, run_mode: str | None) -> dict[str, Entry]:
    """Reads Revel's format: of what is in force, our keys, references filled in and texts made values."""
    try:
        values = _in_force(read_conf(text), path, run_mode)
        # Ours in any case: `Jobs.pool` is a slip of somebody who means us, not a key of Revel's other parts.
        return {
            key: Entry(
                key=key,
                value=_CONF_VALUES.get(key, unquoted)(_expanded(key, values)),
                place=partial(_place, path, value.line),
            )
            for key, value in values.items()
            if key.lower().startswith(("jobs.", "cron."))
        }
    except BadConfLine as error:
        raise BadSetting(f"{_place(path, error.line)}: {error}") from None


def _expanded(key: str, values: Mapping[str, ConfValue]) -> str:
    """Fills in the references of a value. Of a password that looks like one nothing is said aloud."""
    try:
        return expand(values[key], values, os.environ)
    except BadConfLine as error:
        if not key.lower().startswith("jobs.auth"):
            raise
        raise BadConfLine(
            error.line,
            "a reference to a key, %(...)s, or to the environment, ${...}, leads to nothing.\n"
            "A password with such signs in it has to be hashed: `jobtui hash-password`.",
        ) from None


def _read_toml_sections(path: Path, text: str) -> dict[str, dict[str, Entry]]:
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
            key: Entry(key=key, value=found.value, place=partial(place, found))
            for key, found in values.items()
        }
        for section, values in sections.items()
    }


def _checked(entries: Mapping[str, Entry], path: Path) -> Settings:
    """Turns the entries that are in force into settings, or complains about the first that is wrong."""
    values = _values(entries)
    own = ("jobs.pool", "jobs.selfconcurrent", "jobs.dst", "jobs.listen")
    return Settings(
        **{key.removeprefix("jobs."): values[key] for key in own if key in values},
        access=access_rules(entries, values),
        schedules={key: value for key, value in values.items() if key not in _CHECKS},
        source=path,
    )


def _values(entries: Mapping[str, Entry]) -> dict[str, Any]:
    """Checks each entry by itself, and gives what its value means."""
    return {key: _check_of(entry)(entry) for key, entry in entries.items()}


def _check_of(entry: Entry) -> Callable[[Entry], object]:
    if entry.key.startswith("cron.") and entry.key != "cron.":
        return spec
    if entry.key not in _CHECKS:
        raise unknown(entry, list(_CHECKS))
    return _CHECKS[entry.key]


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
