"""How long ``jobtui --help`` takes, against a bare ``python -c pass``.

    python tests/benchmarks/help_startup.py [ROUNDS]

Prints the median of each and their ratio; the issue asks for at most 4. Not a test: the time of a process on
a busy machine is anything.
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


def seconds(command: list[str]) -> float:
    """Measure one run."""
    began = perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - began


def main() -> None:
    """Measure in turns, so that what slows the machine for a while slows all of them."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    bare = statistics.median(taken["python -c pass"])
    for name, times in taken.items():
        median = statistics.median(times)
        sys.stdout.write(f"{name:<24} {median * 1000:6.1f} ms  {median / bare:4.2f}x\n")


if __name__ == "__main__":
    main()
