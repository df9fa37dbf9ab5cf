"""Snapshots decoded from JSON incrementally: a job or run that has not changed stays the same object.

The dashboard compares views with `is`, so it repaints only what has changed, also in another process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any, Generic, TypeVar

from jobtui.engine.views import Snapshot
from jobtui.frontend.json_codec import JOB, RUN, Codec, Json, decode_snapshot

View = TypeVar("View")

_RUN_LISTS = ("running", "waiting", "scheduled", "recent")


class SnapshotDecoder:
    """Decodes the successive snapshots of one scheduler."""

    def __init__(self) -> None:
        self._jobs = _ViewCache(JOB)
        self._runs = {name: _ViewCache(RUN) for name in _RUN_LISTS}

    def decode(self, json: Mapping[str, Any]) -> Snapshot:
        """Decode a snapshot. Jobs and runs whose JSON is the same as last time are the same objects.

        Raises:
            KeyError: A key is missing.
            TypeError: A value has the wrong type.
            ValueError: A value is out of range.
        """
        bare = decode_snapshot({**json, "jobs": (), **dict.fromkeys(_RUN_LISTS, ())})
        runs = {name: cache.decode_list(json[name], bare.zone) for name, cache in self._runs.items()}
        return replace(
            bare,
            jobs=self._jobs.decode_list(json["jobs"], bare.zone),
            running=runs["running"],
            waiting=runs["waiting"],
            scheduled=runs["scheduled"],
            recent=runs["recent"],
        )


class _ViewCache(Generic[View]):
    """The views of one list, with the JSON that each was decoded from.

    Args:
        codec: Decodes a view.
    """

    def __init__(self, codec: Codec[View]) -> None:
        self._codec = codec
        self._zone: tzinfo | None = None
        self._cache: dict[object, tuple[Json, View]] = {}

    def decode_list(self, items: Sequence[Json], tz: tzinfo) -> tuple[View, ...]:
        if tz != self._zone:  # every time has to be converted again
            self._zone, self._cache = tz, {}
        current: dict[object, tuple[Json, View]] = {}
        for index, json in enumerate(items):
            # A job is identified by its name, a run by its number, ticks without a run by their instant.
            key = json.get("name") or (json["number"], json["job"], json["created"])
            previous = self._cache.get(key)
            unchanged = previous is not None and previous[0] == json
            entry = previous if previous and unchanged else (json, self._codec.decode(json, tz))
            current[key if key not in current else index] = entry
        self._cache = current
        return tuple(view for _, view in current.values())
