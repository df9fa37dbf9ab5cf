"""A killed process loses no durable run that it has accepted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

STRESS = Path(__file__).parents[1] / "stress" / "kill_durable.py"


def test_no_accepted_durable_run_is_lost_when_its_process_is_killed() -> None:
    command = [sys.executable, str(STRESS), "--rounds", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
