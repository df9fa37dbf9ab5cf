"""The output of one run: its first and its last part.

Most outputs are short. Such an output is a plain text, because this takes little memory and is quick to make.
"""

from __future__ import annotations

from codecs import utf_8_decode
from sys import getsizeof

RUN_BYTES = 16_000  # kept of one run, unless set
MAX_SHORT = 500  # characters of an output that is a plain text
_CHUNKS = 4  # in each of the two parts
_ENTRY = 100  # bytes that an output takes in the dict of all outputs
_OVERHEAD = 400  # bytes that an output takes in addition to its chunks
_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))  # UTF-8: all bytes of a character but the first


class RunOutput:
    """The first and the last part of what one run wrote.

    Any thread may write at any moment, and so may a signal handler or a destructor that interrupts a write.
    Therefore there is no lock: each operation on the shared lists and buffers is one step in C, which the
    GIL makes atomic. Two simultaneous writes may only mix their texts.

    Args:
        limit: How many bytes are kept, in UTF-8: half of them from the beginning, half from the end.
    """

    __slots__ = ("_chunk_size", "_chunks", "_written")

    def __init__(self, limit: int = RUN_BYTES) -> None:
        self._chunk_size = limit // (2 * _CHUNKS)
        self._written = 0  # characters
        self._chunks = [bytearray()]  # those of the first part, then those of the last part and one more

    @property
    def memory(self) -> int:
        """The memory that the output takes, in bytes, about."""
        chunks = self._chunks  # all of them but the last one are full
        return _OVERHEAD + (len(chunks) - 1) * self._chunk_size + getsizeof(chunks[-1])

    def write(self, text: str) -> None:
        """Append text; drop what is then in the middle."""
        size = len(text)  # first, because `+=` is one step only without a call in it
        self._written += size
        last = self._chunks[-1]
        if text.isascii() and len(last) + size <= self._chunk_size:
            last += text.encode()
        else:
            self._write_in_pieces(text)

    def _write_in_pieces(self, text: str) -> None:
        whole = 2 * _CHUNKS * self._chunk_size
        if len(text) > 2 * whole:  # do not encode what would be dropped
            text = text[:whole] + text[-whole:]
        data = text.encode("utf-8", "replace")
        while data:
            last = self._chunks[-1]
            room = self._chunk_size - len(last)
            if room > 0:
                last += data[:room]
                data = data[room:]
            else:
                self._chunks.append(bytearray())
                del self._chunks[_CHUNKS : -_CHUNKS - 1]

    def __str__(self) -> str:
        """Return the text, or both parts and between them how many characters were left out."""
        # Each chunk is copied in one step: while `join` reads a bytearray, a write to it could fail.
        data = b"".join([bytes(chunk) for chunk in tuple(self._chunks)])
        half = _CHUNKS * self._chunk_size
        if len(data) <= 2 * half:
            return data.decode("utf-8", "replace")
        first, _ = utf_8_decode(data[:half], "replace", False)  # without a character that is cut in two
        last = data[-half:].lstrip(_CONTINUATION_BYTES).decode("utf-8", "replace")
        left_out = self._written - len(first) - len(last)
        return f"{first}\n[{left_out} characters left out]\n{last}"


def longer_output(output: str, text: str, limit: int) -> str | RunOutput:
    """Return a short output with more text appended: a text again, or if that is too long, a `RunOutput`.

    Args:
        output: The short output.
        text: The text to append.
        limit: How many bytes of the output are kept, in UTF-8.
    """
    size = len(output) + len(text)
    if size <= MAX_SHORT and size * 4 <= limit:  # UTF-8 takes at most four bytes for a character
        return output + text
    longer = RunOutput(limit)
    longer.write(output)
    longer.write(text)
    return longer


def output_text(output: str | RunOutput) -> str:
    """Return the text of an output, without lone surrogates, which UTF-8 cannot encode."""
    return output.encode("utf-8", "replace").decode() if isinstance(output, str) else str(output)


def output_memory(output: str | RunOutput) -> int:
    """Return how much memory an output takes, in bytes, about."""
    return getsizeof(output) + _ENTRY if isinstance(output, str) else output.memory
