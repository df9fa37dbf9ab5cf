"""A scheduler on a clock that the caller moves, without threads: the test kit.

`simulated_scheduler` has the public class, which `jobtui.testing` exports; start reading there.
`simulated_runtime` moves the clock from one instant to the next, `inline_executor` executes runs in the
calling thread, and `inline_loop` is the asyncio event loop whose time is that of the clock. May import
loading and everything below it.
"""
