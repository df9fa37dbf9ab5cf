"""Jobs that the store has runs of, but that no code registers any more: perhaps they were renamed."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from datetime import datetime, tzinfo
from pathlib import Path

from jobtui.engine.enums import RunState
from jobtui.engine.records import JobHistory
from jobtui.process.printable import printable
from jobtui.schedules.bad_spec import closest_matches

_WITHOUT_RUN = {RunState.SKIPPED, RunState.MISSED, RunState.COALESCED}  # endings of ticks
MAX_LISTED = 10  # jobs that are named


def describe_unregistered(
    histories: Mapping[str, JobHistory], registered: Collection[str], tz: tzinfo, store: Path
) -> list[str]:
    """Return a sentence for each job that had a schedule, has runs in the store, and is not registered.

    Args:
        histories: The history of each job in the store, by name.
        registered: The names of the jobs that are registered.
        tz: The zone of the times.
        store: The file.
    """
    found = {
        name: history
        for name, history in histories.items()
        if name not in registered and history.schedule_key and history.recent
    }
    new = [name for name in registered if name not in histories or not histories[name].recent]
    listed = list(found.items())[:MAX_LISTED]
    sentences = [_describe(name, history, new or list(registered), tz, store) for name, history in listed]
    if len(found) > len(listed):
        sentences.append(f"{len(found) - len(listed)} more names in the store have no job")
    return sentences


def _describe(name: str, history: JobHistory, names: list[str], tz: tzinfo, store: Path) -> str:
    runs = sum(count for state, count in history.endings.items() if state not in _WITHOUT_RUN)
    last = ""
    if history.prev is not None:
        last = f", the last on {datetime.fromtimestamp(history.prev, tz):%a %Y-%m-%d %H:%M}"
    similar = closest_matches(name, names)
    words = ["jobtui", "history", "rename", name, similar[0] if similar else "NEW", "--store", str(store)]
    return printable(
        f"{name} has {runs} {'run' if runs == 1 else 'runs'} in the store{last}, but no job has this name; "
        f"if it was renamed:  {shlex.join(words)}"
    )
