"""The JSON API for programs and for `jobtui attach`.

`endpoints` answers requests, `event_stream` sends server-sent events, `snapshot_json` encodes snapshots
incrementally, and `openapi.json` describes all of it; tests compare every response with that description.
The JSON of each value is defined in `jobtui.frontend.json_codec`. Start reading at `endpoints`.
"""
