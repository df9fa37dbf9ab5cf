"""Listen from the start of a scheduler on: it may start long after the process, if it stands by before."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from jobtui.engine.tracebacks import logger
from jobtui.frontend.backend import Listener
from jobtui.runtime.scheduler import Scheduler


def listen_after_start(scheduler: Scheduler, listen: Callable[[], Listener], cleanup: ExitStack) -> None:
    """Listen when the scheduler starts. A failure is logged, and does not stop the start.

    Args:
        scheduler: The scheduler.
        listen: Binds the socket.
        cleanup: Closes the listener.
    """

    def listen_now() -> None:
        try:
            cleanup.enter_context(listen())
        except OSError as error:
            logger.warning("no process can attach: %s", error)

    scheduler.on_app_start(listen_now)
