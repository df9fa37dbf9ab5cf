"""The explanation of a tick or a run: one sentence, its evidence, and the cause in a word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Verdict(Enum):
    """Whether a tick has started a run."""

    RAN = "ran"
    DID_NOT_RUN = "did not run"
    WILL_RUN = "will run"
    WILL_NOT_RUN = "will not run"
    NOT_KNOWN = "not known"


class Cause(Enum):
    """The cause of a verdict, in a word."""

    RUN = "run"  # a run was started
    DUE = "due"  # the schedule is due, and nothing stands in the way
    SCHEDULE = "schedule"  # the schedule is not due at that instant
    CLOCK_CHANGE = "clock change"  # a transition of the zone moves, repeats or drops the time
    PAUSE = "pause"
    QUIET = "quiet time"  # nothing starts then
    TIMES = "times"  # the job has run as often as it should
    OVERLAP = "overlap"  # an earlier run of the job was live
    CANCELLED = "cancelled"  # the run was cancelled before it started
    MISFIRE = "misfire"  # the tick was noticed late, and the policy starts no run
    COALESCED = "coalesced"  # one run stands for several late ticks
    DOWNTIME = "downtime"  # no scheduler ran
    STANDBY = "standby"  # another scheduler runs the jobs
    RETENTION = "retention"  # the ledger does not go back that far
    NOT_RECORDED = "not recorded"  # the ledger has no entry, and nothing says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer to a question about one tick or one run. All times are aware.

    Attributes:
        job: The name of the job.
        at: The instant in question: that of the tick, or of the run's request; in the zone of the schedule.
        verdict: Whether a run was started.
        cause: The cause, in a word.
        sentence: The explanation.
        evidence: What it relies on, a sentence each.
        runs: The numbers of the runs that it names.
    """

    job: str
    at: datetime
    verdict: Verdict
    cause: Cause
    sentence: str
    evidence: tuple[str, ...] = ()
    runs: tuple[int, ...] = ()


# What the reasons in the ledger begin with, and what they mean. A reason may end with a text of the user.
_CAUSES = (
    (re.compile(r"paused since"), Cause.PAUSE),
    (re.compile(r"quiet until"), Cause.QUIET),
    (re.compile(r"\d+ of \d+ runs have ended"), Cause.TIMES),
    (
        re.compile(
            r"still running since|run \d+ is (still queued|tried again)|\d+ runs are held|replaced by run"
        ),
        Cause.OVERLAP,
    ),
    (re.compile(r"not running|no scheduler was running|left out by the user"), Cause.DOWNTIME),
    (re.compile(r"(more than )?\d+ ticks since"), Cause.COALESCED),
    (re.compile(r"process \d+ has claimed"), Cause.STANDBY),
    (re.compile(r"noticed at|the rest of more than"), Cause.MISFIRE),
)


def cause_of(reason: str, other: Cause) -> Cause:
    """Return the cause that a reason in the ledger names; `other` if it names none of these."""
    return next((cause for text, cause in _CAUSES if text.match(reason)), other)
