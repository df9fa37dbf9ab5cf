"""Snapshots as JSON text, encoded incrementally for clients that ask ten times a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.json_codec import JOB, RUN, SNAPSHOT, Codec
from jobtui.web.responses import to_json

View = TypeVar("View")


class JsonCache(Generic[View]):
    """Caches the JSON text of the views that were encoded last.

    A job or run that has not changed is the same view object in the next snapshot.

    Args:
        codec: Encodes a view.
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
                key = id(view)
                current[key] = (
                    previous.get(key) or current.get(key) or (view, to_json(self._codec.encode(view)))
                )
            texts.append(f"[{','.join([current[id(view)][1] for view in views])}]")
        self._cache = current
        return texts


class SnapshotEncoder:
    """Encodes snapshots, and of each only what has changed since the previous one."""

    def __init__(self) -> None:
        self._jobs: JsonCache[JobView] = JsonCache(JOB)
        self._runs: JsonCache[RunView] = JsonCache(RUN)

    def encode_jobs(self, snapshot: Snapshot) -> str:
        """Encode the list of jobs."""
        return self._jobs.encode_lists(snapshot.jobs)[0]

    def encode_snapshot(self, snapshot: Snapshot) -> str:
        """Encode the whole snapshot."""
        running, waiting, scheduled, recent = self._runs.encode_lists(
            snapshot.running, snapshot.waiting, snapshot.scheduled, snapshot.recent
        )
        lists = {
            "jobs": self.encode_jobs(snapshot),
            "running": running,
            "waiting": waiting,
            "scheduled": scheduled,
            "recent": recent,
        }
        members = [
            f'"{name}":{lists[name] if name in lists else to_json(field.encode(getattr(snapshot, name)))}'
            for name, field in SNAPSHOT.fields.items()
        ]
        return f"{{{','.join(members)}}}"
