"""The outputs of the runs of a scheduler: short ones are plain texts, and no writer takes a lock."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.engine_harness import running_run

from jobtui.engine.enums import RunState
from jobtui.engine.records import RunRecord
from jobtui.runtime.run_attachments import RunAttachments
from jobtui.runtime.run_output import MAX_SHORT, RUN_BYTES, RunOutput, output_memory, output_text


def written(run: RunRecord, attachments: RunAttachments) -> str:
    """Return the output of a run."""
    return output_text(attachments.outputs[run.number])


@given(
    st.lists(st.text(max_size=30) | st.text(min_size=100, max_size=400), min_size=1, max_size=60),
    st.sampled_from([80, 400, 4_000, RUN_BYTES]),
)
def test_an_output_is_the_same_whether_it_begins_as_a_text_or_not(texts: list[str], limit: int) -> None:
    """Only the memory that it takes depends on that."""
    run, attachments, expected = running_run(), RunAttachments(), RunOutput(limit)
    for text in texts:
        attachments.write_output(run, text, limit)
        expected.write(text)
    assert written(run, attachments) == str(expected)


def test_a_short_output_takes_little_memory() -> None:
    """Most runs print a line or nothing."""
    run, attachments = running_run(), RunAttachments()
    for text in ("a line of output", "\n"):
        attachments.write_output(run, text, RUN_BYTES)
    assert output_memory(attachments.outputs[run.number]) < 200
    assert output_memory("x" * 400) > 400


def test_text_that_a_run_writes_after_its_end_is_dropped() -> None:
    """The ledger has counted the bytes of its output."""
    silent, talked, attachments = running_run(1), running_run(2), RunAttachments()
    attachments.write_output(talked, "in time", RUN_BYTES)
    talked.ensure_extras().output_bytes = 100
    for run in (silent, talked):
        run.state = RunState.OK
        attachments.write_output(run, "late", RUN_BYTES)
    assert attachments.outputs == {2: "in time"}


@pytest.mark.usefixtures("frequent_switches")
def test_simultaneous_writes_to_short_outputs_lose_nothing() -> None:
    """Also where the text becomes too long for a short output."""
    attachments = RunAttachments()
    runs = [running_run(number) for number in range(1, 201)]
    size = MAX_SHORT // 3  # of the text of each of the four threads

    def write(letter: str) -> None:
        for run in runs:
            for _ in range(size):
                attachments.write_output(run, letter, RUN_BYTES)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run in runs:
        text = written(run, attachments)
        assert {letter: text.count(letter) for letter in "abcd"} == dict.fromkeys("abcd", size)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals of a timer are POSIX")
def test_a_signal_handler_may_write_to_a_short_output_at_any_moment() -> None:
    """Neither text is lost."""
    attachments, handled, written_texts = RunAttachments(), 0, 0
    run = running_run()

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal handled
        handled += 1
        attachments.write_output(run, "h", RUN_BYTES)

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    try:
        while handled < 200 and written_texts < 2_000_000:
            if written_texts % 100 == 0:
                run = running_run(run.number + 1)
            attachments.write_output(run, "w", RUN_BYTES)
            written_texts += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    text = "".join(output_text(output) for output in attachments.outputs.values())
    assert (text.count("h"), text.count("w")) == (handled, written_texts)
