"""One scheduler, seen from anywhere allowed: the status page, the API, metrics, and attaching to another."""
