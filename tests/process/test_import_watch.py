"""Acting on a module when the user's code imports it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from jobtui.process.import_watch import when_imported


@pytest.fixture(name="module")
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "imported_late.py").write_text("VALUE = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "imported_late"
    sys.modules.pop("imported_late", None)


def test_the_function_is_called_after_the_import(module: str) -> None:
    seen: list[ModuleType] = []
    with when_imported(module, seen.append):
        assert not seen
        assert module not in sys.modules
        imported = importlib.import_module(module)
        assert seen == [imported]
        assert imported.VALUE == 1


def test_the_function_is_called_at_once_for_an_imported_module(module: str) -> None:
    imported = importlib.import_module(module)
    seen: list[ModuleType] = []
    with when_imported(module, seen.append):
        assert seen == [imported]


def test_the_module_has_its_own_loader(module: str) -> None:
    with when_imported(module, bool):
        imported = importlib.import_module(module)
    assert imported.__spec__ is not None
    assert imported.__loader__ is imported.__spec__.loader
    assert type(imported.__loader__).__name__ == "SourceFileLoader"
    assert importlib.reload(imported) is imported


def test_a_module_that_is_missing_is_not_found() -> None:
    with (
        when_imported("no_such_module_at_all", bool),
        pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"),
    ):
        importlib.import_module("no_such_module_at_all")


def test_the_watch_ends_with_its_context(module: str) -> None:
    before = list(sys.meta_path)
    seen: list[ModuleType] = []
    with when_imported(module, seen.append):
        assert sys.meta_path != before
    assert sys.meta_path == before
    importlib.import_module(module)
    assert not seen
