"""The scheduler of the project."""

from collections.abc import Iterator

from django.conf import settings
from django.db import close_old_connections

import jobtui

scheduler = jobtui.Scheduler(store=settings.JOBS_STORE, tz=settings.TIME_ZONE)


@scheduler.around
def close_connections(_run: jobtui.CurrentRun) -> Iterator[None]:
    """Do what Django does around a request: close connections that are broken or too old."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()
