"""A scheduler that is killed under load leaves a file that can be read and lacks only its last moments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

STRESS = Path(__file__).parents[1] / "stress" / "kill_store.py"


def test_a_killed_scheduler_leaves_a_whole_file_and_its_running_runs_are_lost() -> None:
    """A busy machine may let the writer wait, so the limit is longer than that of the script."""
    command = [sys.executable, str(STRESS), "--rounds", "4", "--limit", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
