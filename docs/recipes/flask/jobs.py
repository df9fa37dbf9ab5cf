"""The jobs of the shop. They run inside the context of its application."""

import atexit
import os

from flask import Flask, current_app
from werkzeug.serving import is_running_from_reloader

import jobtui

scheduler = jobtui.Scheduler(store="jobs.db")


@scheduler.scheduled(every="30s", on_start=True)
def send_newsletter() -> None:
    """Use the application as a view does."""
    print(f"from {current_app.config['SENDER']}, in process {os.getpid()}")


def start(app: Flask) -> None:
    """Start the scheduler for an application, in the process that serves it."""
    if app.testing or (app.debug and not is_running_from_reloader()):
        return  # a test; or the parent of the reloader, which only watches files

    @scheduler.around
    def in_app_context(_run: jobtui.CurrentRun):
        with app.app_context():
            yield

    scheduler.start()
    atexit.register(scheduler.stop)
