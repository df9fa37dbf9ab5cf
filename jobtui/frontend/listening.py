"""Let other processes see a scheduler, and its store record the output of its runs."""

from __future__ import annotations

from contextlib import ExitStack

from jobtui.engine.tracebacks import logger
from jobtui.frontend.backend import Serve
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.scheduler import Scheduler


def publish(
    scheduler: Scheduler,
    title: str,
    output_log: OutputLog,
    cleanup: ExitStack,
    *,
    serve: Serve | None,
    serve_locally: Serve | None,
) -> LocalBackend:
    """Start the listeners of a scheduler, and record the output of its runs in its store.

    Args:
        scheduler: A scheduler that has not been started.
        title: The origin of its jobs.
        output_log: Receives what its jobs print.
        cleanup: Closes the listeners.
        serve: Starts the status page at once. Its exceptions are passed on.
        serve_locally: Lets other processes of this user ask and attach, from the start of the scheduler on,
            which comes late if the scheduler stands by. A failure is logged.

    Returns:
        The scheduler as a front end sees it, with the address of the status page.
    """
    output_log.redact = scheduler.redaction.redact
    backend = LocalBackend(scheduler, title, output_log)
    if serve is not None:
        listener = serve(backend)
        cleanup.enter_context(listener)
        backend.address = str(listener.address)
    if serve_locally is not None:

        def listen_locally() -> None:
            try:
                cleanup.enter_context(serve_locally(backend))
            except OSError as error:
                logger.warning("no other process can ask this scheduler: %s", error)

        scheduler.on_app_start(listen_locally)
    if scheduler.recording is not None:
        scheduler.recording.follow_output(output_log)
    return backend
