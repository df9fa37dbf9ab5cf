"""The user's choices about the dashboard, from the command line and the environment."""

from __future__ import annotations

import argparse
import os
import sys

from jobtui.frontend.look import LookFile, look_path
from jobtui.tui.display import Display


def display_of(options: argparse.Namespace) -> Display:
    """Return the choices in the options of a command that shows a dashboard."""
    path = look_path(os.environ)
    return Display(
        ascii=options.ascii,
        encoding=getattr(sys.__stdout__, "encoding", None),
        look=None if path is None else LookFile(path),
    )
