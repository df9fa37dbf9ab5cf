"""The time of ``jobtui --help``, compared with ``python -c pass``.

    python tests/benchmarks/help_startup.py [ROUNDS]

Prints the median of each and the ratio, which should be at most 4. It is not a test, because the time of a
process varies too much on a busy machine.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROUNDS = 40
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "jobtui --help": [str(Path(sys.executable).with_name("jobtui")), "--help"],
    "python -m jobtui --help": [sys.executable, "-m", "jobtui", "--help"],
}


def time_command(command: list[str]) -> float:
    """Return how many seconds a command takes."""
    began = perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - began


def main() -> None:
    """Measure the commands in turns, so that a slow phase of the machine affects all of them."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            times[name].append(time_command(command))
    bare = statistics.median(times["python -c pass"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        sys.stdout.write(f"{name:<24} {median * 1000:6.1f} ms  {median / bare:4.2f}x\n")


if __name__ == "__main__":
    main()
