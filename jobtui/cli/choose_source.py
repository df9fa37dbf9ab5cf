"""Find what a command asks: an address, a store, or the scheduler that runs here."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from jobtui.cli.command_error import CommandError, missing_extra
from jobtui.cli.source import Source
from jobtui.frontend.registry import Entry, Registry
from jobtui.frontend.scheduler_tabs import MAX_TABS
from jobtui.process.printable import printable
from jobtui.settings.setting_errors import BadSetting
from jobtui.settings.settings import find_settings, read_settings

if TYPE_CHECKING:
    from jobtui.cli.live_source import LiveSource
    from jobtui.cli.store_source import StoreSource


@contextmanager
def open_source(options: argparse.Namespace) -> Iterator[Source]:
    """Yield what the arguments name: an address, a store, a job file, or else the scheduler that runs here.

    A job file stands for the scheduler that runs it, else for the store that its settings name. So do the
    settings in the current folder, if they name a store that exists.

    Args:
        options: From `SourceParser`.

    Raises:
        CommandError: They name nothing that can be asked, or more than one scheduler.
    """
    found = _find(options)
    if isinstance(found, Path):
        yield make_store_source(found, options)
        return
    with _connected(found if isinstance(found, str) else found.address, options) as live:
        yield live


@contextmanager
def open_live_source(options: argparse.Namespace) -> Iterator[LiveSource]:
    """Yield the scheduler that the address names, else the one that runs here.

    Args:
        options: From `LiveParser`.

    Raises:
        CommandError: There is none, or more than one.
    """
    with _connected(find_address(options), options) as live:
        yield live


def find_address(options: argparse.Namespace) -> str:
    """Return the address that the arguments name, else that of the scheduler that runs here.

    Args:
        options: From `LiveParser` or `AttachParser`.

    Raises:
        CommandError: There is none, or more than one.
    """
    if options.address is not None:
        return str(options.address)
    entry = _only(Registry().entries(), options)
    if entry is None:
        raise CommandError(f"no scheduler runs here that can be asked{_missing_web()}; name its address")
    return entry.address


def make_store_source(path: Path, options: argparse.Namespace) -> StoreSource:
    """Return a store to ask."""
    from jobtui.cli.store_source import StoreSource  # noqa: PLC0415 - lazy: imports sqlite3

    return StoreSource(path, options.tz)


def find_store(options: argparse.Namespace) -> Path:
    """Return the store that the arguments name, or the settings.

    Raises:
        CommandError: They name none, or the settings are wrong.
    """
    if options.store is not None:
        return Path(options.store)
    target = Path(options.target or "jobs.py")
    if options.target is not None and not target.is_file():
        raise CommandError(f"{printable(str(target))}: file not found")
    config = Path(options.config) if options.config is not None else find_settings(target.absolute())
    if config is None:
        where = f"next to {target.name}" if options.target else "in this folder"
        raise CommandError(f"there are no settings {where} that name a store; name its file with --store")
    try:
        path = read_settings(config, run_mode=options.run_mode).store_path
    except BadSetting as error:
        raise CommandError(str(error)) from error
    if path is None:
        raise CommandError(
            f"{printable(str(config))}: jobs.store is not set; name the store's file with --store"
        )
    return path


def _find(options: argparse.Namespace) -> str | Entry | Path:
    """Return an address, the entry of a scheduler, or the path of a store."""
    if options.address is not None:
        return str(options.address)
    if options.store is not None:
        return Path(options.store)
    entries = Registry().entries() if find_spec("aiohttp") is not None else []
    if options.target is not None:
        file = os.path.abspath(options.target)  # noqa: PTH100 - keeps symbolic links, as the entries do
        entry = _only([each for each in entries if each.file == file], options)
        if entry is not None:
            return entry
    try:
        store = find_store(options)
    except CommandError as error:
        if options.config is not None or (options.target is not None and not Path(options.target).is_file()):
            raise
        if options.target is not None:
            raise CommandError(f"no scheduler runs {printable(options.target)} here, and {error}") from None
        entry = _only(entries, options)
        if entry is None:
            raise CommandError(
                f"no scheduler runs here that can be asked{_missing_web()}, and {error}"
            ) from None
        return entry
    users = [each for each in entries if each.store and Path(each.store) == store.absolute()]
    named = options.target is not None or options.config is not None
    if not users and not named and not store.exists():
        users = entries
    return _only(users, options) or store


def _without_source(options: argparse.Namespace) -> list[str]:
    """Return the given arguments without those that an address replaces."""
    given: list[str] = list(options.given)
    target = vars(options).get("target")  # a command that only asks live schedulers has none
    if target in given:
        given.remove(target)
    if "--config" in given:
        place = given.index("--config")
        del given[place : place + 2]
    return given


def _only(entries: Sequence[Entry], options: argparse.Namespace) -> Entry | None:
    """Return the only entry of a process that listens; None if there is none.

    Raises:
        CommandError: There are several. The message lists them.
    """
    entries = [each for each in entries if each.is_reachable()]
    if len(entries) > 1:
        given = _without_source(options)
        lines = [
            f"  {shlex.join(['jobtui', options.command, each.address, *given])}"
            f"   # {each.title}, process {each.pid}"
            for each in entries
        ]
        if options.command == "attach" and len(entries) <= MAX_TABS:
            addresses = [each.address for each in entries]
            lines.append(f"  {shlex.join(['jobtui', options.command, *addresses])}   # all, in tabs")
        lines = [f"{len(entries)} schedulers run here; name one:", *map(printable, lines)]
        raise CommandError("\n".join(lines))
    return next(iter(entries), None)


@contextmanager
def _connected(address: str, options: argparse.Namespace) -> Iterator[LiveSource]:
    try:
        from jobtui.cli.attach import connect  # noqa: PLC0415 - lazy: imports aiohttp
        from jobtui.cli.live_source import LiveSource  # noqa: PLC0415 - as above
    except ImportError as error:
        raise missing_extra("asking a scheduler that runs", error) from error
    with closing(connect(address)) as backend:
        entry = next((each for each in Registry().entries() if each.address == address), None)
        yield LiveSource(backend, entry, options.tz)


def _missing_web() -> str:
    return (
        "" if find_spec("aiohttp") is not None else " (that needs the extra 'web': pip install 'jobtui[web]')"
    )
