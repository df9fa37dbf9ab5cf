"""A snapshot as JSON text, written for readers who ask ten times a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.codec import JOB, RUN, SNAPSHOT, Codec
from jobtui.web.responses import text_of

View = TypeVar("View")


class JsonCache(Generic[View]):
    """The texts of the views that were written last: an unchanged job or run is the same view again.

    Args:
        shape: How a view is written.
    """

    def __init__(self, shape: Codec[View]) -> None:
        self._shape = shape
        # By the view's identity, which nothing else can have while the view is kept here.
        self._known: dict[int, tuple[View, str]] = {}

    def lists(self, *lists: Sequence[View]) -> list[str]:
        """Each list as JSON. Only what is in one of them is known the next time."""
        known = self._known
        kept: dict[int, tuple[View, str]] = {}
        texts = []
        for views in lists:
            for view in views:
                name = id(view)
                kept[name] = known.get(name) or kept.get(name) or (view, text_of(self._shape.encode(view)))
            texts.append(f"[{','.join([kept[id(view)][1] for view in views])}]")
        self._known = kept
        return texts


class SnapshotEncoder:
    """Writes snapshots, and of each only what has changed since the one before."""

    def __init__(self) -> None:
        self._jobs: JsonCache[JobView] = JsonCache(JOB)
        self._runs: JsonCache[RunView] = JsonCache(RUN)

    def jobs(self, snapshot: Snapshot) -> str:
        """The jobs alone."""
        return self._jobs.lists(snapshot.jobs)[0]

    def snapshot(self, snapshot: Snapshot) -> str:
        """All of it."""
        running, waiting, scheduled, recent = self._runs.lists(
            snapshot.running, snapshot.waiting, snapshot.scheduled, snapshot.recent
        )
        written = {
            "jobs": self.jobs(snapshot),
            "running": running,
            "waiting": waiting,
            "scheduled": scheduled,
            "recent": recent,
        }
        texts = [
            f'"{name}":{written[name] if name in written else text_of(field.encode(getattr(snapshot, name)))}'
            for name, field in SNAPSHOT.fields.items()
        ]
        return f"{{{','.join(texts)}}}"
