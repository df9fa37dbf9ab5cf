"""The streams that replace ``sys.stdout`` and ``sys.stderr`` while output is captured.

They behave as text files on a descriptor do, because jobs that work without the dashboard must work with it.
But nothing that a job does to them, such as ``close`` or ``detach``, ends the capture for later jobs.
"""

from __future__ import annotations

import io
from codecs import utf_8_decode
from contextlib import suppress
from typing import Any, TextIO

from jobtui.engine.records import RunRecord
from jobtui.runtime.output_log import OutputLog
from jobtui.runtime.progress_bars import BarReader
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.writing_run import writing_run

_NAMES = {1: "stdout", 2: "stderr"}
_MAX_CUT = 50  # runs that have written a part of a character


class CapturedStream(io.TextIOWrapper):
    """A text stream that writes to the output log, and to the output of the run that writes, if any.

    Args:
        log: Receives what is written.
        descriptor: The file descriptor that the stream stands for: 1 or 2.
        encoding: The encoding of bytes that are written to `buffer`.
        errors: The error handling that the stream claims to have.
    """

    def __init__(
        self, log: OutputLog, descriptor: int, encoding: str = "utf-8", errors: str = "backslashreplace"
    ) -> None:
        buffer: Any = _CapturedBuffer(self, descriptor)
        super().__init__(buffer, encoding, errors, write_through=True)
        self.mode = "w"  # type: ignore[misc] # typeshed has it as a property, which it is not
        self._log = log
        self._cut: dict[object, bytes] = {}  # the beginning of a character, by the run that has written it
        self._name = _NAMES[descriptor]
        self._is_capturing = True
        self._bars = BarReader()

    def end_capture(self) -> None:
        """Write nothing to the log any more, even if something still writes to this stream."""
        self._is_capturing = False

    def write(self, text: str, level: str = "") -> int:
        """Write text; give the level of the log record if it is one."""
        if type(text) is not str:
            if not isinstance(text, str):
                raise TypeError(f"write() argument must be str, not {type(text).__name__}")
            text = str.__str__(text)  # a subclass may override any method
        self._capture(text, level)
        return len(text)

    def write_bytes(self, data: bytes) -> None:
        """Write bytes, as the buffer does; a character that is cut is written when it is complete."""
        self._capture(self._decode(data))

    def _capture(self, text: str, level: str = "") -> None:
        if not self._is_capturing or not text:  # tqdm writes "" to move by no lines
            return
        current = writing_run()
        if current is None:
            self._log.write("", 0, level or self._name, text)
        else:
            run, attachments = current
            attachments.write_output(run, text, self._log.run_limit)
            if "\r" in text or text[:1] == "\n" or attachments.meters:
                self._bars.read(run, attachments, text)
            self._log.write(run.job.name, run.number, level or self._name, text)

    def mark_attempt(self, run: RunRecord, attachments: RunAttachments) -> None:
        """Write a line between the output of the earlier attempts of a run, if there is any, and the next."""
        before = attachments.outputs.get(run.number)
        if not before:
            return
        line = f"--- attempt {run.extras.attempt} of {run.extras.attempts} ---\n"
        self._capture(line if isinstance(before, str) and before.endswith("\n") else f"\n{line}")

    def _decode(self, data: bytes) -> str:
        if self.encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
            return data.decode(self.encoding, "replace")
        current = writing_run()
        key = current and current[0]
        data = self._cut.pop(key, b"") + data
        text, used = utf_8_decode(data, "replace", False)
        if used < len(data):
            if len(self._cut) >= _MAX_CUT:
                self._cut.clear()  # most of their runs have ended
            self._cut[key] = data[used:]
        return text

    def close(self) -> None:
        """Do nothing: other jobs write to the stream, and Python closes it when it is collected."""

    def detach(self) -> Any:
        """Return the buffer, and keep it, for other jobs."""
        return self.buffer


class _CapturedBuffer(io.BufferedIOBase):
    """The buffer of a captured stream: decodes bytes and writes them at once."""

    mode = "wb"

    def __init__(self, stream: CapturedStream, descriptor: int) -> None:
        self._stream = stream
        self._descriptor = descriptor

    @property
    def name(self) -> str:
        return f"<{_NAMES[self._descriptor]}>"

    @property
    def raw(self) -> Any:
        return self

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return False  # so that no program draws on it

    def write(self, data: Any) -> int:
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        data = bytes(data)
        self._stream.write_bytes(data)
        return len(data)

    def close(self) -> None:
        pass  # as for the stream


class TeeStream(CapturedStream):
    """A captured stream that also writes to the stream that it replaces, and has the attributes of that.

    If the replaced stream has no reader any more, writing to it is not an error.
    """

    def __init__(self, log: OutputLog, descriptor: int, original: TextIO) -> None:
        self._original = original
        encoding, errors = getattr(original, "encoding", None), getattr(original, "errors", None)
        super().__init__(log, descriptor, encoding or "utf-8", errors or "strict")

    def __getattr__(self, name: str) -> object:
        """Return an attribute that only the replaced stream has."""
        return getattr(self._original, name)

    def isatty(self) -> bool:
        """Return whether the replaced stream is a terminal."""
        return self._original.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the replaced stream."""
        return self._original.fileno()

    def reconfigure(self, **options: Any) -> None:
        """Change the replaced stream as well."""
        if isinstance(self._original, io.TextIOWrapper):
            self._original.reconfigure(**options)
        super().reconfigure(**options)

    def write(self, text: str, level: str = "") -> int:
        """Write text, to the replaced stream as well."""
        count = super().write(text, level)
        with suppress(OSError, ValueError):  # it has no reader any more; the user's code has closed it
            try:
                self._original.write(text)
            except UnicodeEncodeError:
                encoding = self._original.encoding
                self._original.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return count

    def write_bytes(self, data: bytes) -> None:
        """Write bytes, to the replaced stream as well, after the text that this has buffered."""
        super().write_bytes(data)
        with suppress(OSError, ValueError):  # as above
            buffer = getattr(self._original, "buffer", None)
            if buffer is None:
                self._original.write(data.decode(self.encoding, "replace"))
            else:
                self._original.flush()
                buffer.write(data)

    def flush(self) -> None:
        """Flush the replaced stream."""
        with suppress(OSError, ValueError):  # as above
            self._original.flush()
