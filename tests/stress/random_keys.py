"""Press random keys in the dashboard of a busy scheduler, and resize it: nothing may raise.

    python tests/stress/random_keys.py [--seconds 60] [--seed N]

The keys are those of the bindings of the screen that is shown, and some that are typed. The sizes go from
20x5 to 300x100. The jobs are quick, slow, failing and printing ones, with names that are long, wide and
odd. If the app raises, the output has the latest keys and the seed, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from collections import deque
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from jobtui import Scheduler
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.tui.app import JobtuiApp

TYPED = [
    *"abcxyz0159 .-/:*[]日é",
    "enter",
    "escape",
    "tab",
    "up",
    "down",
    "backspace",
    "delete",
    "home",
    "end",
]
SHARE_TYPED = 0.3  # of the keys; the others are those of the screen
SHARE_RESIZED = 0.04  # of the steps
SIZES = [(20, 5), (40, 10), (60, 15), (80, 24), (120, 32), (150, 40), (180, 50), (300, 100)]
# These end the app, stop the process, write a file, or start an editor.
LEFT_OUT = {"suspend_process", "now", "wait", "save", "edit_line", "open_editor", "edit_code"}
KEYS_LEFT_OUT = {"ctrl+c", "ctrl+q", "ctrl+p"}
PAUSES = [0.0, 0.0, 0.005, 0.02, 0.1]  # seconds after a key
LATEST = 40  # keys in the message


class Mode(Enum):
    """A kind of work, for a field of a form."""

    FAST = "fast"
    SLOW = "slow"


class EndlessApp(JobtuiApp):
    """Does not quit when a key asks for it."""

    CSS_PATH = str(Path(sys.modules[JobtuiApp.__module__].__file__ or "").with_name("app.tcss"))

    async def action_quit(self) -> None:
        """Do nothing."""


def add_jobs(scheduler: Scheduler) -> None:
    """Register jobs of many kinds."""

    def quick() -> None:
        print("a line of output")

    def fails() -> None:
        raise ValueError("an order cannot be read: [/bold] [red] 日本語 " + "x" * 200)

    def slow(seconds: float = 1.5, *, mode: Mode = Mode.FAST, kind: Literal["a", "b"] = "a") -> str:
        for number in range(10):
            print(f"step {number} \x1b[31mred\x1b[0m \t tab \r progress {mode} {kind}")
            time.sleep(seconds / 10)
        return "done"

    async def waits() -> None:
        await asyncio.sleep(0.3)

    scheduler.every("300ms", quick)
    scheduler.every("700ms", fails)
    scheduler.every("2s", slow, overlap="skip")
    scheduler.every("500ms", waits, name="日本語の仕事 [bold]" + "very_long_name_" * 6)
    scheduler.schedule("0 30 1 * * *", quick, name="nightly", tz="Europe/London")
    scheduler.every("5s", fails, name="retried", retry=3)
    for number in range(40):
        scheduler.every("4s", quick, name=f"job_{number:02}")


def keys_of(app: JobtuiApp) -> list[str]:
    """Return the keys of the bindings that are active, without those that end the app."""
    return [
        key
        for key, active in app.screen.active_bindings.items()
        if key not in KEYS_LEFT_OUT
        and active.binding.action.rpartition(".")[2].partition("(")[0] not in LEFT_OUT
    ]


async def press_keys(app: JobtuiApp, seconds: float, choice: random.Random, latest: deque[str]) -> int:
    """Press keys for a time; return how many were pressed."""
    pressed = 0
    end = time.monotonic() + seconds
    async with app.run_test(size=(120, 32)) as pilot:
        while time.monotonic() < end:
            if not app.is_running:
                raise RuntimeError("the app has ended")
            if choice.random() < SHARE_RESIZED:
                size = choice.choice(SIZES)
                latest.append(f"{size[0]}x{size[1]}")
                await pilot.resize_terminal(*size)
                continue
            typed = choice.random() < SHARE_TYPED
            key = choice.choice(TYPED if typed else keys_of(app) or TYPED)
            name = type(app.screen).__name__
            latest.append(f"{key} ({name})")
            app.simulate_key("space" if key == " " else key)
            await asyncio.sleep(choice.choice(PAUSES))
            pressed += 1
    return pressed


def main() -> None:
    """Press keys; exit with status 1 if the app raises."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to press keys")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(1_000_000), help="for the same keys again"
    )
    options = parser.parse_args()
    logging.getLogger("jobtui").addHandler(logging.NullHandler())
    logging.getLogger("jobtui").propagate = False
    choice, latest, log = random.Random(options.seed), deque[str](maxlen=LATEST), OutputLog()
    with TemporaryDirectory() as folder, capture_streams(log):
        scheduler = Scheduler(pool=3, tz="UTC", store=Path(folder) / "store.db")
        add_jobs(scheduler)
        with scheduler:
            app = EndlessApp(LocalBackend(scheduler, "random_keys", log))
            try:
                pressed = asyncio.run(press_keys(app, options.seconds, choice, latest))
            except BaseException as error:
                print(f"--seed {options.seed}: {error!r} after {', '.join(latest)}", file=sys.__stderr__)
                raise
    print(f"{pressed} keys with --seed {options.seed}: nothing was raised")


if __name__ == "__main__":
    main()
