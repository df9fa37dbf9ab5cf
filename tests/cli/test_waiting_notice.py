"""The notices of commands that wait."""

from __future__ import annotations

import io
import threading
from contextlib import redirect_stderr

from support.waiting import LIMIT

from jobtui.cli.waiting_notice import notice_at_terminal, notice_of


class Stream(io.StringIO):
    """A standard error that knows when it is written to."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self.written = threading.Event()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, text: str) -> int:
        count = super().write(text)
        if text.endswith("\n"):
            self.written.set()
        return count


def test_a_wait_that_takes_long_is_named_at_a_terminal() -> None:
    stream = Stream(is_terminal=True)
    with redirect_stderr(stream), notice_at_terminal("still importing jobs.py", delay=0):
        assert stream.written.wait(LIMIT)
    assert stream.getvalue() == "jobtui: still importing jobs.py; Ctrl+C stops it\n"


def test_the_log_of_a_service_names_a_wait_that_takes_long() -> None:
    stream = Stream(is_terminal=False)
    with redirect_stderr(stream), notice_of("still importing jobs.py", delay=0):
        assert stream.written.wait(LIMIT)
    assert stream.getvalue() == "jobtui: still importing jobs.py; Ctrl+C stops it\n"


def test_no_thread_is_started_for_a_notice_where_standard_error_is_a_file() -> None:
    """Cron sends an email for each line that a command writes."""
    with redirect_stderr(Stream(is_terminal=False)):
        before = threading.enumerate()
        with notice_at_terminal("still importing jobs.py", delay=0):
            assert not set(threading.enumerate()) - set(before)
