"""Metrics in Prometheus' text format, and whether the scheduler is alive."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from jobtui.core.events import Event
from jobtui.core.scheduler import Scheduler


class Metrics:
    """Counts what happens.

    Args:
        scheduler: Where it happens.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def observe(self, event: Event) -> None:
        """Something has happened."""

    def routes(self) -> Iterable[web.RouteDef]:
        """Where they are read."""
        return []
