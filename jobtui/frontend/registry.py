"""The schedulers of this user that run here and can be asked: an entry for each in a private folder.

An entry is valid for as long as its process holds the entry's lock, which the system takes from a process
that ends, however it ends. So neither a killed process nor a process number that is used again deceives a
reader.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from jobtui.store.file_lock import FileLock

_OTHERS = 0o077  # the permissions of all other users


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A scheduler that runs here.

    Attributes:
        pid: The number of its process.
        title: The origin of its jobs, such as the file's name.
        address: The address that `jobtui attach` takes.
        file: The absolute path of its job file; "" if there is none.
        store: The absolute path of its store; "" if there is none.
    """

    pid: int
    title: str
    address: str
    file: str = ""
    store: str = ""

    def is_reachable(self) -> bool:
        """Return whether its process still listens. A process may close its socket before it ends.

        To connect costs that process the import of its server, so ask this only of the entry that is used.
        """
        kind, _, path = self.address.partition(":")
        if kind != "unix" or not hasattr(socket, "AF_UNIX"):
            return True
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(path)
            except (ConnectionRefusedError, FileNotFoundError):
                return False
            except OSError:  # its queue is full, for example: it exists
                return True
        return True


class Registration:
    """A place for an entry, and for a Unix socket, until `remove`.

    Args:
        folder: The folder of the registry. It is made if it does not exist.

    Attributes:
        socket: A path at which the process may listen.

    Raises:
        OSError: The folder cannot be used, or another user could write there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_private(folder):
            raise PermissionError(f"{folder} belongs to another user, or other users can write there")
        pid = os.getpid()
        for number in count(1):
            name = str(pid) if number == 1 else f"{pid}-{number}"
            self._file = folder / f"{name}.json"
            self._lock = FileLock(self._file)
            if self._lock.acquire() and self._lock.ensure():
                break
        self.socket = folder / f"{name}.sock"

    def publish(self, entry: Entry) -> None:
        """Write the entry, which other processes can read from then on.

        Raises:
            OSError: The disk is full, for example.
        """
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(asdict(entry)), encoding="utf-8")
        draft.replace(self._file)  # so that no reader sees a part of it

    def remove(self) -> None:
        """Remove the entry. A second call has no effect."""
        if self._lock.is_held:
            _remove_files(self._file)
            self._lock.release()


class Registry:
    """The entries of this user on this machine.

    Args:
        folders: The folders that may have entries; None for those of the environment.
    """

    def __init__(self, folders: Sequence[Path] | None = None) -> None:
        self._folders = _folders() if folders is None else folders

    def register(self) -> Registration:
        """Return a place for an entry, in the first folder that can be used.

        Raises:
            OSError: No folder can be used.
        """
        *preferred, last = self._folders
        for folder in preferred:
            with suppress(OSError):
                return Registration(folder)
        return Registration(last)

    def entries(self) -> list[Entry]:
        """Return the entries of the processes that live, by process number. Remove all others."""
        found = [entry for folder in self._folders if _is_private(folder) for entry in _read_entries(folder)]
        return sorted(found, key=lambda entry: (entry.pid, entry.address))


def _folders() -> list[Path]:
    """Return where entries may be.

    A service has another environment than the user who asks for it, so there is more than one folder.
    """
    user = (
        os.getuid() if hasattr(os, "getuid") else ""
    )  # on Windows, each user has a folder for temporary files
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{user}"
    return [
        *([Path(runtime) / "jobtui"] if Path(runtime).is_dir() else []),
        Path(tempfile.gettempdir()) / f"jobtui-{user}",
    ]


def _is_private(folder: Path) -> bool:
    """Return whether this is a folder of this user, in which no other user can write or read."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & _OTHERS


def _read_entries(folder: Path) -> Iterator[Entry]:
    for file in sorted(folder.glob("*.json")):
        lock = FileLock(file)
        with suppress(OSError, ValueError, TypeError):  # it was removed just now, or is damaged
            if lock.acquire():
                _remove_files(file)
            else:
                yield Entry(**json.loads(file.read_text(encoding="utf-8")))
        lock.release()


def _remove_files(file: Path) -> None:
    """Remove an entry and its socket, and its lock last. Call this with the lock held."""
    for suffix in (".json", ".new", ".sock", ".json.lock"):
        with suppress(OSError):
            file.with_suffix(suffix).unlink()
