"""Print docstrings of jobtui and names of tests, drawn at random, to be read aloud.

    python tests/sample_prose.py --seed 7
    python tests/sample_prose.py --seed 7 --count 30 --below jobtui/web tests/web

A sentence that needs a second reading, or the code, to be understood is not plain: rewrite it.
CONTRIBUTING.md has the rules.
"""

from __future__ import annotations

import argparse
import ast
import random
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def docstrings(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each docstring below a folder."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    name = getattr(node, "name", "module")
                    yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {name}", text


def test_names(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the place and the name of each test below a folder."""
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.name.replace("_", " ")


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--below", nargs="*", type=Path, default=[ROOT / "jobtui", ROOT / "tests"])
    options = parser.parse_args()
    dice = random.Random(options.seed)
    source = [folder.resolve() for folder in options.below if "tests" not in folder.resolve().parts]
    tests = [folder.resolve() for folder in options.below if "tests" in folder.resolve().parts]
    found = [each for folder in source for each in docstrings(folder)]
    for place, text in dice.sample(found, min(options.count, len(found))):
        print(f"--- {place}\n{text}\n")
    names = [each for folder in tests for each in test_names(folder)]
    for place, text in dice.sample(names, min(options.count, len(names))):
        print(f"{text}    ({place})")


if __name__ == "__main__":
    main()
