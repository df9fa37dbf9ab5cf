"""Something that listens in the place of the server, for those who start one."""

from __future__ import annotations

from jobtui.engine.enums import Phase
from jobtui.frontend.backend import LocalBackend


class Listening:
    """Something that listens, and remembers when it began and ended."""

    address = "unix:/run/x"

    def __init__(self, source: LocalBackend) -> None:
        self.source = source
        self.phases: list[Phase] = []

    def __enter__(self) -> None:
        """It begins."""
        self.phases.append(self.source.snapshot().phase)

    def __exit__(self, *_exception: object) -> None:
        """It ends."""
        self.phases.append(self.source.snapshot().phase)
