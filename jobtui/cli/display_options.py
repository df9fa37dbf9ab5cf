"""The user's choices about the dashboard, from the command line and the environment."""

from __future__ import annotations

import argparse
import sys

from jobtui.tui.display import Display


def display_of(options: argparse.Namespace) -> Display:
    """Return the choices in the options of a command that shows a dashboard."""
    return Display(ascii=options.ascii, encoding=getattr(sys.__stdout__, "encoding", None))
