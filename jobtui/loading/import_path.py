"""Python's path with the folder of a job file on it: whose modules are found there, and whose are not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

# They are found where they are installed even if jobtui itself is not installed, but run from its source.
IMPORTED_BY_JOBTUI = frozenset(
    {"__main__", "jobtui", "textual", "rich", "croniter", "tzlocal", "aiohttp", "jinja2", "prometheus_client"}
)
_NOT_IN_A_NAME = re.compile(r"[^\w.-]")


def put_first_on_path(folder: str) -> None:
    """Put a folder first on Python's path, except for modules of Python and those that jobtui requires.

    jobtui imports many modules late. Without this exception, a file of the folder that happens to be called
    like one of them would run in its place.
    """
    _finder.folders.add(folder)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)


class _OwnModuleFinder:
    """Finds the modules of Python, and those that jobtui requires, in folders other than the user's.

    Attributes:
        folders: The user's folders.
    """

    def __init__(self) -> None:
        self.folders: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where to import a module from; None leaves it to Python's own finders."""
        if path is not None:
            return None  # a module in a package
        user_folders = [folder for folder in sys.path if folder in self.folders]
        if PathFinder.find_spec(name, user_folders) is None:
            return None
        others = [folder for folder in sys.path if folder and folder not in self.folders]
        spec = PathFinder.find_spec(name, others)
        is_own = spec is not None and (name in sys.stdlib_module_names or name in _required_modules())
        return spec if is_own else None


_finder = _OwnModuleFinder()


@cache
def _required_modules() -> frozenset[str]:
    """Return the top-level modules of jobtui's requirements, and of theirs.

    This reads the metadata of all installed packages, which takes a tenth of a second. It is called only if
    a folder of the user has a module with the name of an installed one.
    """
    required = set(_required_packages("jobtui"))
    modules = metadata.packages_distributions().items()
    return IMPORTED_BY_JOBTUI.union(
        module for module, packages in modules if required.intersection(map(_normalized, packages))
    )


def _required_packages(package: str) -> Iterator[str]:
    """Yield the names of a package and of everything that it requires, of all extras only with ``web``."""
    found: set[str] = set()
    pending = [_normalized(package)]
    while pending:
        name = pending.pop()
        if name in found:
            continue
        found.add(name)
        yield name
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        pending += [
            _normalized(_NOT_IN_A_NAME.split(requirement, maxsplit=1)[0])
            for requirement in requirements
            if "extra ==" not in requirement or requirement.endswith(('"web"', "'web'"))
        ]


def _normalized(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
