"""Snapshots as JSON text, encoded incrementally for clients that ask ten times a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from jobtui.engine.views import Snapshot
from jobtui.frontend.json_codec import JOB, RUN, RUN_LISTS, SNAPSHOT, Codec
from jobtui.web.responses import to_json

View = TypeVar("View")


class JsonCache(Generic[View]):
    """Caches the JSON text of the views that were encoded last.

    A job or run that has not changed is the same view object in the next snapshot.
    """

    def __init__(self, codec: Codec[View]) -> None:
        self._codec = codec
        # Keyed by the view's id, which stays unique because the entry keeps the view alive.
        self._cache: dict[int, tuple[View, str]] = {}

    def encode_lists(self, *lists: Sequence[View]) -> list[str]:
        """Encode each list as JSON. Afterwards the cache has the views of these lists only."""
        previous = self._cache
        current: dict[int, tuple[View, str]] = {}
        texts = []
        for views in lists:
            for view in views:
                entry = previous.get(id(view)) or current.get(id(view))
                current[id(view)] = entry or (view, to_json(self._codec.encode(view)))
            texts.append(f"[{','.join([current[id(view)][1] for view in views])}]")
        self._cache = current
        return texts


class SnapshotEncoder:
    """Encodes snapshots, and of each only what has changed since the previous one."""

    def __init__(self) -> None:
        self._jobs, self._runs = JsonCache(JOB), JsonCache(RUN)

    def encode_jobs(self, snapshot: Snapshot) -> str:
        """Encode the list of jobs."""
        return self._jobs.encode_lists(snapshot.jobs)[0]

    def encode_snapshot(self, snapshot: Snapshot) -> str:
        """Encode the whole snapshot."""
        runs = self._runs.encode_lists(*(getattr(snapshot, name) for name in RUN_LISTS))
        lists = {"jobs": self.encode_jobs(snapshot), **dict(zip(RUN_LISTS, runs, strict=True))}
        members = [
            f'"{name}":{lists[name] if name in lists else to_json(field.encode(getattr(snapshot, name)))}'
            for name, field in SNAPSHOT.fields.items()
        ]
        return f"{{{','.join(members)}}}"
