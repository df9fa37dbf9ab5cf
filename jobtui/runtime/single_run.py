"""Run one job in the calling thread, without a scheduler."""

from __future__ import annotations

import os
import threading
from contextvars import copy_context

from jobtui.engine.enums import RunState, Trigger
from jobtui.engine.packed_exceptions import pack_exception
from jobtui.engine.records import RunRecord
from jobtui.engine.tracebacks import format_traceback
from jobtui.process.forked_child import end_forked_child
from jobtui.runtime.around import Arounds
from jobtui.runtime.clock import SystemClock
from jobtui.runtime.current_run import CurrentRun, run_of_context
from jobtui.runtime.executors.lazy_results import check_result, is_coroutine
from jobtui.runtime.handles import Job
from jobtui.runtime.run_attachments import RunAttachments


def run_in_foreground(job: Job, arounds: Arounds) -> None:
    """Run a job in the calling thread, a coroutine in an event loop there. `current_run` works in the job.

    The scheduler of the job notes nothing of this run. A child that the job forks ends with the job's call.

    Args:
        job: The job.
        arounds: The functions around the run.

    Raises:
        BaseException: Whatever the job raises.
    """
    record = job._record  # noqa: SLF001 - of this package
    now = SystemClock().now()
    run = RunRecord(1, record, Trigger.HAND, record.runnable.call, now, None)
    run.state, run.started, run.worker = RunState.RUNNING, now, threading.current_thread().name
    process = os.getpid()
    try:
        copy_context().run(_call, run, arounds)
    except BaseException as error:
        if os.getpid() != process:
            end_forked_child(error, format_traceback(pack_exception(error, skip=__file__)))
        raise
    if os.getpid() != process:
        end_forked_child()


def _call(run: RunRecord, arounds: Arounds) -> None:
    attachments = RunAttachments()
    run_of_context.set((run, attachments))
    with arounds.enter(CurrentRun(run, attachments)):
        value = run.job.runnable.call()
        if is_coroutine(value):
            import asyncio  # noqa: PLC0415 - lazy: most jobs are functions

            attachments.loop_thread = threading.get_ident()
            value = asyncio.run(value)
        check_result(value)
