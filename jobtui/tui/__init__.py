"""The dashboard: the only place that imports textual and rich."""
