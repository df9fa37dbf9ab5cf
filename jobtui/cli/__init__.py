"""The command line: one module for each command.

Start reading at `main`, which chooses the command and prints the error that ends it. `arguments` and
`source_arguments` have the parsers, `parsers` names them. `target` imports a job file and runs it, with the
dashboard or with `headless`, or reports on it with `check`; `run_target` runs one job of it in the terminal.
`choose_source` finds what the other commands ask: a scheduler that runs (`live_source`) or a store
(`store_source`), which answer by the protocol in `source`; `steer` has the commands that change something.

The package may import every package below it. Only `check` imports rich; textual and aiohttp are imported
when a command needs them, so that ``jobtui --help`` is quick.
"""
