"""Keep apart what different runs draw with rich at the same time.

rich takes all that is drawn on one console for one display: it draws the bars of every job into the display
of the first one, and so into its output. It also replaces `sys.stdout` and `sys.stderr`, which all jobs
share. Jobs usually share a console, too, because rich has one by default.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from types import ModuleType
from typing import Any, TextIO

from jobtui.engine.records import RunRecord
from jobtui.process.import_watch import when_imported
from jobtui.runtime.stream_guard import guard
from jobtui.runtime.writing_run import replaced, writing_run

_MODULE = "rich.live"
# The attributes in which a console notes what is drawn on it: lists.
_NOTES = ("_live_stack", "_render_hooks")


@contextmanager
def separate_consoles(streams: Iterable[TextIO]) -> Iterator[None]:
    """Give each run that draws with rich its own copy of the console that it draws on.

    Args:
        streams: The streams that capture the output. On a terminal, all runs do share one display.
    """
    if any(stream.isatty() for stream in streams):
        yield
        return
    consoles: dict[RunRecord, dict[int, tuple[Any, Any]]] = {}  # with the original, so that its `id` stays

    def forget(run: RunRecord) -> None:
        consoles.pop(run, None)

    with ExitStack() as patches:

        def separate(module: ModuleType) -> None:
            init = module.Live.__init__

            def init_for_run(live: Any, *args: Any, console: Any = None, **kwargs: Any) -> None:
                current = writing_run()
                if current is not None and not current[0].state.ended:
                    original = console or sys.modules["rich"].get_console()
                    of_run = consoles.setdefault(current[0], {})
                    _, console = of_run.setdefault(id(original), (original, _separate_copy(original)))
                    # Lines that other code writes need no place above the display: the capture has it.
                    kwargs |= {"redirect_stdout": False, "redirect_stderr": False}
                init(live, *args, console=console, **kwargs)

            patches.enter_context(replaced(module.Live, "__init__", init_for_run))

        with when_imported(_MODULE, separate), guard.finishing(consoles, forget):
            yield


def _separate_copy(console: Any) -> Any:
    separate = copy(console)
    vars(separate).update({name: [] for name in _NOTES})
    return separate
