"""Executors do the work of runs and report each outcome to the kernel exactly once.

`base` has what executors and kernel exchange. `threads` executes functions in worker threads; `event_loop`
executes coroutines in one asyncio loop. `jobtui.simulation` has an executor without threads.

This package imports engine, and only those modules of runtime that do not import the kernel.
"""
