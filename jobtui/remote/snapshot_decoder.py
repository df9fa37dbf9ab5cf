"""Snapshots decoded from JSON incrementally: a job or run that has not changed stays the same object.

The dashboard compares views with `is`, so it repaints only what has changed, also in another process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any, Generic, TypeVar

from jobtui.engine.views import Snapshot
from jobtui.frontend.json_codec import JOB, RUN, RUN_LISTS, Codec, Json, decode_snapshot

View = TypeVar("View")


class SnapshotDecoder:
    """Decodes the successive snapshots of one scheduler."""

    def __init__(self) -> None:
        self._caches: dict[str, _ViewCache[Any]] = {name: _ViewCache(RUN) for name in RUN_LISTS}
        self._caches["jobs"] = _ViewCache(JOB)

    def decode(self, json: Mapping[str, Any]) -> Snapshot:
        """Decode a snapshot. Jobs and runs whose JSON is the same as last time are the same objects.

        Raises:
            KeyError: A key is missing.
            TypeError: A value has the wrong type.
            ValueError: A value is out of range.
        """
        bare = decode_snapshot({**json, **dict.fromkeys(self._caches, ())})
        lists: dict[str, Any] = {
            name: cache.decode_list(json[name], bare.zone) for name, cache in self._caches.items()
        }
        return replace(bare, **lists)


class _ViewCache(Generic[View]):
    """The views of one list, with the JSON that each was decoded from."""

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
            entry = self._cache.get(key)
            if entry is None or entry[0] != json:
                entry = json, self._codec.decode(json, tz)
            current[key if key not in current else index] = entry
        self._cache = current
        return tuple(view for _, view in current.values())
