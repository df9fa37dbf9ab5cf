"""The registered jobs by their names and by their code."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import islice

from jobtui.engine.records import JobRecord

MAX_ONE_OFF_JOBS = 1_000  # jobs of one-off runs; beyond it, a new one displaces an old one without live runs
ONE_OFF_JOBS_SEARCHED = 100  # of the oldest, for one without live runs


class JobRegister:
    """Finds jobs, and gives each its own name. Used with the state lock held.

    Attributes:
        jobs: Every job by its name, in the order of registration.
        one_off_jobs: The jobs of one-off runs by the name of their runnables. It may be read without the
            state lock.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, JobRecord] = {}
        self.one_off_jobs: dict[str, JobRecord] = {}
        self._jobs_of_code: dict[Hashable, JobRecord] = {}  # by `JobRecord.registration_key`
        self._name_numbers: dict[str, int] = {}  # for each name, the next number to try

    def earlier_job(self, job: JobRecord, *, replace: bool) -> tuple[JobRecord | None, str]:
        """Return the job that a new one replaces, and a notice of that for the user; None for none.

        Args:
            job: The new job.
            replace: Whether it replaces the job that has its name.

        Raises:
            ValueError: Another job has the name that the user gave.
        """
        earlier = self.jobs.get(job.name)
        if earlier is not None and earlier.schedule is not None:
            if replace:
                return earlier, ""
            if job.is_named and earlier.registration_key != job.registration_key:
                raise ValueError(
                    f"there is a job {job.name!r} already, registered at {earlier.place or 'another place'}; "
                    f"the one at {job.place or 'this place'} needs another name, or replace=True"
                )
        earlier = None if job.code_key is None else self._jobs_of_code.get(job.registration_key)
        if earlier is None:
            return None, ""
        notice = f"{earlier.name}: the same job is registered again"
        if earlier.place != job.place:
            notice += f", at {job.place} after {earlier.place}"
        return earlier, f"{notice}; it replaces the first one"

    def group_named_as(self, job: JobRecord) -> JobRecord | None:
        """Return the job of one-off runs whose name a job with a schedule gets; None if there is none."""
        group = self.jobs.get(job.name)
        is_group = group is not None and group.schedule is None and job.schedule is not None
        return group if is_group else None

    def add(self, job: JobRecord) -> None:
        """Add a job, with the next free number (``name-2``) if its name is taken."""
        job.name = self._free_name(job.name)
        self.jobs[job.name] = job

    def replace_group(self, group: JobRecord, job: JobRecord) -> None:
        """Add a job in the place of a job of one-off runs, which gets another name and comes last."""
        del self.jobs[group.name]
        self.jobs[job.name] = job
        group.name = self._free_name(job.name)
        self.jobs[group.name] = group

    def note_code(self, job: JobRecord) -> None:
        """Let a later registration of the same code with the same schedule find the job."""
        self._jobs_of_code[job.registration_key] = job

    def forget_code(self, job: JobRecord) -> None:
        """Undo `note_code`, before the job's code or schedule changes."""
        if self._jobs_of_code.get(job.registration_key) is job:
            del self._jobs_of_code[job.registration_key]

    def remove(self, job: JobRecord) -> None:
        """Remove a job."""
        if self.one_off_jobs.get(job.runnable.name) is job:
            del self.one_off_jobs[job.runnable.name]
        job.removed = True
        self.forget_code(job)
        del self.jobs[job.name]

    def superfluous_one_off_job(self) -> JobRecord | None:
        """Return one of the oldest jobs of one-off runs without live runs if there are `MAX_ONE_OFF_JOBS`."""
        if len(self.one_off_jobs) < MAX_ONE_OFF_JOBS:
            return None
        oldest = islice(self.one_off_jobs.values(), ONE_OFF_JOBS_SEARCHED)
        return next((job for job in oldest if not job.busy and not job.scheduled), None)

    def _free_name(self, name: str) -> str:
        if name not in self.jobs:
            return name
        number = self._name_numbers.get(name, 2)
        while f"{name}-{number}" in self.jobs:
            number += 1
        self._name_numbers[name] = number + 1  # not from 2 each time: many jobs may share a function
        return f"{name}-{number}"
