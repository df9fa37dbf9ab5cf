"""Act on a module of another library if the user's code imports it, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

Act = Callable[[ModuleType], object]


class _ActingLoader(Loader):
    """Loads a module as another loader does, then calls a function with it."""

    def __init__(self, spec: ModuleSpec, loader: Loader, act: Act) -> None:
        self._spec = spec
        self._loader = loader
        self._act = act

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._act(module)


class _Finder(MetaPathFinder):
    """Finds one module where Python's own finder does, and has its loader call a function."""

    def __init__(self, name: str, act: Act) -> None:
        self._name = name
        self._act = act

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _ActingLoader(spec, spec.loader, self._act)
        return spec


@contextmanager
def when_imported(name: str, act: Act) -> Iterator[None]:
    """Call a function with a module: at once if it is imported already, else right after its import.

    Args:
        name: The full name of the module. The watch for its import ends with the context.
        act: The function. It must raise nothing: the import would fail.
    """
    if module := sys.modules.get(name):
        act(module)
        yield
        return
    finder = _Finder(name, act)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        with suppress(ValueError):  # the user's code has removed it
            sys.meta_path.remove(finder)
