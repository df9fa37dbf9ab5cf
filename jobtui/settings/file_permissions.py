"""Find a password in a settings file that other users of the machine can read."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from jobtui.access.passwords import is_scrypt


def password_warning(path: Path, passwords: Iterable[object]) -> str:
    """Return a warning about the permissions of a settings file, a sentence without its full stop, or "".

    A hash of `jobtui hash-password` may be read by others. A SHA-256 counts as a password, because it can be
    guessed quickly.

    Args:
        path: The file.
        passwords: The values of ``jobs.auth.pass`` in all its sections, as written.
    """
    secrets = [each for each in passwords if isinstance(each, str) and not is_scrypt(each)]
    if not secrets or os.name != "posix":
        return ""
    status = path.stat()
    # A file that belongs to another user may be readable through its group on purpose, by a service.
    others = stat.S_IRGRP | stat.S_IROTH if status.st_uid == os.geteuid() else stat.S_IROTH
    if not status.st_mode & others:
        return ""
    return (
        f"{path}: other users of this machine can read jobs.auth.pass; type chmod 600 {path.name}, "
        "or write the hash that `jobtui hash-password` prints"
    )
