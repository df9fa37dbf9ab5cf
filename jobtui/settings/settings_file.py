"""Read the text of a file of settings, and name a place in it."""

from __future__ import annotations

from pathlib import Path

from jobtui.settings.setting_errors import BadSetting


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        BadSetting: The file cannot be read, or is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadSetting(f"{path}: file not found.") from None
    except OSError as error:
        # Windows reports "Permission denied" for a folder.
        problem = (
            "this is a folder, not a file" if path.is_dir() else f"cannot read the file: {error.strerror}"
        )
        raise BadSetting(f"{path}: {problem}.") from None
    try:
        return content.decode("utf-8-sig")  # Windows editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadSetting(
            f"{locate(path, line)}: byte {content[error.start]:#04x} is not UTF-8. Save the file as UTF-8."
        ) from None


def locate(path: Path, line: int | None) -> str:
    """Return a file and, if it is known, a line in it, for a message."""
    return str(path) if line is None else f"{path}, line {line}"
