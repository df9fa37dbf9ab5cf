"""Snapshots of an attached dashboard: the jobs that the server sends merge with those that the client has."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support import snapshots

from jobtui.engine.views import JobView, Snapshot
from jobtui.frontend.json_codec import SNAPSHOT
from jobtui.remote.snapshot_decoder import SnapshotDecoder
from jobtui.web.api.snapshot_json import SnapshotEncoder

BASE = replace(snapshots.empty(), jobs=())
NAMES = st.sampled_from("abcdefg")
MOST_REMOVED = 2  # names of removed jobs that the server remembers


def job(name: str, runs: int = 0) -> JobView:
    """Return a job that has run so often."""
    return snapshots.make_job(name, runs=runs)


class Server:
    """Answers requests for snapshots as the API does, in one lifetime of the scheduler."""

    def __init__(self, life: int) -> None:
        self._life = life
        self._encoder = SnapshotEncoder(MOST_REMOVED)
        self.sent: list[str] = []  # the names of the jobs in the latest answer

    def answer(self, snapshot: Snapshot, jobs_since: str) -> dict[str, Any]:
        """Return the answer to a client that has the jobs of a version."""
        life, _, version = jobs_since.partition("-")
        known = int(version) if life == str(self._life) else None
        encoded = self._encoder.encode_changes(snapshot, known)
        answer = json.loads(encoded.text)
        self.sent = [each["name"] for each in answer["jobs"]]
        return {
            "jobs_version": f"{self._life}-{encoded.version}",
            "jobs_since": None if encoded.since is None else f"{self._life}-{encoded.since}",
            "jobs_removed": list(encoded.removed),
            "snapshot": answer,
        }


class FollowedScheduler(RuleBasedStateMachine):
    """Two clients follow a scheduler that changes, restarts and whose answers are lost."""

    def __init__(self) -> None:
        super().__init__()
        self.life = 0
        self.server = Server(self.life)
        self.jobs: list[JobView] = []
        self.clients = [SnapshotDecoder(), SnapshotDecoder()]

    @initialize(names=st.lists(NAMES, unique=True, max_size=5))
    def begin(self, names: list[str]) -> None:
        """Begin with some jobs."""
        self.jobs = [job(name) for name in names]

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot of the scheduler. Its tuple of jobs is the same as long as no job changes."""
        return replace(BASE, jobs=tuple(self.jobs))

    @rule(names=st.sets(NAMES))
    def change(self, names: set[str]) -> None:
        """Some jobs have run once more."""
        self.jobs = [replace(each, runs=each.runs + 1) if each.name in names else each for each in self.jobs]

    @rule(name=NAMES)
    def add_or_remove(self, name: str) -> None:
        """A job is removed, or added at the end."""
        without = [each for each in self.jobs if each.name != name]
        self.jobs = without if len(without) < len(self.jobs) else [*without, job(name)]

    @rule(names=st.sets(NAMES))
    def remove_several(self, names: set[str]) -> None:
        """More jobs are removed than the server remembers."""
        self.jobs = [each for each in self.jobs if each.name not in names]

    @rule(name=NAMES)
    def register_again(self, name: str) -> None:
        """A job is removed and added again between two requests."""
        self.jobs = [*(each for each in self.jobs if each.name != name), job(name, 9)]

    @rule(old=NAMES, new=NAMES)
    def rename(self, old: str, new: str) -> None:
        """A job gets another name, and keeps its place."""
        if all(each.name != new for each in self.jobs):
            self.jobs = [replace(each, name=new) if each.name == old else each for each in self.jobs]

    @rule()
    def restart(self) -> None:
        """The scheduler is restarted with the same jobs."""
        self.life += 1
        self.server = Server(self.life)

    @rule(which=st.integers(0, 1))
    def lose_an_answer(self, which: int) -> None:
        """The server answers, but the connection is lost."""
        self.server.answer(self.snapshot, self.clients[which].jobs_version)

    @rule(which=st.integers(0, 1))
    def receive_a_damaged_answer(self, which: int) -> None:
        """A proxy has changed the answer."""
        answer = self.server.answer(self.snapshot, self.clients[which].jobs_version)
        with pytest.raises(KeyError):
            self.clients[which].decode({**answer, "jobs_removed": (), "snapshot": {"zone": "UTC"}})

    @rule(which=st.integers(0, 1))
    def poll(self, which: int) -> None:
        """A client has the jobs of the scheduler, and the same objects as long as nothing changes."""
        client = self.clients[which]
        before = client.decode(self.server.answer(self.snapshot, client.jobs_version))
        assert SNAPSHOT.encode(before) == SNAPSHOT.encode(self.snapshot)
        after = client.decode(self.server.answer(self.snapshot, client.jobs_version))
        assert after.jobs is before.jobs
        assert self.server.sent == []

    @invariant()
    def names_are_unique(self) -> None:
        """The model itself is right."""
        assert len({each.name for each in self.jobs}) == len(self.jobs)


TestFollowedScheduler = FollowedScheduler.TestCase


def test_an_answer_has_only_the_jobs_that_have_changed() -> None:
    server, client = Server(0), SnapshotDecoder()
    first = replace(BASE, jobs=tuple(job(name) for name in "abc"))
    known = client.decode(server.answer(first, client.jobs_version)).jobs
    second = replace(first, jobs=(*first.jobs[:1], job("b", 1), first.jobs[2], job("d")))
    merged = client.decode(server.answer(second, client.jobs_version)).jobs
    assert server.sent == ["b", "d"]
    assert [each.name for each in merged] == ["a", "b", "c", "d"]
    assert (merged[0], merged[2]) == (known[0], known[2])
    assert merged[0] is known[0]


def test_after_changes_since_another_version_the_client_asks_for_all_jobs() -> None:
    server, client = Server(0), SnapshotDecoder()
    snapshot = replace(BASE, jobs=(job("a"),))
    client.decode(server.answer(snapshot, client.jobs_version))
    answer = server.answer(snapshot, client.jobs_version)
    with pytest.raises(ValueError, match="changes of the jobs since 0-99, not 0-1"):
        client.decode({**answer, "jobs_since": "0-99"})
    assert client.jobs_version == ""
    client.decode(server.answer(snapshot, client.jobs_version))
    assert server.sent == ["a"]


def test_all_times_are_converted_again_if_the_zone_changes() -> None:
    """A zone that this machine does not know has the offset of the moment, which a transition changes."""
    server, client = Server(0), SnapshotDecoder()
    snapshot = replace(BASE, jobs=(replace(job("a"), prev=snapshots.NOW),))
    client.decode(server.answer(snapshot, client.jobs_version))
    answer = server.answer(snapshot, client.jobs_version)
    answer["snapshot"] |= {"zone": "Mars/Olympus", "at": "2026-03-16T12:24:07+02:00"}
    (merged,) = client.decode(answer).jobs
    assert merged.prev == snapshots.NOW
    assert merged.prev is not None
    assert merged.prev.utcoffset() == timedelta(hours=2)
    assert server.sent == []
