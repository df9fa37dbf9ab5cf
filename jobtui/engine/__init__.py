"""The state machine of the scheduler: jobs, ticks, runs, the pool and its queue.

Pure data and functions. Every method takes the time as an argument, starts nothing and blocks on nothing, so
nothing here imports `threading`, `asyncio` or `sqlite3`; of the other packages, only `schedules` is imported.

Start with `engine.Engine`, then read `pool.Pool`, which moves each run from state to state, and
`records`, the data that both of them change.
"""
