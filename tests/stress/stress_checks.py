"""What the handles, the work of the jobs and other readers say, compared with what the events told."""

from __future__ import annotations

from collections import defaultdict

from stress_evidence import NEED_ALL_EVENTS, Accepted, Check, Evidence, Execution, Faults
from stress_replay import Replay

from jobtui import Cancellation, RunCancelledError, RunState
from jobtui.engine.enums import Overlap

Done = dict[int, list[Execution]]  # the work of each run, by the run's number

ENDED_BY_ITSELF = (RunState.OK, RunState.FAILED)

# Without these a run of the test proves nothing: each must have happened at least once.
MUST_HAPPEN = (
    *(f"a run with overlap={overlap.value}" for overlap in Overlap),
    *("JobAdded", "JobRemoved", "JobPaused", "JobResumed", "PoolResized", "RunScheduled", "RunHeld"),
    *("StopRequested", "OK after RUNNING", "FAILED after RUNNING", "CANCELLED after RUNNING"),
    *("CANCELLED after QUEUED", "CANCELLED after HELD", "CANCELLED after SCHEDULED", "SKIPPED after nothing"),
    *("a tick SKIPPED", "a tick MISSED", "a tick COALESCED"),
    *("a pool without limit", "a pool shrunk below what is RUNNING"),
)


def check_all(evidence: Evidence, faults: Faults) -> Replay:
    """Make every check that is made of what was written down.

    Args:
        evidence: What was written down.
        faults: Where to note who broke a rule.

    Returns:
        What the events told.
    """
    replay = Replay(evidence, faults)
    if evidence.lost:
        faults.add(Check.READER, f"{evidence.lost} events were lost: it read too slowly for this load")
        for check in NEED_ALL_EVENTS:
            faults.add(check, f"not checked: that needs all events, and {evidence.lost} were lost")
        return replay
    replay.play()
    for run in replay.runs.values():
        if run.endings != 1:
            faults.add(Check.ENDINGS, f"{run} has {run.endings} endings; it is {run.step and run.step.value}")
    for what in MUST_HAPPEN:
        if not replay.seen[what]:
            faults.add(Check.COVERAGE, f"never happened: {what}")
    done: Done = defaultdict(list)
    for execution in evidence.executions:
        done[execution.number].append(execution)
    _check_handles(evidence, replay, faults)
    _check_cancels(evidence, replay, done, faults)
    _check_work(evidence, replay, done, faults)
    _check_overlaps(evidence, replay, faults)
    for accepted in evidence.accepted:
        _check_result(accepted, done, faults)
    _check_readings(evidence, faults)
    return replay


def _check_handles(evidence: Evidence, replay: Replay, faults: Faults) -> None:
    numbers: dict[int, Accepted] = {}
    for accepted in evidence.accepted:
        handle, run = accepted.run, replay.runs.get(accepted.run.number)
        if numbers.setdefault(handle.number, accepted) is not accepted:
            faults.add(Check.HANDLES, f"{handle}: two calls were given this number")
        if run is None or run.final is None:
            faults.add(Check.ENDINGS, f"{handle} was accepted, and no event tells its ending")
            continue
        said = handle.state, handle.reason, handle.job, handle.wait(0)
        if said != (run.final.state, run.final.reason, run.final.job, True):
            faults.add(Check.HANDLES, f"{handle} says {said}, the event {run.final}")


