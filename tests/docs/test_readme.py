"""README: its commands, its job file, its numbers, its picture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.doc_pages import PICTURES, README, ROOT, page

import jobtui
from jobtui.engine.ledger import LEDGER_BYTES
from jobtui.testing import SimulatedScheduler

SNAPSHOTS = ROOT / "tests" / "tui" / "__snapshots__"
# The pictures of the documentation, and the snapshots that they are copies of.
COPIES = {
    "log.svg": "test_the_log_of_a_run_shows_a_search_and_levels[120x32].svg",
    "diff.svg": "test_the_difference_to_the_last_ok_run_stands_out[120x32].svg",
    "charts.svg": "test_the_charts_of_a_job_show_its_durations[120x32].svg",
    "calendar.svg": "test_the_calendar_shows_taken_slots_and_crowded_minutes[120x32].svg",
    "timeline.svg": "test_the_timeline_shows_what_ran_and_what_will_run[120x32].svg",
    "drawer.svg": "test_the_drawer_shows_the_failure_of_the_selected_job[180x50].svg",
    "dashboard.svg": "test_the_dashboard_shows_a_full_pool[120x32].svg",
    "job.svg": "test_the_screen_of_a_job_explains_a_moved_tick[120x32].svg",
    "run.svg": "test_the_screen_of_a_failed_run_shows_its_traceback[120x32].svg",
}


def test_the_first_command_starts_the_demo_of_a_checkout() -> None:
    """A reader pastes this line first."""
    first = README.in_language("sh")[0].text
    assert first == (
        "python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/jobtui demo_jobs.py\n"
    )
    assert (ROOT / "demo_jobs.py").exists()


def test_one_line_of_the_readme_runs_the_tests_and_ci_runs_that_line() -> None:
    """CI searches the README for it."""
    [line] = re.findall(r"^python3 -m venv .*pytest(?: .*)?$", README.text, re.MULTILINE)
    assert "'.[dev]'" in line
    assert "README.md" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_first_job_file_does_what_the_readme_says(
    simulated_scheduler: SimulatedScheduler, tmp_path: Path
) -> None:
    """One run after five seconds, and one that fails."""
    [block] = [block for block in README.in_language("python") if block.file_name == "my_jobs.py"]
    (tmp_path / block.file_name).write_text(block.text, encoding="utf-8")
    simulated_scheduler.load(tmp_path / block.file_name)
    simulated_scheduler.advance("5s")
    [run] = simulated_scheduler.runs()
    assert (run.job, run.state) == ("refresh_cache", jobtui.RunState.OK)
    assert simulated_scheduler.run("nightly").reason == "ZeroDivisionError: division by zero"
    assert f"{simulated_scheduler.job('nightly').next:%H:%M}" == "02:30"


def test_the_readme_has_the_size_of_the_ledger() -> None:
    size = f"the ledger ({LEDGER_BYTES // 1_000_000} MB of endings, failures longest)"
    assert size in re.sub(r"\s+", " ", README.text)


def test_the_picture_of_the_readme_is_in_the_repository() -> None:
    """Its URL must also work on a package index."""
    assert f"{PICTURES}docs/images/dashboard.svg" in README.text


@pytest.mark.parametrize("picture", sorted(each.name for each in (ROOT / "docs" / "images").iterdir()))
def test_a_documented_screen_is_a_copy_of_a_snapshot(picture: str) -> None:
    """To update it after a visible change: cp SNAPSHOT docs/images/PICTURE."""
    [snapshot] = [each for each in SNAPSHOTS.rglob("*.svg") if each.name == COPIES[picture]]
    assert (ROOT / "docs" / "images" / picture).read_text("utf-8") == snapshot.read_text("utf-8")


def test_the_readme_has_at_most_160_lines() -> None:
    """Everything else belongs to docs/."""
    assert len(README.text.splitlines()) <= 160


def test_the_readme_links_every_page_for_users() -> None:
    """All pages of the index are linked."""
    linked = {link.partition("#")[0].rpartition("/")[2] for link in README.links()}
    index = {link for link in page("docs/index.md").links() if "/" not in link}
    assert index <= linked
