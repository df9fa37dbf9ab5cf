"""Compare the handles, the work of the jobs and short-lived subscriptions with the events."""

from __future__ import annotations

from collections import defaultdict

from stress_evidence import NEED_ALL_EVENTS, Accepted, Check, Evidence, Execution, Faults
from stress_replay import Replay

from jobtui import Cancellation, RunCancelledError, RunState
from jobtui.engine.enums import Overlap

ExecutionsByRun = dict[int, list[Execution]]

ENDED_ITSELF = (RunState.OK, RunState.FAILED)

# Each of these must have happened at least once; otherwise the test proves nothing.
MUST_HAPPEN = (
    *(f"a run with overlap={overlap.value}" for overlap in Overlap),
    *("JobAdded", "JobRemoved", "JobPaused", "JobResumed", "PoolResized", "RunScheduled", "RunHeld"),
    *("AttemptFailed", "CANCELLED after RETRYING"),
    *("StopRequested", "OK after RUNNING", "FAILED after RUNNING", "CANCELLED after RUNNING"),
    *("CANCELLED after QUEUED", "CANCELLED after HELD", "CANCELLED after SCHEDULED", "SKIPPED after nothing"),
    *("a tick SKIPPED", "a tick MISSED", "a tick COALESCED"),
    *("a pool without limit", "a pool shrunk below what is RUNNING"),
)


def check_all(evidence: Evidence, faults: Faults) -> Replay:
    """Make every check that needs only the records.

    Args:
        evidence: The records.
        faults: Receives the failures.

    Returns:
        The replayed events.
    """
    replay = Replay(evidence, faults)
    if evidence.lost:
        faults.add(
            Check.RECORDER, f"{evidence.lost} events were lost: the recorder was too slow for this load"
        )
        for check in NEED_ALL_EVENTS:
            faults.add(check, f"not checked: that needs all events, and {evidence.lost} were lost")
        return replay
    replay.play()
    for run in replay.runs.values():
        if run.endings != 1:
            faults.add(
                Check.ENDINGS, f"{run} has {run.endings} endings; it is {run.state and run.state.value}"
            )
    for occurrence in MUST_HAPPEN:
        if not replay.occurrences[occurrence]:
            faults.add(Check.COVERAGE, f"never happened: {occurrence}")
    executions: ExecutionsByRun = defaultdict(list)
    for execution in evidence.executions:
        executions[execution.number].append(execution)
    _check_handles(evidence, replay, faults)
    _check_cancels(evidence, replay, executions, faults)
    _check_work(evidence, replay, executions, faults)
    _check_overlaps(evidence, replay, faults)
    for accepted in evidence.accepted:
        _check_result(accepted, executions, faults)
    _check_readings(evidence, faults)
    return replay


def _check_handles(evidence: Evidence, replay: Replay, faults: Faults) -> None:
    numbers: dict[int, Accepted] = {}
    for accepted in evidence.accepted:
        handle, run = accepted.run, replay.runs.get(accepted.run.number)
        first = numbers.setdefault(handle.number, accepted)
        tried_at_once = run is not None and run.attempts and first.run is handle
        if first is not accepted and not tried_at_once:
            faults.add(Check.HANDLES, f"{handle}: two calls returned this number")
        if run is None or run.final is None:
            faults.add(Check.ENDINGS, f"{handle} was accepted, but no event reports its ending")
            continue
        answers = handle.state, handle.reason, handle.job, handle.wait(0)
        if answers != (run.final.state, run.final.reason, run.final.job, True):
            faults.add(Check.HANDLES, f"{handle} has {answers}, the event {run.final}")


def _check_cancels(evidence: Evidence, replay: Replay, executions: ExecutionsByRun, faults: Faults) -> None:
    answers = {answer for _, answer in evidence.cancelled}
    for answer in Cancellation:
        if answer and answer not in answers:
            faults.add(Check.COVERAGE, f"never happened: a run {answer.value}")
    for handle, answer in evidence.cancelled:
        run = replay.runs.get(handle.number)
        if run is None:
            continue  # _check_handles reports it
        if answer is Cancellation.TAKEN_OUT:
            is_right = run.started_seq is None and run.state is RunState.CANCELLED
        else:
            is_right = run.started_seq is not None and run.stop_requested
        if not is_right:
            started = "never" if run.started_seq is None else f"by event {run.started_seq}"
            faults.add(Check.CANCELS, f"{handle} was {answer.value}; started {started}: {handle.reason}")
    for run in replay.runs.values():
        # Stopping the scheduler gives up all its runs at one time, which is also the time of its end.
        if run.started_seq is None or run.at == replay.stopped_at:
            continue
        stopped = any(execution.stopped_on_request for execution in executions[run.number])
        if (run.state is RunState.CANCELLED) is not (run.stop_requested and stopped):
            faults.add(
                Check.CANCELS,
                f"{run} is {run.state and run.state.value}; stop requested: {run.stop_requested}, "
                f"honoured: {stopped}, {run.final and run.final.reason}",
            )


