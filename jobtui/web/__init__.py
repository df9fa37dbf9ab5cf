"""The HTTP server: status page, JSON API, events, metrics, health check.

`server.Server` runs in its own thread with its own event loop. `application` sends every request through
access control (`security/`) before a handler in `api/`, `pages/` or `metrics/` sees it; `server_context` is
what the handlers share. `event_hub` reads the scheduler's events once for all clients.

May import `frontend` and the packages below it; never `tui` or `remote`. Start reading at `server`.
"""
