"""The process that jobtui runs in: how it ends, its signals, its standard streams, and text safe to print.

`exit` ends the process in the time that the user was promised, `stop_signals` turns signals into requests to
stop, and `forked_signals` gives children handlers of their own. `standard_input` and `terminal` keep jobs and
the dashboard apart, `slow_notice` says what is waited for, `collection` keeps garbage collections short,
`cpu_limit` ends what takes too long, `stdio` writes to streams that may be closed, and `printable` escapes
what a terminal would act on. This is the lowest layer: it imports nothing else of jobtui, and every other
package may import it.
"""
