"""The command line: ``jobtui TARGET``, ``check``, ``attach``, ``next``, ``demo`` and ``hash-password``.

Each command has a module of its own. It may import every package below; only `check` imports rich, and the
dashboard (textual) and the client (aiohttp) are imported once a command needs them. Start reading at `main`,
which chooses the command; `arguments` has all parsers, and imports nothing else, so that ``jobtui --help`` is
quick.
"""
