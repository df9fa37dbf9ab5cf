"""The process that jobtui runs in: how it ends, its standard streams, and text that is safe to print.

`exit` ends the process in the time that the user was promised, `stdio` writes to streams that may be closed,
and `printable` escapes what a terminal would act on. This is the lowest layer: it imports nothing else of
jobtui, and every other package may import it.
"""
