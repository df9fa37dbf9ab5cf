"""A stand-in for the server, for tests of the code that starts one."""

from __future__ import annotations

from jobtui.engine.enums import Phase
from jobtui.frontend.backend import LocalBackend


class FakeServer:
    """A server that listens on nothing, and records the phase at its start and end."""

    address = "unix:/run/x"

    def __init__(self, backend: LocalBackend) -> None:
        self.backend = backend
        self.phases: list[Phase] = []

    def __enter__(self) -> None:
        """Record the phase at the start."""
        self.phases.append(self.backend.snapshot().phase)

    def __exit__(self, *_exception: object) -> None:
        """Record the phase at the end."""
        self.phases.append(self.backend.snapshot().phase)
