"""Print a pip constraint for the lowest version that each requirement in pyproject.toml allows.

    python tests/lowest_versions.py >lowest.txt && pip install -e '.[dev]' -c lowest.txt

A lower bound that was never run is a guess, so CI runs the suite with these versions.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest_versions() -> Iterator[str]:
    """Yield ``name==version`` for each requirement of the project and its extras.

    Raises:
        ValueError: A requirement of another project has no lower bound.
    """
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    for text in [*project["dependencies"], *(text for extra in extras for text in extra)]:
        requirement = Requirement(text)
        if requirement.name == project["name"]:
            continue
        bounds = [bound.version for bound in requirement.specifier if bound.operator in {">=", "=="}]
        if not bounds:
            raise ValueError(f"pyproject.toml: {text!r} has no lower bound; write NAME>=VERSION")
        yield f"{requirement.name}=={bounds[0]}"


if __name__ == "__main__":
    print(*lowest_versions(), sep="\n")
