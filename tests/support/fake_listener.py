"""A listener without a socket, for tests of the code that starts one."""

from __future__ import annotations

from jobtui.engine.enums import Phase
from jobtui.frontend.backend import ObservableBackend


class FakeListener:
    """Records the scheduler's phase when the listener starts and when it stops.

    Attributes:
        phases: The recorded phases.
    """

    address = "unix:/run/x"

    def __init__(self, backend: ObservableBackend) -> None:
        self.backend = backend
        self.phases: list[Phase] = []

    def __enter__(self) -> None:
        """Record the start."""
        self.phases.append(self.backend.snapshot().phase)

    def __exit__(self, *_exception: object) -> None:
        """Record the stop."""
        self.phases.append(self.backend.snapshot().phase)
