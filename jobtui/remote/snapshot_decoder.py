"""Pictures of a scheduler in another process, read so that what has not changed stays the same object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any, Generic, TypeVar

from jobtui.engine.views import Snapshot
from jobtui.frontend.codec import JOB, RUN, Codec, Json, decode_snapshot

View = TypeVar("View")

_RUNS = ("running", "waiting", "scheduled", "recent")


class SnapshotDecoder:
    """Reads one snapshot after the other."""

    def __init__(self) -> None:
        self._jobs = _Kept(JOB)
        self._runs = {name: _Kept(RUN) for name in _RUNS}

    def read(self, json: Mapping[str, Any]) -> Snapshot:
        """A snapshot, of which jobs and runs that read as in the last one are the same objects.

        Raises:
            KeyError: Something is missing.
            TypeError: Something is of another type.
            ValueError: Something makes no sense.
        """
        bare = decode_snapshot({**json, "jobs": (), **dict.fromkeys(_RUNS, ())})
        runs = {name: kept.read(json[name], bare.zone) for name, kept in self._runs.items()}
        return replace(
            bare,
            jobs=self._jobs.read(json["jobs"], bare.zone),
            running=runs["running"],
            waiting=runs["waiting"],
            scheduled=runs["scheduled"],
            recent=runs["recent"],
        )


class _Kept(Generic[View]):
    """The views of one list, by what they were read from."""

    def __init__(self, shape: Codec[View]) -> None:
        self._shape = shape
        self._zone: tzinfo | None = None
        self._known: dict[object, tuple[Json, View]] = {}

    def read(self, items: Sequence[Json], tz: tzinfo) -> tuple[View, ...]:
        if tz != self._zone:  # all times are to be read anew
            self._zone, self._known = tz, {}
        known: dict[object, tuple[Json, View]] = {}
        for place, json in enumerate(items):
            # A job has a name, a run its number; ticks that started no run have the instant they came at.
            key = json.get("name") or (json["number"], json["job"], json["created"])
            before = self._known.get(key)
            entry = (
                before if before is not None and before[0] == json else (json, self._shape.decode(json, tz))
            )
            known[key if key not in known else place] = entry
        self._known = known
        return tuple(view for _, view in known.values())
