"""Read the documentation: its code blocks, tables, headings and links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/jobtui/jobtui/blob/main/"  # links that also work on a package index
PICTURES = "https://raw.githubusercontent.com/jobtui/jobtui/main/"

_FENCE = re.compile(r"^(```|~~~)(\w*)\s*$")
_HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$")
_LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_LABELLED_LINK = re.compile(r"\[([^\[\]]+)\](?:\[([^\[\]]*)\])")
_LABEL = re.compile(r"^\[([^\]]+)\]: (\S+)$", re.MULTILINE)
_FILE_NAME = re.compile(r"# ([\w-]+\.(?:py|toml|conf))\n")


def run_pytest(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder, as a reader would who has installed no plugin but that of jobtui."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "jobtui", "-p", "no:cacheprovider", *names],
        cwd=folder,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        language: The word after the fence, or "".
        text: The lines between the fences.
        line: The number of the first fence's line.
    """

    language: str
    text: str
    line: int

    @property
    def file_name(self) -> str:
        """The file that the block's first line names in a comment, or ""."""
        name = _FILE_NAME.match(self.text)
        return name[1] if name else ""


class Page:
    """One page of the documentation.

    Args:
        path: The file.
        text: Its content; None reads the file.

    Attributes:
        path: The file.
        name: The file's path in the repository.
        text: The file's content.
        blocks: The code blocks, in order.
        prose: The content without the code blocks.
    """

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text(encoding="utf-8") if text is None else text
        self.blocks: list[Block] = []
        prose: list[str] = []
        fence, language, begun, inside = "", "", 0, list[str]()
        for number, line in enumerate(self.text.splitlines(), start=1):
            found = _FENCE.match(line)
            if fence:
                if line.strip() == fence:
                    self.blocks.append(Block(language, "".join(inside), begun))
                    fence = ""
                else:
                    inside.append(f"{line}\n")
            elif found:
                fence, language, begun, inside = found[1], found[2], number, []
            else:
                prose.append(line)
        assert not fence, f"{self.name}:{begun}: the code block has no end"
        self.prose = "\n".join(prose)

    def in_language(self, *languages: str) -> list[Block]:
        """Return the blocks in some languages, in order."""
        return [block for block in self.blocks if block.language in languages]

    def section(self, heading: str) -> str:
        """Return the prose below a heading, up to the next heading of any level."""
        lines = iter(self.prose.splitlines())
        assert any((found := _HEADING.match(line)) and found[2] == heading for line in lines), (
            f"{self.name} has no heading {heading!r}"
        )
        section = []
        for line in lines:
            if _HEADING.match(line):
                break
            section.append(line)
        return "\n".join(section)

    def tables(self, heading: str) -> list[list[list[str]]]:
        """Return the cells of each table below a heading, without the tables' own heads."""
        tables: list[list[list[str]]] = []
        rows: list[list[str]] = []
        for line in [*self.section(heading).splitlines(), ""]:
            if line.startswith("|"):
                cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
                rows.append([cell.strip().replace(r"\|", "|") for cell in cells])
            elif rows:
                assert set("".join(rows[1])) <= set("-: "), f"{self.name}: {heading}: a table without a head"
                tables.append(rows[2:])
                rows = []
        return tables

    def table(self, heading: str) -> list[list[str]]:
        """Return the rows of the only table below a heading."""
        [table] = self.tables(heading)
        return table

    def anchors(self) -> set[str]:
        """Return the anchors of the headings, as GitHub makes them."""
        anchors: set[str] = set()
        for line in self.prose.splitlines():
            if heading := _HEADING.match(line):
                plain = _LINK.sub(r"\1", heading[2]).replace("`", "").lower()
                anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
                copies = sum(
                    re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", each) is not None for each in anchors
                )
                anchors.add(f"{anchor}-{copies}" if anchor in anchors else anchor)
        return anchors

    def links(self) -> Iterator[str]:
        """Yield the target of each link and picture; a label without a target yields the label."""
        prose = re.sub(r"`[^`\n]*`", "", self.prose)
        labels: dict[str, str] = dict(_LABEL.findall(prose))
        yield from labels.values()
        for _, target in _LINK.findall(prose):
            yield target
        for text, label in _LABELLED_LINK.findall(prose):
            used = re.sub(r"\s+", " ", label or text)
            yield labels.get(used, labels.get(used.lower(), f"label [{used}]"))


def page(name: str) -> Page:
    """Return a page by its path in the repository."""
    return Page(ROOT / name)


def code_words(cell: str) -> list[str]:
    """Return the code spans of a text."""
    return re.findall(r"`([^`]+)`", cell)


README = page("README.md")
USER_PAGES = [
    page(f"docs/{name}.md")
    for name in (
        "index",
        "tutorial",
        "schedules",
        "clock-changes",
        "policies",
        "dashboard",
        "keys",
        "status-page",
        "api",
        "metrics",
        "access",
        "settings",
        "testing-jobs",
        "from-apscheduler",
        "from-schedule",
        "from-huey",
        "from-celery-beat",
    )
]
ALL_PAGES = [Page(path) for path in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")))]
