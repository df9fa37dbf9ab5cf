"""Each recipe has a page of the same form, which the documentation links and which links its files."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.doc_pages import Page, page
from support.recipes import RECIPES, copy_recipe

FOLDERS = sorted(path for path in RECIPES.iterdir() if path.is_dir())
ENTRANCES = {"manage.py", "__init__.py"}  # a page does not explain what every project of Django has


def read_page(folder: Path) -> Page:
    """Return the page of a recipe."""
    return Page(folder / "README.md")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_page_says_how_to_run_the_recipe_what_to_see_and_what_goes_wrong(folder: Path) -> None:
    text = read_page(folder).text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## Run it", "## What to see", "## Pitfalls"]
    assert "```sh" in text


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_page_links_each_file_of_the_recipe(folder: Path, tmp_path: Path) -> None:
    copy = copy_recipe(folder.name, tmp_path)
    files = {
        path.relative_to(copy).as_posix()
        for path in copy.rglob("*")
        if path.is_file() and path.name not in ENTRANCES
    }
    hidden = {name for name in files if name.startswith(".")}
    assert files - hidden - {"README.md"} <= set(read_page(folder).links())


@pytest.mark.parametrize("name", ["docs/index.md", "docs/embedding.md"])
def test_the_documentation_links_every_recipe(name: str) -> None:
    recipes = {f"recipes/{folder.name}/README.md" for folder in FOLDERS}
    assert recipes <= set(page(name).links())
