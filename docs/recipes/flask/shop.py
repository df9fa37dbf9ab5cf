"""A shop with Flask and an application factory."""

import jobs
from flask import Flask


def create_app(config: dict[str, object] | None = None) -> Flask:
    """Make the application, and start its jobs unless ``config`` says that it is tested."""
    app = Flask(__name__)
    app.config.from_mapping({"SENDER": "shop@example.org"} | (config or {}))

    @app.get("/")
    def home() -> str:
        return jobs.scheduler.snapshot().phase.name

    jobs.start(app)
    return app
