"""Hold docstrings, comments and test names against the rules that a program can check.

The rules are in CONTRIBUTING.md. The others need a reader: ``python tests/sample_prose.py``.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path for folder in ("jobtui", "tests") for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)
)

# A docstring that begins with one of these describes an answer without saying who gives it.
QUESTION_WORD = re.compile(
    r"(?:what|whatever|who|whoever|whom|whose|why|how|nobody|somebody|(?:when|where)(?:ever)?\b(?![^.]*,))\b",
    re.IGNORECASE,
)
# Words that hide the subject or the object of a sentence.
HIDING_WORDS = (
    "whoever|whomever|somebody|nobody|meanwhile|anew|for ever|in no time|but for|goes? home|sent for",
    "(?:is|are|was|were|be|been|gets?) told|the books|of its own accord",
    r"(?<!there )is no (?!longer|more|other|such)\w+",  # "X is no Y" instead of "X is not a Y"
)
HIDDEN = re.compile(rf"\b(?:{'|'.join(HIDING_WORDS)})\b", re.IGNORECASE)
QUESTION_NAME = re.compile(r"test_(?:what|who|whoever|whom|where|when|whether|why|how|nobody|somebody)_")


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node.body[0].lineno, text


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def faults(source: str) -> list[str]:
    """Return the line and the reason of each sentence or name that breaks a rule."""
    tree = ast.parse(source)
    found = []
    for line, text in docstrings(tree):
        if QUESTION_WORD.match(text):
            found.append(f"{line}: begins with a question word: {text.splitlines()[0]}")
        found += [f"{line}: {match.group()!r}" for match in HIDDEN.finditer(text)]
    for line, text in comments(source):
        found += [f"{line}: {match.group()!r} in a comment" for match in HIDDEN.finditer(text)]
    found += [
        f"{node.lineno}: begins with a question word: {node.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and QUESTION_NAME.match(node.name)
    ]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_follows_the_rules_for_plain_english(path: Path) -> None:
    """A sentence has a subject that acts, and names its object."""
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        '"""What the engine tells the world."""',
        'def f():\n    """Whether it was told."""',
        'class C:\n    """Gives a run to whoever asks."""',
        "x = 1  # nobody waits for it",
        "def test_what_does_not_go():\n    pass",
    ],
)
def test_the_check_finds_a_sentence_that_breaks_a_rule(source: str) -> None:
    """Otherwise the test above could not fail."""
    assert faults(source)
