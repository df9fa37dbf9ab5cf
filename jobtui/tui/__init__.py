"""The dashboard: a Textual app that shows a scheduler through a `frontend.backend.Backend`.

Start reading in `app`, which takes snapshots and passes them to the screens in `screens/`. Those consist of
the widgets in `widgets/`. `background_work` runs queries and commands in worker threads, because a backend
may block.

Imports `frontend` and the packages below it. Only this package and `cli.check` import textual and rich.
"""
