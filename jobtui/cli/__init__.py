"""The command line: ``jobtui TARGET``, ``check``, ``attach``, ``next``, ``demo`` and ``hash-password``.

Start reading at `main`, which chooses the command and prints the error that ends it; `arguments` has the
parsers of all commands. `target` imports a job file and runs it, with the dashboard or with `headless`, or
reports on it with `check`. The package may import every package below it. Only `check` imports rich; textual
and aiohttp are imported when a command needs them, so that ``jobtui --help`` is quick.
"""
