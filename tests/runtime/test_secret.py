"""Secrets among the arguments of runs: no text has their value."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.real_threads import LIMIT, MakeScheduler

from jobtui import RunState, Scheduler, Secret
from jobtui.frontend.json_codec import JOB, RUN, SNAPSHOT

PASSWORD = "hunter2"


@dataclass
class Account:
    """Has a secret."""

    user: str
    password: Secret[str]


def log_in(_account: object, password: Secret[str]) -> None:
    """Raise an exception with the secret in its message."""
    print(f"{password} {password!s:>5}", [password])
    assert password.reveal() == PASSWORD
    raise ValueError(f"wrong password {password!r}", password)


def test_the_value_of_a_secret_is_in_no_text() -> None:
    secret = Secret(PASSWORD)
    texts = [str(secret), repr(secret), f"{secret}", repr([secret]), repr({"a": Account("ann", secret)})]
    assert texts[:4] == ["***", "***", "***", "[***]"]
    assert not any(PASSWORD in text for text in texts)
    assert secret.reveal() == PASSWORD


def test_a_copy_of_a_secret_is_the_secret_and_it_cannot_be_pickled() -> None:
    secret = Secret([PASSWORD])
    assert copy.copy(secret) is copy.deepcopy(secret) is secret
    with pytest.raises(TypeError, match="a Secret cannot be pickled"):
        pickle.dumps(secret)


def test_views_json_store_and_log_mask_the_secrets_of_jobs_and_runs(
    make_scheduler: MakeScheduler, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The job gets the secret, so its exceptions are masked, too."""
    file = tmp_path / "jobtui.db"
    scheduler = make_scheduler(pool=1)
    scheduler.use_store(file)
    account = Account("ann", Secret(PASSWORD))
    job = scheduler.add(log_in, args=(account,), kwargs={"password": Secret(PASSWORD)})
    with caplog.at_level(logging.DEBUG), scheduler:
        runs = [
            job.run(),
            job.run(account, Secret(PASSWORD)),
            scheduler.now(log_in, account, Secret(PASSWORD)),
        ]
        assert all(run.wait(LIMIT) for run in runs)
        views = [scheduler.run_view(run.number) for run in runs]
        snapshot = scheduler.snapshot()
    assert [view.state for view in views] == [RunState.FAILED] * 3
    assert "wrong password ***" in views[0].error
    assert [view.arguments for view in views] == ["", *[f"{account!r}, ***"] * 2]
    assert snapshot.jobs[0].arguments == f"{account!r}, password=***"
    texts = [json.dumps(RUN.encode(view)) for view in views]
    texts += [json.dumps(JOB.encode(snapshot.jobs[0])), json.dumps(SNAPSHOT.encode(snapshot)), caplog.text]
    texts += [each.read_bytes().decode("latin-1") for each in tmp_path.iterdir()]
    assert not [text for text in texts if PASSWORD in text]


def test_a_durable_run_refuses_a_secret(make_scheduler: MakeScheduler) -> None:
    scheduler: Scheduler = make_scheduler(pool=1)
    with pytest.raises(TypeError, match="is of the type Secret, whose value the store would show"):
        scheduler.now(log_in, "ann", Secret(PASSWORD), durable=True)
