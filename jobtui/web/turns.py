"""Work for many at once, in pieces."""

from __future__ import annotations

import types
from collections.abc import Generator


@types.coroutine
def let_turn() -> Generator[None]:
    """Let the loop turn once: others have their turn, and for a moment Python's lock is let go."""
    yield
