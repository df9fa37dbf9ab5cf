"""The output of one run: its first and its last part, within a number of bytes."""

from __future__ import annotations

import gc
import re
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtui.runtime.run_output import RUN_BYTES, RunOutput

LIMIT = 80
NOTE = re.compile(r"\n\[([0-9]+) characters left out\]\n")


def written(texts: list[str], limit: int = LIMIT) -> RunOutput:
    """Return an output to which these texts have been written."""
    output = RunOutput(limit)
    for text in texts:
        output.write(text)
    return output


def without_partial_characters(data: bytes) -> str:
    return data.decode("utf-8", "ignore")


@given(st.lists(st.text(max_size=30) | st.text(min_size=100, max_size=400), max_size=60))
def test_the_first_and_the_last_bytes_are_kept_and_the_others_counted(texts: list[str]) -> None:
    """However the text is split into writes. Half characters are left out."""
    whole = "".join(texts).encode("utf-8", "replace").decode()
    data = whole.encode()
    text = str(written(texts))
    if len(data) <= LIMIT:
        assert text == whole
        return
    first = without_partial_characters(data[: LIMIT // 2])
    last = without_partial_characters(data[-LIMIT // 2 :])
    left_out = len(whole) - len(first) - len(last)
    assert text == f"{first}\n[{left_out} characters left out]\n{last}"


def test_the_output_of_a_run_that_printed_nothing_is_empty() -> None:
    assert str(RunOutput()) == ""


def test_a_print_of_9000_characters_is_kept_whole() -> None:
    """It is less than the default limit."""
    assert str(written(["y" * 9000, "\n"], RUN_BYTES)) == "y" * 9000 + "\n"


def test_a_huge_write_keeps_its_beginning_and_its_end() -> None:
    text = str(written(["begin " + "y" * 10_000_000 + " end", "\n"], RUN_BYTES))
    assert text.startswith("begin yyy")
    assert text.endswith("yyy end\n")
    [left_out] = NOTE.findall(text)
    assert int(left_out) == 10_000_011 - RUN_BYTES


@pytest.mark.parametrize("text", ["x", "日", "one line\n", "y" * 1000, "z" * 100_000], ids=len)
def test_memory_stays_within_the_limit_and_a_half_whatever_the_size_of_the_writes(text: str) -> None:
    """A write of one character must not cost the memory of a string object."""
    output = written([text] * (400_000 // len(text)), RUN_BYTES)
    [chunks] = [each for each in gc.get_referents(output) if isinstance(each, list)]
    assert sys.getsizeof(chunks) + sum(map(sys.getsizeof, chunks)) < 1.5 * RUN_BYTES


@given(st.text(st.characters(categories=["Cs"]), min_size=1, max_size=5))
def test_a_lone_surrogate_is_kept_as_a_question_mark(surrogates: str) -> None:
    """UTF-8 cannot encode it."""
    assert str(written([surrogates])) == "?" * len(surrogates)


@pytest.mark.usefixtures("frequent_switches")
def test_simultaneous_writes_and_reads_lose_nothing_that_fits() -> None:
    """Threads of one run, as `asyncio.to_thread` makes them."""
    output = RunOutput(400_000)
    failures: list[Exception] = []

    def write(letter: str) -> None:
        try:
            for _ in range(1500):
                output.write(letter * 11)
                str(output)
        except Exception as error:  # noqa: BLE001 - such as a BufferError
            failures.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    text = str(output)
    assert {letter: text.count(letter) for letter in "abcd"} == dict.fromkeys("abcd", 1500 * 11)


@pytest.mark.usefixtures("frequent_switches")
def test_simultaneous_writes_beyond_the_limit_keep_the_note_and_the_bounds() -> None:
    output = RunOutput(8000)

    def write() -> None:
        for _ in range(5000):
            output.write("日本語 abc\n")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = str(output)
    [left_out] = NOTE.findall(text)
    kept = NOTE.sub("", text)
    assert int(left_out) + len(kept) == 4 * 5000 * 8
    assert 7990 <= len(kept.encode()) <= 8100  # characters may be mixed, too
