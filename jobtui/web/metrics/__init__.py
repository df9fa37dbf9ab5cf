"""Metrics and the health check.

`prometheus` collects and writes the metrics, `histograms` counts durations and lateness from events,
`health` tells monitoring whether the scheduler is alive. Only this package imports prometheus_client.
Start reading at `prometheus`.
"""