def _check_work(evidence: Evidence, replay: Replay, executions: ExecutionsByRun, faults: Faults) -> None:
    numbers = {accepted.token: accepted.run.number for accepted in evidence.accepted}
    for execution in evidence.executions:
        run = replay.runs.get(execution.number)
        if execution.token in evidence.refused:
            faults.add(Check.WORK, f"{execution} was done, although the call was rejected")
        elif execution.token is not None and numbers[execution.token] != execution.number:
            faults.add(
                Check.WORK, f"{execution} was done, but the call returned run {numbers[execution.token]}"
            )
        elif run is None or (run.started_seq is None and not run.attempts):
            faults.add(Check.WORK, f"{execution} was done, but the run has not started")
        elif (run.job.name, run.job.generation) != (execution.job, execution.generation):
            faults.add(Check.WORK, f"{execution} was done as {run}")
        elif run.started_seq is None or execution is not executions[execution.number][-1]:
            continue  # the worker of an earlier attempt is not known
        elif execution.token is None and execution.thread != f"jobtui-{run.worker}":
            faults.add(Check.WORK, f"{execution} was done, but the event names worker {run.worker}")
    _check_attempts(replay, executions, faults)


def _check_attempts(replay: Replay, executions: ExecutionsByRun, faults: Faults) -> None:
    """Compare how often the work of each run was done with the number of its attempts."""
    for run in replay.runs.values():
        works, ended = executions[run.number], run.state in ENDED_ITSELF
        attempts = run.attempts + (run.started_seq is not None)
        if len(works) > attempts or len(works) < run.attempts or (ended and len(works) < attempts):
            faults.add(
                Check.WORK, f"{run}, which is {run.state and run.state.value}, was done {len(works)} times"
            )
        elif ended and not works[-1].finished:
            faults.add(Check.WORK, f"{run} is {run.state and run.state.value}, but its work has not ended")


def _check_overlaps(evidence: Evidence, replay: Replay, faults: Faults) -> None:
    """Compare the overlapping executions of each job with its policy.

    The thread of a run that the stop gave up continues. That needs no exception here, because nothing starts
    after the stop.
    """
    for execution in evidence.executions:
        run = replay.runs.get(execution.number)
        if run is not None and run.job.overlap is not Overlap.ALLOW:
            for other in execution.overlapping:
                faults.add(Check.OVERLAP_BY_WORK, f"{execution} ({run.job.overlap.value}) overlapped {other}")


def _check_result(accepted: Accepted, executions: ExecutionsByRun, faults: Faults) -> None:
    handle, state = accepted.run, accepted.run.state
    works = executions[handle.number]
    raised: BaseException | None = None
    value: object = None
    try:
        value = handle.result(0)
    except BaseException as error:  # noqa: BLE001 - the work of runs raises SystemExit and KeyboardInterrupt too
        raised = error
    if state is RunState.OK:
        is_right = raised is None and works[-1:] == [value]
    elif state is RunState.FAILED:
        is_right = raised is not None and [work.raised for work in works[-1:]] == [raised]
    else:
        is_right = isinstance(raised, RunCancelledError)
    if not is_right:
        result = type(raised).__name__ if raised is not None else value  # its __str__ may raise
        faults.add(Check.RESULTS, f"{handle}: {result}, of {', '.join(map(str, works)) or 'no work'}")


def _check_readings(evidence: Evidence, faults: Faults) -> None:
    if not evidence.readings:
        faults.add(Check.READERS, "there was no such subscription")
    recorded = {event.seq: event for event in evidence.events}
    for reading in evidence.readings:
        for fault in reading.faults:
            faults.add(Check.READERS, fault)
        for event in reading.sample:
            if recorded.get(event.seq) != event:
                faults.add(Check.READERS, f"one read {event}, the recorder {recorded.get(event.seq)}")
