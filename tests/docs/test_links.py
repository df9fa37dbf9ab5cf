"""Every link between the pages of the repository leads to a file and a heading that exist."""

from __future__ import annotations

import pytest
from support.doc_pages import ALL_PAGES, PICTURES, REPOSITORY, ROOT, Page


def broken_links(page: Page) -> list[str]:
    """Return the links of a page that lead nowhere, each with the reason."""
    broken = []
    for link in page.links():
        target = link
        folder = page.path.parent
        for prefix in (REPOSITORY, PICTURES):
            if link.startswith(prefix):
                target, folder = link.removeprefix(prefix), ROOT
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        path = (folder / name).resolve() if name else page.path
        if not path.exists() or ROOT not in path.parents:
            broken.append(f"{link}: no such file")
        elif anchor and anchor not in (Page(path) if name else page).anchors():
            broken.append(f"{link}: no such heading")
    return broken


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: str(page.name))
def test_every_link_in_the_docs_leads_to_a_file_and_a_heading(page: Page) -> None:
    """Links to other sites are not followed."""
    assert broken_links(page) == []


def test_the_checked_pages_include_the_main_pages() -> None:
    """So that no page is left out by mistake."""
    names = {page.name for page in ALL_PAGES}
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/index.md"} <= names
    assert len(names) > 15


def test_the_index_of_the_docs_links_every_page() -> None:
    """And it links no page that does not exist."""
    [index] = [page for page in ALL_PAGES if page.name == "docs/index.md"]
    assert {f"docs/{link}" for link in index.links() if not link.startswith("..")} == {
        page.name for page in ALL_PAGES if page.name.startswith("docs/") and page is not index
    }


def test_the_check_of_links_finds_broken_links() -> None:
    """The test of the links must be able to fail."""
    text = "# A title\n[a](#a-title) [b](#b) [c](missing.md) [d][] [e][f] ![g](images/missing.svg)\n"
    assert broken_links(Page(ROOT / "docs" / "index.md", text)) == [
        "#b: no such heading",
        "missing.md: no such file",
        "images/missing.svg: no such file",
        "label [d]: no such file",
        "label [f]: no such file",
    ]
