"""The limits of the store's file. `old_rows` deletes what exceeds them."""

from __future__ import annotations

from dataclasses import dataclass

KEEP_DAYS = 30
KEEP_ROWS = 1_000_000
KEEP_MIB = 512
KEEP_OUTPUT = 81_920


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The limits of the file. Rows beyond one of them are deleted, the oldest first.

    Attributes:
        days: How long endings are kept; failures are kept three times as long.
        rows: How many endings are kept; failures are kept until there are three times as many later ones.
        mib: How large the file may be, in MiB.
        output: How many bytes of each run's output are kept, a fifth of them from its beginning.
    """

    days: float = KEEP_DAYS
    rows: int = KEEP_ROWS
    mib: float = KEEP_MIB
    output: int = KEEP_OUTPUT
