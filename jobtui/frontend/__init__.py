"""Shared by all front ends: the dashboard, the status page, the API and the attached dashboard.

`backend` is the place to start: the protocol through which a front end reads and steers a scheduler, and its
form for a scheduler in this process. `json_codec` encodes views as JSON, `commands` and `formatting` make the
texts, `upcoming` lists the next ticks, `throttle` and `cooperative` keep the cost of rendering low.

Imports `runtime`, `engine` and `schedules`; imports neither textual nor aiohttp.
"""
