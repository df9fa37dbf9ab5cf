"""A quicker `__init__` for frozen dataclasses with slots.

The one that `dataclasses` writes sets each field with ``object.__setattr__``, which looks for the slot by its
name. With the slots at hand, a view of 44 fields takes 5 us in place of 10: the first snapshot of 10,000 jobs
needs 10,000 of them at once.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

Class = TypeVar("Class")


def with_quick_init(cls: type[Class]) -> type[Class]:
    """Replace the `__init__` of a frozen dataclass with slots, keywords only and no default factories."""
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type] # it is a dataclass
    defaults = {field.name: field.default for field in fields(cls) if field.default is not MISSING}  # type: ignore[arg-type] # as above
    namespace: dict[str, Any] = {f"set_{name}": getattr(cls, name).__set__ for name in names}
    lines = [
        f"def __init__(self, *, {', '.join(names)}):",
        *(f"    set_{name}(self, {name})" for name in names),
    ]
    exec("\n".join(lines), namespace)  # noqa: S102 - a line for each field, as `dataclasses` does
    init = namespace["__init__"]
    init.__kwdefaults__ = defaults
    init.__annotations__ = cls.__init__.__annotations__
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = init  # type: ignore[method-assign] # has the same parameters
    return cls
