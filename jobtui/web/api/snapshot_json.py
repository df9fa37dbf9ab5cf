"""Snapshots as JSON text, encoded incrementally for clients that ask ten times a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from jobtui.engine.views import Snapshot
from jobtui.frontend.json_codec import JOB, RUN, RUN_LISTS, SNAPSHOT, Codec
from jobtui.web.api.job_changes import MAX_REMOVED, JobChanges
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


class SnapshotText(NamedTuple):
    """A snapshot as JSON, with what a client needs to merge its jobs with those that it has.

    Attributes:
        text: The JSON.
        version: The version of the jobs: see `JobChanges`.
        since: The version since which the text has only the jobs that have changed; None if it has all.
        removed: The names of the jobs that were removed since then.
    """

    text: str
    version: int
    since: int | None
    removed: Sequence[str]


class SnapshotEncoder:
    """Encodes snapshots, and of each only what has changed since the previous one.

    Args:
        most_removed: How many removed jobs are remembered.
    """

    def __init__(self, most_removed: int = MAX_REMOVED) -> None:
        self._jobs, self._runs = JsonCache(JOB), JsonCache(RUN)
        self._changed_jobs = JsonCache(JOB)  # of clients that follow the scheduler
        self._changes = JobChanges(most_removed)

    def encode_jobs(self, snapshot: Snapshot) -> str:
        """Encode the list of jobs."""
        return self._jobs.encode_lists(snapshot.jobs)[0]

    def encode_snapshot(self, snapshot: Snapshot) -> str:
        """Encode the whole snapshot."""
        return self._encode(snapshot, self.encode_jobs(snapshot))

    def encode_changes(self, snapshot: Snapshot, since: int | None) -> SnapshotText:
        """Encode a snapshot with the jobs that have changed since a version; with all if it is unknown."""
        self._changes.update(snapshot.jobs)
        changes = None if since is None else self._changes.since(since)
        version = self._changes.version
        if changes is None:
            return SnapshotText(self.encode_snapshot(snapshot), version, None, ())
        jobs = self._changed_jobs.encode_lists(changes.jobs)[0]
        return SnapshotText(self._encode(snapshot, jobs), version, since, changes.removed)

    def _encode(self, snapshot: Snapshot, jobs: str) -> str:
        runs = self._runs.encode_lists(*(getattr(snapshot, name) for name in RUN_LISTS))
        lists = {"jobs": jobs, **dict(zip(RUN_LISTS, runs, strict=True))}
        members = [
            f'"{name}":{lists[name] if name in lists else to_json(field.encode(getattr(snapshot, name)))}'
            for name, field in SNAPSHOT.fields.items()
        ]
        return f"{{{','.join(members)}}}"
