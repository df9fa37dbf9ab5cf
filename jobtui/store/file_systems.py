"""Tell the file systems on which SQLite's locks cannot be relied upon."""

from __future__ import annotations

import re
from pathlib import Path

_MOUNTS = Path("/proc/mounts")
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|lustre|davfs|fuse\.(sshfs|s3fs|rclone|glusterfs|ceph\w*|davfs2?|gcsfuse)"
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


def network_file_system(path: Path, mounts: Path = _MOUNTS) -> str:
    """Return the type of the network file system on which a file is; "" if it is on a local one, or unknown.

    Args:
        path: The file, which need not exist.
        mounts: The table of the mounted file systems, as of Linux.
    """
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:  # not Linux
        return ""
    kinds = {}
    for line in lines:
        _, folder, kind, *_ = line.split(" ")
        kinds[Path(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), folder))] = kind  # the last one counts
    kind = next((kinds[each] for each in path.resolve().parents if each in kinds), "")
    return kind if _NETWORK.fullmatch(kind) else ""