def _check_cancels(evidence: Evidence, replay: Replay, done: Done, faults: Faults) -> None:
    answers = {answer for _, answer in evidence.cancelled}
    for answer in Cancellation:
        if answer and answer not in answers:
            faults.add(Check.COVERAGE, f"never happened: a run {answer.value}")
    for handle, answer in evidence.cancelled:
        run = replay.runs.get(handle.number)
        if run is None:
            continue  # which is a fault of its ending
        if answer is Cancellation.TAKEN_OUT:
            right = run.started_seq is None and run.step is RunState.CANCELLED
        else:
            right = run.started_seq is not None and run.asked
        if not right:
            started = "never" if run.started_seq is None else f"by event {run.started_seq}"
            faults.add(Check.CANCELS, f"{handle} was {answer.value}; started {started}: {handle.reason}")
    for run in replay.runs.values():
        # The stop gives up all that it gives up at one time, and says in the same breath that it is over.
        if run.started_seq is None or run.at == replay.stopped_at:
            continue
        obeyed = run.asked and any(execution.obeyed for execution in done[run.number])
        if (run.step is RunState.CANCELLED) is not obeyed:
            said = f"asked: {run.asked}, obeyed: {obeyed}, {run.final and run.final.reason}"
            faults.add(Check.CANCELS, f"{run} is {run.step and run.step.value}; {said}")


def _check_work(evidence: Evidence, replay: Replay, done: Done, faults: Faults) -> None:
    numbers = {accepted.token: accepted.run.number for accepted in evidence.accepted}
    for execution in evidence.executions:
        run = replay.runs.get(execution.number)
        if execution.token in evidence.refused:
            faults.add(Check.WORK, f"{execution} was done, and the call was refused")
        elif execution.token is not None and numbers[execution.token] != execution.number:
            faults.add(Check.WORK, f"{execution} was done, and the call gave run {numbers[execution.token]}")
        elif run is None or run.started_seq is None:
            faults.add(Check.WORK, f"{execution} was done, and the run has not started")
        elif (run.job.name, run.job.generation) != (execution.job, execution.generation):
            faults.add(Check.WORK, f"{execution} was done as {run}")
        elif execution.token is None and execution.thread != f"jobtui-{run.worker}":
            faults.add(Check.WORK, f"{execution} was done, by {run.worker} as the event says")
    for run in replay.runs.values():
        works, ended = done[run.number], run.step in ENDED_BY_ITSELF
        if len(works) > 1 or (ended and not works):
            faults.add(
                Check.WORK, f"{run}, which is {run.step and run.step.value}, was done {len(works)} times"
            )
        elif ended and not works[0].left:
            faults.add(Check.WORK, f"{run} is {run.step and run.step.value}, and its work goes on")


def _check_overlaps(evidence: Evidence, replay: Replay, faults: Faults) -> None:
    """Compare what the work of each job saw of its job's other runs with the policy.

    The thread of a run that the stop gave up goes on. It is no excuse: nothing starts after that.
    """
    for execution in evidence.executions:
        run = replay.runs.get(execution.number)
        if run is not None and run.job.overlap is not Overlap.ALLOW:
            for other in execution.met:
                faults.add(Check.OVERLAP_SEEN, f"{execution} ({run.job.overlap.value}) met {other}")


def _check_result(accepted: Accepted, done: Done, faults: Faults) -> None:
    handle, state = accepted.run, accepted.run.state
    works = done[handle.number]
    raised: BaseException | None = None
    value: object = None
    try:
        value = handle.result(0)
    except BaseException as error:  # noqa: BLE001 - the work of runs raises SystemExit and KeyboardInterrupt too
        raised = error
    if state is RunState.OK:
        right = raised is None and works == [value]
    elif state is RunState.FAILED:
        right = raised is not None and [work.raised for work in works] == [raised]
    else:
        right = isinstance(raised, RunCancelledError)
    if not right:
        shown = type(raised).__name__ if raised is not None else value  # its __str__ may raise
        faults.add(Check.RESULTS, f"{handle}: {shown}, of {', '.join(map(str, works)) or 'no work'}")


def _check_readings(evidence: Evidence, faults: Faults) -> None:
    if not evidence.readings:
        faults.add(Check.READERS, "there was none")
    told = {event.seq: event for event in evidence.events}
    for reading in evidence.readings:
        for fault in reading.faults:
            faults.add(Check.READERS, fault)
        for event in reading.sample:
            if told.get(event.seq) != event:
                faults.add(Check.READERS, f"one was told {event}, the other {told.get(event.seq)}")
