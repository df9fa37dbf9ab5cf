"""Find, read and check the settings.

Two formats are read, chosen by the suffix of the file. In a `.toml` file, keys may be dotted or in tables; in
a `pyproject.toml` they are in `[tool.jobtui]`. A `.conf` file is Revel's `app.conf`; its keys outside
`jobs.*` and `cron.*` belong to other parts of Revel and are ignored, so it sets no keys of the dashboard.

**Sections and the run mode.** Both formats have the sections of Revel's `app.conf`: the section of the run
mode overrides the top of the file. In TOML a section is a table next to `jobs`, `cron` and `keys`:

```toml
jobs.pool = 4
[prod]
jobs.pool = 16
```

The run mode is `dev` unless one is given, as in Revel; only a run mode that is given must have a section.
`DEFAULT`, Revel's name for the top of the file, selects the top alone. In TOML every section is checked, so a
mistake in `[prod]` is found during development; in a `.conf` file only the settings that apply are checked,
because other sections may need environment variables of another machine.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from jobtui.access.addresses import Address
from jobtui.access.rules import AccessRules
from jobtui.engine.job_policies import Policies
from jobtui.engine.ledger import LEDGER_BYTES
from jobtui.engine.pool import MOST_ABANDONED
from jobtui.runtime.output_log import LOG_BYTES
from jobtui.runtime.run_output import RUN_BYTES
from jobtui.schedules.bad_spec import quote_text
from jobtui.schedules.schedule import Dst
from jobtui.settings.access_settings import access_rules
from jobtui.settings.file_permissions import password_warning
from jobtui.settings.key_settings import KEYS, KeySetting, check_keys
from jobtui.settings.policy_settings import POLICY_CHECKS, policy_settings
from jobtui.settings.revel_conf import (
    TOP,
    BadConfLine,
    ConfValue,
    boolean_or_text,
    expand_references,
    is_jobtui_key,
    number_or_text,
    parse_conf,
    split_at_commas,
    split_at_spaced_commas,
    unquote,
    unquote_list,
)
from jobtui.settings.setting_errors import BadSetting, SettingEntry, unknown_key, wrong_value
from jobtui.settings.setting_values import (
    SingleSetting,
    check_abandoned,
    check_address,
    check_auth_pass,
    check_auth_switch,
    check_auth_user,
    check_boolean,
    check_bytes,
    check_client_bytes,
    check_dst,
    check_keep_days,
    check_keep_mib,
    check_keep_rows,
    check_ledger_bytes,
    check_networks,
    check_patterns,
    check_pool,
    check_quiet,
    check_single,
    check_spec,
    check_store,
    check_url,
    check_zone,
)
from jobtui.settings.settings_file import locate, read_text
from jobtui.settings.toml_format import BadToml, TomlValue, find_line, parse_toml, split_sections
from jobtui.store.retention import KEEP_DAYS, KEEP_MIB, KEEP_OUTPUT, KEEP_ROWS

_Value = TypeVar("_Value")

_PASS = "jobs.auth.pass"  # noqa: S105 - the name of a key
_DEFAULT_RUN_MODE = "dev"

# The check of each key; keys of schedules, `cron.NAME`, are checked by `check_spec`.
_CHECKS: Mapping[str, Callable[[SettingEntry], object]] = {
    "jobs.pool": check_pool,
    "jobs.abandoned": check_abandoned,
    "jobs.selfconcurrent": check_boolean,
    **{f"jobs.{name}": check for name, check in POLICY_CHECKS.items()},
    "jobs.quiet": check_quiet,
    "jobs.dst": check_dst,
    "jobs.tz": check_zone,
    "jobs.ledger.bytes": check_ledger_bytes,
    "jobs.output.bytes": check_bytes,
    "jobs.output.runbytes": check_bytes,
    "jobs.output.keep": check_bytes,
    "jobs.output.redact": check_patterns,
    "jobs.locals": check_boolean,
    "jobs.results": check_boolean,
    "jobs.store": check_store,
    "jobs.single": check_single,
    "jobs.keep.days": check_keep_days,
    "jobs.keep.rows": check_keep_rows,
    "jobs.keep.mib": check_keep_mib,
    "jobs.listen": check_address,
    "jobs.readonly": check_boolean,
    "jobs.allow": check_networks,
    "jobs.acceptproxyaddress": check_boolean,
    "jobs.proxies": check_networks,
    "jobs.probes": check_networks,
    "jobs.clients.bytes": check_client_bytes,
    "jobs.url": check_url,
    "jobs.auth": check_auth_switch,
    "jobs.auth.user": check_auth_user,
    "jobs.auth.pass": check_auth_pass,
    "jobs.auth.sha256": check_auth_switch,
}

# The tables that contain these keys.
_TABLES = {"cron", "keys", *(key.rpartition(".")[0] for key in _CHECKS)}

# The conversion of a text of a .conf file, by key. Other texts only lose their quotes.
_CONF_CONVERSIONS: Mapping[str, Callable[[str], object]] = {
    "jobs.pool": number_or_text,
    "jobs.abandoned": number_or_text,
    "jobs.selfconcurrent": boolean_or_text,
    "jobs.quiet": split_at_spaced_commas,
    "jobs.max_held": number_or_text,
    "jobs.pause_after": number_or_text,
    "jobs.retry": number_or_text,
    "jobs.ledger.bytes": number_or_text,
    "jobs.output.bytes": number_or_text,
    "jobs.output.runbytes": number_or_text,
    "jobs.output.keep": number_or_text,
    "jobs.output.redact": unquote_list,
    "jobs.locals": boolean_or_text,
    "jobs.results": boolean_or_text,
    "jobs.keep.days": number_or_text,
    "jobs.keep.rows": number_or_text,
    "jobs.keep.mib": number_or_text,
    "jobs.readonly": boolean_or_text,
    "jobs.allow": split_at_commas,
    "jobs.acceptproxyaddress": boolean_or_text,
    "jobs.proxies": split_at_commas,
    "jobs.probes": split_at_commas,
    "jobs.clients.bytes": number_or_text,
    "jobs.auth": boolean_or_text,
    "jobs.auth.sha256": boolean_or_text,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked settings; without arguments, the defaults.

    Two objects are equal if their values are equal, whatever their source. A password and a hash of it are
    not equal, nor are two hashes of one password. The `repr` shows neither.

    Attributes:
        pool: The number of runs that may be RUNNING at once; 0 for no limit.
        abandoned: How many runs may be abandoned at once, because they go on after their timeouts.
        selfconcurrent: Whether runs of one job may overlap.
        dst: The rule for fixed times when the clocks change, for jobs without their own; see `jobtui.parse`.
        tz: The name of the zone of specs that name none; None for the machine's zone.
        ledger_bytes: How much memory the ledger may take, with the output of its runs, in bytes.
        output_bytes: How much memory the output of all jobs may take, in bytes.
        output_runbytes: How much output of one run is kept, in bytes.
        output_keep: How many bytes of each run's output the store keeps.
        output_redact: Regular expressions for secrets in the texts of runs.
        locals: Whether tracebacks have the local variables of the user's functions.
        results: Whether runs say what they returned.
        store: The path of the store's file, relative to the settings file; None to keep all in memory.
        single: The rule for a store that another scheduler uses; "attach" is "standby" without a terminal.
        quiet: The times in which nothing starts, in the zone of the scheduler.
        own_policies: The policies in the file, by their names; read-only.
        keep_days: For how many days the store keeps endings; failures are kept three times as long.
        keep_rows: How many endings the store keeps; failures among three times as many.
        keep_mib: How large the store's file may be, in MiB.
        listen: The address of the status page; None to serve none.
        access: The access rules of the status page.
        schedules: The named schedules, from whole key (`cron.NAME`) to spec. Read-only.
        keys: The keys of actions of the dashboard, which checks them when it starts.
        source: The file that they were read from, or None.
        warnings: What may be wrong although the settings are valid, each a sentence without its full stop.
    """

    pool: int = 10
    abandoned: int = MOST_ABANDONED
    selfconcurrent: bool = False
    dst: Dst = "once"
    tz: str | None = None
    ledger_bytes: int = LEDGER_BYTES
    output_bytes: int = LOG_BYTES
    output_runbytes: int = RUN_BYTES
    output_keep: int = KEEP_OUTPUT
    output_redact: Sequence[str] = ()
    locals: bool = False
    results: bool = False
    store: str | None = None
    single: SingleSetting = "attach"
    quiet: tuple[str, ...] = ()
    own_policies: Mapping[str, Any] = field(default_factory=dict)
    keep_days: int = KEEP_DAYS
    keep_rows: int = KEEP_ROWS
    keep_mib: int = KEEP_MIB
    listen: Address | None = None
    access: AccessRules = field(default_factory=AccessRules)
    schedules: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[KeySetting, ...] = ()
    source: Path | None = field(default=None, compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Copy the schedules into a read-only mapping."""
        object.__setattr__(self, "schedules", MappingProxyType(dict(self.schedules)))

    @property
    def policies(self) -> Policies:
        """The policies of jobs that do not say otherwise."""
        return cast("Policies", {"overlap": "allow" if self.selfconcurrent else "hold", **self.own_policies})

    @property
    def store_path(self) -> Path | None:
        """The store's file; None to keep all in memory."""
        if self.store is None:
            return None
        path = Path(self.store).expanduser()
        return path if self.source is None else self.source.parent / path


def find_settings(target: Path) -> Path | None:
    """Find the settings file of a job file.

    Args:
        target: The job file. Only its own folder is searched.

    Returns:
        The `jobtui.toml` next to it; else the `pyproject.toml` next to it, if that has a `[tool.jobtui]`
        table; else None. The file may be unreadable: `read_settings` then raises an error. So a
        `pyproject.toml` that cannot be opened is returned, too, rather than ignored.
    """
    own = target.parent / "jobtui.toml"
    # lexists: a broken link is a settings file that got lost, so it must not silently select the defaults.
    if os.path.lexists(own):
        return own
    shared = target.parent / "pyproject.toml"
    return shared if _has_jobtui_table(shared) else None


def read_settings(path: Path, *, run_mode: str | None = None) -> Settings:
    """Read and check a settings file.

    Args:
        path: A file that ends in `.toml` or `.conf`. In a `pyproject.toml` only `[tool.jobtui]` is read.
        run_mode: The section that overrides the top of the file. None uses `[dev]`, if there is one.

    Raises:
        BadSetting: The file cannot be read, has an unknown key or a wrong value, or has no section for the
            run mode; or it would let other machines connect without credentials, even if `--listen` overrides
            its address.
    """
    match path.suffix.lower():
        case ".toml":
            sections = _read_toml_sections(path, read_text(path))
            for entries in sections.values():
                _check_values(entries)
            passwords = [entries[_PASS].value for entries in sections.values() if _PASS in entries]
            for section in sections:  # settings that require each other may be at the top and in a section
                if section != TOP:
                    _check_settings(_select_run_mode(sections, path, section), path)
            settings = _check_settings(_select_run_mode(sections, path, run_mode), path)
        case ".conf":
            text = read_text(path)
            settings = _check_settings(_read_conf_entries(path, text, run_mode), path)
            texts = [unquote(each[_PASS].text) for each in parse_conf(text).values() if _PASS in each]
            passwords = [each for each in texts if "${" not in each]  # else it is in the environment
        case _:
            raise BadSetting(
                f"{path}: not a settings file: its name must end in .toml or .conf (Revel's app.conf)."
            )
    warning = password_warning(path, passwords)
    return replace(settings, warnings=(warning,)) if warning else settings


def _select_run_mode(
    sections: Mapping[str, Mapping[str, _Value]], path: Path, run_mode: str | None
) -> dict[str, _Value]:
    """Return the values that apply: the top of the file, overridden by the section of the run mode."""
    if run_mode is None:
        return {**sections[TOP], **sections.get(_DEFAULT_RUN_MODE, {})}
    if run_mode not in sections:
        names = ", ".join(quote_text(name) for name in sections if name != TOP)
        raise BadSetting(
            f"{path}: the file has no section for the run mode {quote_text(run_mode)}.\n"
            + (f"Its sections are {names}." if names else "It has no sections.")
        )
    return {**sections[TOP], **sections[run_mode]}


def _read_conf_entries(path: Path, text: str, run_mode: str | None) -> dict[str, SettingEntry]:
    """Read Revel's format: return jobtui's entries of this run mode, with references replaced."""
    try:
        sections = parse_conf(text)
        values = _select_run_mode(sections, path, run_mode)
        entries = {
            key: SettingEntry(
                key=key,
                value=_CONF_CONVERSIONS.get(key, unquote)(_expand_references(key, values)),
                location=partial(locate, path, value.line),
            )
            for key, value in values.items()
            if is_jobtui_key(key)
        }
    except BadConfLine as error:
        raise BadSetting(f"{locate(path, error.line)}: {error}") from None
    for section in sections.values():  # not the values: they may need a variable of another machine
        for key, value in section.items():
            if is_jobtui_key(key):
                _check_for(
                    SettingEntry(key=key, value=value.text, location=partial(locate, path, value.line))
                )
    return entries


def _expand_references(key: str, values: Mapping[str, ConfValue]) -> str:
    """Replace the references of a value. The error does not show a password that resembles a reference."""
    try:
        return expand_references(values[key], values, os.environ)
    except BadConfLine as error:
        if not key.lower().startswith("jobs.auth"):
            raise
        raise BadConfLine(
            error.line,
            "a reference to a key, %(...)s, or to an environment variable, ${...}, cannot be resolved.\n"
            "A password that contains such characters must be hashed: `jobtui hash-password`.",
        ) from None


def _read_toml_sections(path: Path, text: str) -> dict[str, dict[str, SettingEntry]]:
    """Read TOML: return every section with all its entries."""
    root = ("tool", "jobtui") if path.name == "pyproject.toml" else ()
    text = text.replace("\r\n", "\n")
    try:
        table: object = parse_toml(text)
        for name in root:
            table = table.get(name) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            raise BadSetting(f"{path}: the file has no table [tool.jobtui], where jobtui's settings belong.")
        sections = split_sections(table, root)
    except BadToml as error:
        position = f", {error.position}" if error.position else ""
        raise BadSetting(f"{path}{position}: {error}") from None

    def location(value: TomlValue) -> str:
        return locate(path, find_line(text, value.path))

    return {
        section: {
            key: SettingEntry(key=key, value=value.value, location=partial(location, value))
            for key, value in values.items()
        }
        for section, values in sections.items()
    }


def _check_settings(entries: Mapping[str, SettingEntry], path: Path) -> Settings:
    """Convert the entries that apply into settings; raise BadSetting for the first wrong one."""
    values = _check_values(entries)
    fields = (
        "pool",
        "abandoned",
        "selfconcurrent",
        "quiet",
        "dst",
        "tz",
        "ledger.bytes",
        "output.bytes",
        "output.runbytes",
        "output.keep",
        "output.redact",
        "locals",
        "results",
        "store",
        "single",
        "keep.days",
        "keep.rows",
        "keep.mib",
        "listen",
    )
    return Settings(
        **{key.replace(".", "_"): values[f"jobs.{key}"] for key in fields if f"jobs.{key}" in values},
        own_policies=policy_settings(values),
        access=access_rules(entries, values),
        schedules={key: value for key, value in values.items() if key.startswith("cron.")},
        keys=tuple(value for key, value in values.items() if key.startswith(KEYS)),
        source=path,
    )


def _check_values(entries: Mapping[str, SettingEntry]) -> dict[str, Any]:
    """Check each entry on its own; return the checked values."""
    return {key: _check_for(entry)(entry) for key, entry in entries.items()}


def _check_for(entry: SettingEntry) -> Callable[[SettingEntry], object]:
    if entry.key.startswith("cron.") and entry.key != "cron.":
        return check_spec
    if entry.key.startswith(KEYS):
        return check_keys
    if entry.key in _CHECKS:
        return _CHECKS[entry.key]
    if entry.key in _TABLES:
        raise wrong_value(entry, "a table")
    raise unknown_key(entry, list(_CHECKS))


def _has_jobtui_table(path: Path) -> bool:
    """Return whether a `pyproject.toml` has a [tool.jobtui] table, or may have one but cannot be read."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError:
        return True
    if b"jobtui" not in content:  # true of most files, which then need not be parsed
        return False
    try:
        tools = parse_toml(content.decode("utf-8-sig")).get("tool")
    except (BadToml, UnicodeDecodeError):
        return b"[tool.jobtui" in content
    return isinstance(tools, dict) and "jobtui" in tools
