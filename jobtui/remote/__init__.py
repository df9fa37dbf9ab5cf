"""A scheduler in another process: the client side of the API, for `jobtui attach`.

`remote_backend` implements the backend protocol of `jobtui.frontend` over HTTP, `http_client` sends the
requests, and `snapshot_decoder` decodes snapshots incrementally. Start reading at `remote_backend`.

May import `frontend` and the packages below it; never `web` or `tui`. Only this package and `web` import
aiohttp.
"""
