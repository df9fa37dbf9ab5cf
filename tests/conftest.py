"""Nothing in the environment of whoever runs the tests may change what they see; and what many ask for."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.real_threads import Make

# Textual and rich read these: colours, sizes, themes, animations, drivers. The snapshot plugin keeps the
# folder of its report in a variable of its own, which stays.
_PREFIXES = ("TEXTUAL", "TERMINAL_", "JUPYTER_")
_NAMES = (
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "LINES",
    "COLORTERM",
    "ESCDELAY",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
)
_KEPT = ("TEXTUAL_SNAPSHOT_",)


def _clean_environment() -> None:
    found = [
        name
        for name in os.environ
        if name in _NAMES or (name.startswith(_PREFIXES) and not name.startswith(_KEPT))
    ]
    if "TEXTUAL_DIM_FACTOR" in found and "textual.filter" in sys.modules:
        raise pytest.UsageError("unset TEXTUAL_DIM_FACTOR: Textual has read it already, for good")
    for name in found:
        del os.environ[name]
    # The snapshot plugin imports Textual before any conftest is read, and Textual keeps what it read then.
    constants = sys.modules.get("textual.constants")
    if found and constants is not None:
        importlib.reload(constants)


def _hear_interrupts() -> None:
    # A shell starts what runs in the background with SIGINT ignored, and every process of a test would
    # inherit that: those that a test interrupts would never end.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_clean_environment()
_hear_interrupts()


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes schedulers in UTC; when the test is over, stops them and sees that their threads end."""
    from support.real_threads import schedulers  # noqa: PLC0415 - it lies in the folder of those who ask for this

    with schedulers() as make:
        yield make
