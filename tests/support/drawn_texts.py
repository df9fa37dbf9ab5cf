"""The texts that the code of the dashboard may draw."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import jobtui


def drawn_texts() -> Iterator[tuple[str, str]]:
    """Yield the texts in the code of the dashboard, each with its place, without docstrings."""
    for folder in ("tui", "frontend"):
        for file in (Path(jobtui.__file__).parent / folder).rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Constant)
                    and id(node) not in docstrings
                    and isinstance(node.value, str)
                ):
                    yield node.value, f"{file.name}:{node.lineno}"
