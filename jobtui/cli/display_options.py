"""The user's choices about the dashboard, from the command line and the environment."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from jobtui.frontend.backend import Backend
from jobtui.frontend.look import LookFile, look_path
from jobtui.process.stdio import write_line
from jobtui.tui.display import Display

_FRAME = (120, 32)  # the columns and rows of a frame without a terminal


def print_frame(*backends: Backend, options: argparse.Namespace) -> int:
    """Print one frame of a dashboard: its first tab, if there are several. Return the exit status."""
    from jobtui.tui.frame import render_frame  # noqa: PLC0415 - lazy: imports textual

    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    terminal = shutil.get_terminal_size(_FRAME) if on_terminal else _FRAME
    size = options.snapshot if any(options.snapshot) else (terminal[0], terminal[1])
    colour = options.color or (on_terminal and "NO_COLOR" not in os.environ)
    write_line(sys.stdout, render_frame(backends, size, colour=colour, display=display_of(options)))
    return 0


def display_of(options: argparse.Namespace) -> Display:
    """Return the choices in the options of a command that shows a dashboard."""
    path = look_path(os.environ)
    return Display(
        ascii=options.ascii,
        encoding=getattr(sys.__stdout__, "encoding", None),
        look=None if path is None else LookFile(path),
    )
