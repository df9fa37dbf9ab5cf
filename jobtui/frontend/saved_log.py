"""Write output to a file, page by page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jobtui.engine.views import RunView
from jobtui.frontend.backend import Backend, LogLine


def log_file_name(run: RunView) -> str:
    """Return a name for the file with a run's output that every file system allows."""
    safe = "".join(each if each.isalnum() or each in "-_." else "_" for each in run.job)
    return f"{safe[:100].lstrip('.')}-{run.number}.log"


def save_log(
    backend: Backend,
    run: int | None,
    file: Path,
    *,
    format_line: Callable[[LogLine], str | None],
    replace: bool,
) -> int:
    """Write the output of a run, or of all, to a file. Return the number of lines.

    Args:
        backend: The source.
        run: The number of the run; None for all output that is in memory.
        file: The file.
        format_line: Returns the line for the file; None leaves the line out.
        replace: Whether to replace a file that exists.

    Raises:
        FileExistsError: There is a file of that name already.
        LookupError: There is no such run.
        OSError: The file cannot be written, or the scheduler cannot be reached.
    """
    page = backend.log_page(run, after="")
    count = 0
    with file.open("w" if replace else "x", encoding="utf-8", errors="replace") as output:
        while True:
            for line in (*page.lines, *page.unfinished):
                text = format_line(line)
                if text is not None:
                    output.write(f"{text}\n")
                    count += 1
            if page.is_latest or not page.lines:
                return count
            page = backend.log_page(run, after=page.after)
