"""Test jobs on a clock that the test moves: `simulated`, `SimulatedScheduler`, `SimulatedRun` and `load`."""

from __future__ import annotations

from jobtui.simulation.simulated_kernel import SimulatedRun
from jobtui.simulation.simulated_scheduler import SimulatedScheduler, load, simulated

__all__ = ["SimulatedRun", "SimulatedScheduler", "load", "simulated"]
