"""The screens of the dashboard: the main screen, and the modal screens that open above it.

`dashboard` is the main screen. `job`, `run`, `output` and `help` show details; `confirm` and `quit` ask a
question. The app calls `update_snapshot` of the screens that change with the scheduler.
"""
