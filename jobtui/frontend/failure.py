"""The failure of a run in a few lines: the error, and the line of the user's own code that raised it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from jobtui.engine.views import RunView
from jobtui.frontend.backend import Backend
from jobtui.frontend.formatting import STATE_SIGNS, format_instant_full, run_label
from jobtui.frontend.parsed_traceback import TraceFrame, failing_exception, failing_frame, parse_traceback
from jobtui.frontend.source_excerpt import Excerpts, read_run_excerpts
from jobtui.frontend.text_lines import TextLine
from jobtui.frontend.traceback_lines import frame_lines, place_text, short_message


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed run with the source of its error.

    Attributes:
        run: The run.
        excerpts: The source around its frames, as far as it has been read.
    """

    run: RunView
    excerpts: Excerpts = field(default_factory=dict)

    @property
    def frame(self) -> TraceFrame | None:
        """The frame that a user wants to see first; None if the traceback has none."""
        return failing_frame(parse_traceback(self.run.error))


def read_failure(backend: Backend, run: RunView) -> Failure:
    """Return a failure with its source. Reads files, and may ask a scheduler in another process.

    Args:
        backend: The scheduler.
        run: The run as a list has it, in which a long traceback may be missing.

    Raises:
        OSError: The scheduler cannot be reached.
    """
    if not parse_traceback(run.error).frames and run.number:
        with suppress(LookupError):  # it is not kept any more
            run = backend.run_view(run.number)
    return Failure(run=run, excerpts=read_run_excerpts(run))


def failure_lines(failure: Failure, *, with_context: bool, note: str = "") -> list[TextLine]:
    """Return the error, the place that raised it, and its source.

    Args:
        failure: The failure.
        with_context: Whether the lines before and after that of the place are shown.
        note: Text to show after the number and the end of the run.
    """
    run, frame = failure.run, failure.frame
    sign = STATE_SIGNS[run.state]
    error = parse_traceback(run.error)
    title = short_message(error.title or run.reason)
    lines = [TextLine("error", ((f"{sign.glyph} {run.state.value} ", sign.tone), (title, "failed")), hang=2)]
    inner = failing_exception(error)
    if inner is not error:
        lines.append(
            TextLine("inner", (("of ", "muted"), (short_message(inner.title), "failed")), "  ", hang=2)
        )
    when = f"{run_label(run)}, {format_instant_full(run.ended)}" + (f", {note}" if note else "")
    if frame is None:
        return [*lines, TextLine("place", ((when, "muted"),), "  ")]
    function = f" in {frame.function}" if frame.function else ""
    pieces = ((place_text(frame), "strong"), (f"{function}  ", ""), (when, "muted"))
    lines.append(TextLine("place", pieces, "  ", hang=2, frame=frame))
    source = frame_lines(frame, "place", "  ", failure.excerpts, is_open=with_context)
    return [*lines, *list(source)[1:]]
