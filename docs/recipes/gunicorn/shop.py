"""A web application with jobs; any WSGI application will do."""

import os
from contextlib import ExitStack

import jobtui

scheduler = jobtui.Scheduler(store="jobs.db")
page = ExitStack()


@scheduler.on_app_start
def open_page() -> None:
    """Serve the status page in the worker that runs the jobs: the others call this when they take over."""
    page.enter_context(jobtui.serve(scheduler, "127.0.0.1:9001", title="shop"))


@scheduler.scheduled(every="30s", on_start=True)
def clean_up() -> None:
    """Print where it runs."""
    print(f"cleaned up in process {os.getpid()}")


def app(environ, start_response):
    """Answer each request with the number of the process and the phase of its scheduler."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {scheduler.snapshot().phase.name}\n".encode()]
