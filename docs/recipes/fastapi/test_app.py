"""The tests of the shop: run them with pytest. The application may start and stop in each of them."""

import os

import pytest
from fastapi.testclient import TestClient

os.environ["JOBS_PASSWORD"] = "secret"

from app import app

LOGIN = ("admin", "secret")


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Start the application, with a database of its own."""
    monkeypatch.chdir(tmp_path)
    with TestClient(app) as client:
        yield client


def test_an_order_is_accepted(client):
    assert client.post("/orders/7").status_code == 202


def test_the_scheduler_runs_while_the_application_runs(client):
    assert client.get("/jobs/healthz", auth=LOGIN).json()["status"] == "ok"


def test_the_page_requires_the_password(client):
    assert client.get("/jobs/").status_code == 401
