"""The registry lists the schedulers that live, and forgets those that have ended, however they ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import LIMIT

from jobtui.frontend.registry import Entry, Registration, Registry

ENTRY = Entry(pid=os.getpid(), title="demo.py", address="unix:/run/demo.sock", file="/srv/demo.py")
PUBLISH = """
import os, sys
from pathlib import Path
from jobtui.frontend.registry import Entry, Registration
place = Registration(Path(sys.argv[1]))
place.socket.touch()
place.publish(Entry(pid=os.getpid(), title="other.py", address=f"unix:{place.socket}"))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "jobtui"


def publish_in_process(folder: Path) -> subprocess.Popen[str]:
    """Start a process that has an entry, and wait until the entry is there."""
    process = subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_an_entry_is_listed_until_it_is_removed(folder: Path) -> None:
    place = Registration(folder)
    place.publish(ENTRY)
    assert Registry([folder]).entries() == [ENTRY]
    place.remove()
    place.remove()
    assert Registry([folder]).entries() == []
    assert list(folder.iterdir()) == []


def test_two_schedulers_of_one_process_have_an_entry_each(folder: Path) -> None:
    places = [Registration(folder), Registration(folder)]
    for place in places:
        place.publish(Entry(pid=1, title="demo.py", address=f"unix:{place.socket}"))
    assert len({entry.address for entry in Registry([folder]).entries()}) == 2
    for place in places:
        place.remove()


def test_the_entry_of_a_killed_process_is_removed_with_its_socket(folder: Path) -> None:
    process = publish_in_process(folder)
    registry = Registry([folder])
    assert [entry.pid for entry in registry.entries()] == [process.pid]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=LIMIT)
    assert registry.entries() == []
    assert list(folder.iterdir()) == []


def test_a_process_number_that_is_used_again_does_not_revive_an_entry(folder: Path) -> None:
    """The entry has the number of a process that lives, but that process does not hold its lock."""
    folder.mkdir(mode=0o700)
    entry = {"pid": os.getppid(), "title": "old.py", "address": "unix:/old.sock", "file": "", "store": ""}
    (folder / f"{os.getppid()}.json").write_text(json.dumps(entry))
    assert Registry([folder]).entries() == []


def test_a_damaged_entry_is_left_out(folder: Path) -> None:
    place = Registration(folder)
    place.publish(ENTRY)
    (folder / f"{os.getpid()}.json").write_text("{")
    assert Registry([folder]).entries() == []
    place.remove()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no modes")
def test_a_folder_that_others_can_use_is_not_used(folder: Path, tmp_path: Path) -> None:
    """An entry in it could lead to the socket of another user, who would get the commands."""
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="other users"):
        Registration(folder)
    (folder / "1.json").write_text("{}")
    assert Registry([folder]).entries() == []
    assert (folder / "1.json").exists()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "private")
    (tmp_path / "private").mkdir(mode=0o700)
    with pytest.raises(PermissionError):
        Registration(link)


def test_the_next_folder_is_used_if_the_first_one_cannot_be(folder: Path, tmp_path: Path) -> None:
    """As for a service that runs without the environment of a session."""
    place = Registry([tmp_path / "absent" / "jobtui", folder]).register()
    place.publish(ENTRY)
    assert Registry([tmp_path / "absent" / "jobtui", folder]).entries() == [ENTRY]
    place.remove()
