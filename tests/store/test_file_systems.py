"""A network file system is recognized, because the locks of SQLite cannot be relied upon there."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobtui.store.file_systems import network_file_system

MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/local xfs rw 0 0
//server/share /mnt/my\\040share cifs rw 0 0
me@server: /mnt/ssh fuse.sshfs rw 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/sdb1 /media/usb fuseblk rw 0 0
portal /run/doc fuse.portal rw 0 0
server:/home /over nfs rw 0 0
/dev/vdc /over btrfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/jobs.db", "nfs4"),
        ("/home/jobs.db", "nfs4"),
        ("/homes/jobs.db", ""),
        ("/home/local/jobs.db", ""),
        ("/mnt/my share/new/jobs.db", "cifs"),
        ("/mnt/ssh/jobs.db", "fuse.sshfs"),
        ("/tmp/jobs.db", ""),
        ("/media/usb/jobs.db", ""),
        ("/run/doc/jobs.db", ""),
        ("/over/jobs.db", ""),
        ("/jobs.db", ""),
    ],
)
def test_the_last_mount_of_the_nearest_folder_counts(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert network_file_system(Path(path), mounts) == kind


def test_without_a_table_of_mounts_nothing_is_known(tmp_path: Path) -> None:
    assert network_file_system(tmp_path / "jobs.db", tmp_path / "missing") == ""
