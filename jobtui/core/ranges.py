"""Drawing numbers together: ``1, 2, 3, 7`` is ``1-3, 7``."""

from __future__ import annotations

from collections.abc import Sequence

# Two neighbours are a list; from three on they are a range.
SHORTEST_RANGE = 3


def ranges(numbers: Sequence[int], names: Sequence[str], between: str) -> list[str]:
    """Returns the names of ascending numbers, with neighbours drawn together.

    Args:
        numbers: The numbers.
        names: What each is called; as many as there are numbers.
        between: What stands between the ends of a range.
    """
    parts: list[str] = []
    start = 0
    for end, number in enumerate(numbers):
        if end + 1 < len(numbers) and numbers[end + 1] == number + 1:
            continue
        if end - start + 1 >= SHORTEST_RANGE:
            parts.append(f"{names[start]}{between}{names[end]}")
        else:
            parts.extend(names[start : end + 1])
        start = end + 1
    return parts
