"""The running scheduler: what turns the engine's data into threads, time and callbacks.

`scheduler` is the public class, `handles` and `current_run` what its callers hold. `kernel` owns the engine
and the state lock; `executors` executes runs, `timer` wakes when something is due, `subscriptions` follow
the events. `output_capture` passes what jobs print to `run_output` and `output_log`, which keep it.

This package imports engine and schedules. Start reading in `kernel`: every change of state passes through it.
"""
