"""docs/settings.md has every key of the settings, with its default, and no other."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest
from support.doc_pages import code_words, page

from jobtui.engine.job_policies import DEFAULT_POLICIES
from jobtui.settings.settings import Settings, read_settings

PAGE = page("docs/settings.md")
KEYS = {code_words(key)[0]: code_words(default) for key, _, default, _ in PAGE.table("Keys")}


def known_keys(folder: Path) -> set[str]:
    """Return the keys that the error for an unknown key lists."""
    path = folder / "jobtui.toml"
    path.write_text("jobs.nonsense = 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="nonsense") as caught:
        read_settings(path)
    listed = str(caught.value).splitlines()[-1]
    return set(re.findall(r"\b(?:jobs|cron)\.[A-Za-z0-9._]+", listed))


def test_every_settings_key_and_no_other_is_documented(tmp_path: Path) -> None:
    """The error for an unknown key lists the keys that exist."""
    known = known_keys(tmp_path)
    assert "jobs.pool" in known
    assert set(KEYS) == known


@pytest.mark.parametrize(
    "name",
    [
        "pool",
        "selfconcurrent",
        "dst",
        "ledger.bytes",
        "output.bytes",
        "output.runbytes",
        "output.keep",
        "readonly",
        "acceptproxyaddress",
        "misfire",
        "max_held",
        "pause_after",
    ],
)
def test_the_documented_default_of_a_key_is_the_real_one(name: str) -> None:
    """The values of `Settings()`."""
    settings = Settings()
    attribute = name.replace(".", "_")
    owners = (settings, settings.access, DEFAULT_POLICIES)
    default = getattr(next(owner for owner in owners if hasattr(owner, attribute)), attribute)
    default = default.value if isinstance(default, Enum) else default
    shown = (
        {True: "true", False: "false"}.get(default, f'"{default}"')
        if type(default) is not int
        else str(default)
    )
    assert KEYS[f"jobs.{name}"] == [shown]


@pytest.mark.parametrize("key", ["listen", "allow", "auth.user", "auth.pass"])
def test_a_key_documented_without_default_has_none(key: str) -> None:
    """The page says *none*."""
    assert KEYS[f"jobs.{key}"] == []


def test_the_page_about_access_describes_every_access_setting() -> None:
    """With an example for each."""
    text = page("docs/access.md").text
    for key in ("listen", "allow", "acceptproxyaddress", "auth.user", "auth.pass", "readonly"):
        assert f"jobs.{key}" in text
