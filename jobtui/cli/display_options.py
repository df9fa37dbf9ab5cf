"""The user's choices about the dashboard, from the command line, the environment and the user's files."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jobtui.cli.command_error import CommandError
from jobtui.frontend.backend import Backend
from jobtui.frontend.look import LookFile, look_path
from jobtui.process.stdio import is_terminal, write_line
from jobtui.settings.key_settings import KeySetting, read_key_file
from jobtui.settings.setting_errors import BadSetting
from jobtui.tui.display import Display

KEYS_FILE = "keys.toml"  # beside the file with the look
_FRAME = (120, 32)  # the columns and rows of a frame without a terminal


def print_frame(
    *backends: Backend, options: argparse.Namespace, project_keys: Sequence[KeySetting] = ()
) -> int:
    """Print one frame of a dashboard: its first tab, if there are several. Return the exit status."""
    from jobtui.tui.frame import render_frame  # noqa: PLC0415 - lazy: imports textual

    on_terminal = is_terminal(sys.stdout)
    terminal = shutil.get_terminal_size(_FRAME) if on_terminal else _FRAME
    size = options.snapshot if any(options.snapshot) else (terminal[0], terminal[1])
    colour = options.color or (on_terminal and "NO_COLOR" not in os.environ)
    display = display_of(options, project_keys)
    write_line(sys.stdout, render_frame(backends, size, colour=colour, display=display))
    return 0


def display_of(options: argparse.Namespace, project_keys: Sequence[KeySetting] = ()) -> Display:
    """Return the choices in the options of a command that shows a dashboard, and in the user's files.

    Args:
        options: The options.
        project_keys: The keys in the settings of the project. The user's own count before them.

    Raises:
        CommandError: The keys of the project or of the user are wrong.
    """
    path = look_path(os.environ)
    keys_file = None if path is None else path.with_name(KEYS_FILE)
    return Display(
        ascii=options.ascii,
        encoding=getattr(sys.__stdout__, "encoding", None),
        look=None if path is None else LookFile(path),
        keymap=read_keymap(project_keys, keys_file),
        keys_file=keys_file,
    )


def read_keymap(project_keys: Sequence[KeySetting], keys_file: Path | None) -> Mapping[str, str]:
    """Return the keys that the project and the user have set, by the ids of their actions.

    Raises:
        CommandError: They are wrong. A dashboard with other keys than the user expects would be dangerous.
    """
    try:
        keys = [*project_keys, *(() if keys_file is None else read_key_file(keys_file))]
        if not keys:
            return {}
        from jobtui.tui.keymap import check_keymap  # noqa: PLC0415 - lazy: imports textual

        return check_keymap(keys)
    except BadSetting as error:
        raise CommandError(str(error)) from None
