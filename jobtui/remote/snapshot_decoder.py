"""Snapshots decoded from JSON incrementally: a job or run that has not changed stays the same object.

The dashboard compares views with `is`, so it repaints only what has changed, also in another process. The
server sends only the jobs that have changed since the previous response; they are merged here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from jobtui.engine.views import JobView, RunView, Snapshot
from jobtui.frontend.json_codec import JOB, RUN, RUN_LISTS, Json, decode_snapshot


class SnapshotDecoder:
    """Decodes the successive snapshots of one scheduler.

    Attributes:
        jobs_version: The version of the jobs that were merged last, for the next request; "" for none.
    """

    def __init__(self) -> None:
        self.jobs_version = ""
        self._runs = {name: _RunCache() for name in RUN_LISTS}
        self._jobs: dict[str, JobView] = {}  # in the order of registration
        self._zone: tzinfo | None = None  # of the times in them
        self._all_jobs: tuple[JobView, ...] = ()

    def decode(self, response: Mapping[str, Any]) -> Snapshot:
        """Decode a response with a snapshot, and merge its jobs with those of the latest one.

        After an error, the next response has to have all jobs.

        Raises:
            KeyError: A key is missing.
            TypeError: A value has the wrong type.
            ValueError: A value is out of range, or the jobs are the changes since another version.
        """
        known, self.jobs_version = self.jobs_version, ""
        json = response["snapshot"]
        bare = decode_snapshot({**json, **dict.fromkeys(("jobs", *RUN_LISTS), ())})
        runs: dict[str, Any] = {
            name: cache.decode_list(json[name], bare.zone) for name, cache in self._runs.items()
        }
        since, removed = response["jobs_since"], response["jobs_removed"]
        if since not in (None, known):
            raise ValueError(f"changes of the jobs since {since}, not {known}")
        self._merge(json["jobs"], bare.zone, is_complete=since is None, removed=removed)
        self.jobs_version = str(response["jobs_version"])
        return replace(bare, jobs=self._all_jobs, **runs)

    def _merge(self, items: Sequence[Json], tz: tzinfo, *, is_complete: bool, removed: Sequence[str]) -> None:
        known = self._jobs
        if tz != self._zone:  # every time has to be converted again
            self._zone = tz
            known = {} if is_complete else {job.name: _with_zone(job, tz) for job in known.values()}
        elif not (is_complete or items or removed):
            return
        jobs = {} if is_complete else dict(known)
        for name in removed:
            jobs.pop(name, None)
        for json in items:
            job = JOB.decode(json, tz)
            same = known.get(job.name)
            jobs[job.name] = job if same is None or same != job else same
        self._jobs, self._all_jobs = jobs, tuple(jobs.values())


def _with_zone(job: JobView, tz: tzinfo) -> JobView:
    return JOB.decode(JOB.encode(job), tz)


class _RunCache:
    """The views of one list of runs, with the JSON that each was decoded from."""

    def __init__(self) -> None:
        self._zone: tzinfo | None = None
        self._cache: dict[object, tuple[Json, RunView]] = {}

    def decode_list(self, items: Sequence[Json], tz: tzinfo) -> tuple[RunView, ...]:
        if tz != self._zone:  # every time has to be converted again
            self._zone, self._cache = tz, {}
        current: dict[object, tuple[Json, RunView]] = {}
        for index, json in enumerate(items):
            # A run is identified by its number, ticks without a run by their instant.
            key = json["number"], json["job"], json["created"]
            entry = self._cache.get(key)
            if entry is None or entry[0] != json:
                entry = json, RUN.decode(json, tz)
            current[key if key not in current else index] = entry
        self._cache = current
        return tuple([view for _, view in current.values()])
