"""Find the store that a command asks, and the zone in which its answers are."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from jobtui.cli.command_error import CommandError
from jobtui.frontend.json_codec import Json
from jobtui.process.printable import printable
from jobtui.process.stdio import write_line
from jobtui.runtime.clock import SystemClock
from jobtui.schedules.bad_spec import BadSpec
from jobtui.schedules.zones import local_zone_or_utc, zone
from jobtui.settings.setting_errors import BadSetting
from jobtui.settings.settings import find_settings, read_settings
from jobtui.store.history import History
from jobtui.store.lives import Life
from jobtui.store.output_rows import StoredLine

FOUND, NOT_FOUND = 0, 1  # exit statuses
_STREAM_WIDTH = 8  # of CRITICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSource:
    """The store that a command asks.

    Attributes:
        path: The file.
        history: Answers questions about it.
        life: The latest process that has used it; None if there was none.
        now: The time, in the zone of the answers.
    """

    path: Path
    history: History
    life: Life | None
    now: datetime

    @property
    def name(self) -> str:
        """The file's name for messages."""
        return printable(str(self.path))

    @property
    def zone(self) -> tzinfo:
        """The zone of the answers: that of --tz, else that of the scheduler which used the store last."""
        assert self.now.tzinfo is not None  # see `open_source`
        return self.now.tzinfo

    @property
    def lives(self) -> bool:
        """Whether the scheduler that used the store last may still run."""
        return self.life is not None and self.life.may_live(self.now.timestamp())

    def instant(self, seconds: float) -> datetime:
        """Return an instant, given in seconds since the epoch, in the zone of the answers."""
        return datetime.fromtimestamp(seconds, self.zone)


def open_source(options: argparse.Namespace) -> StoreSource:
    """Return the store that the arguments or the settings name.

    Args:
        options: From `StoreParser`.

    Raises:
        CommandError: They name none, or the settings are wrong.
        StoreError: The file cannot be read.
    """
    path = _store_path(options)
    history = History(path)
    life = history.life()
    now = datetime.fromtimestamp(SystemClock().now(), _zone(options.tz, life))
    return StoreSource(path=path, history=history, life=life, now=now)


def _store_path(options: argparse.Namespace) -> Path:
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


def _zone(name: str | None, life: Life | None) -> tzinfo:
    if name is not None:
        return zone(name)  # the parser has checked it
    try:
        return local_zone_or_utc() if life is None else zone(life.zone)
    except BadSpec:  # of another machine
        return local_zone_or_utc()


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    write_line(sys.stdout, json.dumps(value, indent=2, ensure_ascii=False))


def nothing_found(message: str) -> int:
    """Print why there is nothing to print, and return the exit status."""
    write_line(sys.stderr, f"jobtui: {printable(message)}")
    return NOT_FOUND


def encode_life(life: Life, source: StoreSource) -> Json:
    """Return a process that has used the store as a JSON object."""
    return {
        "pid": life.pid,
        "host": life.host,
        "started": source.instant(life.started).isoformat(),
        "seen": source.instant(life.seen).isoformat(),
        "ended": None if life.ended is None else source.instant(life.ended).isoformat(),
        "killed": bool(life.killed),
        "lives": life.may_live(source.now.timestamp()),
        "file": life.file,
        "commit": life.git_commit,
    }


def encode_line(line: StoredLine, source: StoreSource) -> Json:
    """Return a line of output as a JSON object."""
    return {"at": source.instant(line.at).isoformat(), "stream": line.stream, "text": line.text}


def format_line(line: StoredLine, source: StoreSource) -> str:
    """Return a line of output with its time, and with its stream if that is not stdout."""
    at = source.instant(line.at).replace(tzinfo=None).isoformat(" ", "milliseconds")
    stream = "" if line.stream == "stdout" else printable(line.stream)
    return f"{at} {stream:<{_STREAM_WIDTH}} {printable(line.text)}".rstrip()
