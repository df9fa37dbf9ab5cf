"""Pictures of the dashboard in its states, in a large terminal and in a small one.

After a change that is meant: ``pytest tests/tui/test_snapshots.py --snapshot-update``, and look at them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from support import snapshots
from support.app_driver import NARROW, WIDE, some_turns
from support.scripted_backend import ScriptedBackend
from textual.pilot import Pilot
from textual.widgets import Input

from jobtui.engine.views import Snapshot
from jobtui.runtime.output_capture import OutputLog
from jobtui.tui.app import JobtuiApp

Compare = Callable[..., bool]
Picture = Callable[..., None]

pytestmark = pytest.mark.parametrize("size", [WIDE, NARROW], ids=lambda size: "x".join(map(str, size)))


def print_some(console: OutputLog) -> None:
    """Print some lines as jobs and their subprocesses do."""
    console.write("import_orders", "reading orders.csv\n127 orders, 3 new\n")
    console.write("subprocess", "gzip: access.log: 81.3% -- replaced with access.log.gz\n")
    console.write("stderr", "WARNING [b]not bold[/b] \x1b[31mnot red\x1b[0m\n")
    console.write("check_sockets", "日本語 127.0.0.1:8080 open\n" + "long " * 60 + "\n")
    console.write("import_orders", "an unfinished line")


@pytest.fixture
def picture(snap_compare: Compare, size: tuple[int, int]) -> Picture:
    """Compare a state, after some keys, with its picture."""

    def compare(
        snapshot: Snapshot,
        keys: Sequence[str] = (),
        *,
        theme: str = "textual-dark",
        connection_error: str = "",
        address: str = "",
    ) -> None:
        source = ScriptedBackend(snapshot)
        source.connection_error, source.address = connection_error, address
        source.outputs[866] = "reading orders.csv\norder 5117 has no amount\n"
        print_some(source.console)
        # A stop that never ends: the app is seen while it waits.
        app = JobtuiApp(source, stop=lambda _grace: threading.Event().wait())
        app.animation_level = "none"
        app.theme = theme

        async def before(pilot: Pilot[Any]) -> None:
            await pilot.pause()
            app.screen_stack[0].query_one(Input).cursor_blink = False
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            await app.workers.wait_for_complete()
            app._show_picture()
            await pilot.pause()

        with patch("textual.pilot.wait_for_idle", some_turns), patch("textual.app.wait_for_idle", some_turns):
            assert snap_compare(app, terminal_size=size, run_before=before)

    return compare


def test_idle(picture: Picture) -> None:
    """Nothing runs: words, times and countdowns of every job."""
    picture(snapshots.idle())


def test_mid_run(picture: Picture) -> None:
    """Two of four slots are taken, and it is seen by whom and for how long."""
    picture(snapshots.mid_run())


def test_saturated(picture: Picture) -> None:
    """The pool is full and says so; what waits is listed in the order it starts."""
    picture(snapshots.saturated())


def test_waiting_pane(picture: Picture) -> None:
    """The pane of what waits has the keys."""
    picture(snapshots.saturated(), ["2", "j"])


def test_paused(picture: Picture) -> None:
    """Paused jobs say so in their status and where their next fire would be."""
    picture(snapshots.paused())


def test_failed_with_traceback(picture: Picture) -> None:
    """A failed run, opened, shows its traceback and what it printed."""
    picture(snapshots.idle(), ["4", *"jjjjj", "enter"])


def test_filter_on(picture: Picture) -> None:
    """A filter that is in force is named in the title."""
    picture(snapshots.idle(), ["slash", *"every 1", "enter"])


def test_filter_being_typed(picture: Picture) -> None:
    """While a filter is typed, its line has the keys and the jobs follow."""
    picture(snapshots.idle(), ["slash", *"nosuchjob"])


def test_sorted(picture: Picture) -> None:
    """The column that is sorted by is marked."""
    picture(snapshots.idle(), ["s", "s"])


def test_details(picture: Picture) -> None:
    """A job's details: its schedule in words, its next ten fires, its latest runs."""
    picture(snapshots.idle(), [*"jjjj", "enter"])


def test_details_of_one_off_runs(picture: Picture) -> None:
    """One-off runs have details without fires."""
    picture(snapshots.saturated(), ["G", "enter"])


def test_help(picture: Picture) -> None:
    """Every key and every sign."""
    picture(snapshots.idle(), ["question_mark"])


def test_quit_question(picture: Picture) -> None:
    """Quitting while runs go asks how."""
    picture(snapshots.saturated(), ["q"])


def test_quit_waiting(picture: Picture) -> None:
    """While the dashboard waits for runs to end, there is no way back but the way out at once."""
    picture(snapshots.saturated(), ["q", "w"])


def test_cancel_question(picture: Picture) -> None:
    """Cancelling a run that waits asks first."""
    picture(snapshots.saturated(), ["2", "x"])


def test_empty(picture: Picture) -> None:
    """Without any job the table says how to register one."""
    picture(snapshots.empty())


def test_light_theme(picture: Picture) -> None:
    """A light theme is as readable as a dark one."""
    picture(snapshots.saturated(), theme="textual-light")


def test_strange_names(picture: Picture) -> None:
    """Long names, wide characters and markup stay inside their columns."""
    picture(snapshots.strange())


def test_end_of_300_jobs(picture: Picture) -> None:
    """The last of 300 jobs under the cursor."""
    picture(snapshots.many(), ["G"])


def test_output(picture: Picture) -> None:
    """What jobs and subprocesses printed."""
    picture(snapshots.idle(), ["o"])


LOST = "connection lost at 10:24:07 (connection refused); trying again"


def test_listening(picture: Picture) -> None:
    """Where it listens stands on the top line, if there is room."""
    picture(snapshots.mid_run(), address="http://127.0.0.1:9001/@jobs")


def test_connection_lost(picture: Picture) -> None:
    """The last picture is greyed out, and the top line says why."""
    picture(snapshots.saturated(), connection_error=LOST, address="http://127.0.0.1:9001/@jobs")


def test_connection_lost_in_a_light_theme(picture: Picture) -> None:
    """The same on light ground."""
    picture(snapshots.saturated(), theme="textual-light", connection_error=LOST)


def test_connection_lost_over_a_job(picture: Picture) -> None:
    """Details cover the top line, so their frame says it."""
    picture(snapshots.idle(), [*"jjjj", "enter"], connection_error=LOST)


def test_before_the_clock_goes_forward(picture: Picture) -> None:
    """The badge stands beside fires that the change moves, with the moment in full; what comes has it too."""
    picture(snapshots.clock_change(snapshots.SPRING), ["3"])


def test_before_the_clock_goes_back(picture: Picture) -> None:
    """The badge stands beside fires whose time is shown twice."""
    picture(snapshots.clock_change(snapshots.AUTUMN), ["3"])


def test_clock_change_in_a_light_theme(picture: Picture) -> None:
    """The badge is readable on light ground."""
    picture(snapshots.clock_change(snapshots.SPRING), theme="textual-light")


def test_details_of_a_moved_fire(picture: Picture) -> None:
    """A fire that is moved is marked, and it is said why."""
    picture(snapshots.clock_change(snapshots.SPRING), ["enter"])


def test_details_of_a_dropped_fire(picture: Picture) -> None:
    """Where there is no fire, a line says so, and why."""
    picture(snapshots.clock_change(snapshots.SPRING), [*"jjjj", "enter"])


def test_details_of_repeated_fires(picture: Picture) -> None:
    """Both fires of one wall time are marked, and one sentence tells why."""
    picture(snapshots.clock_change(snapshots.AUTUMN), [*"jj", "enter"])
