"""A warning for builds of Python without the GIL, on which jobtui is not proved.

The comments that mention the GIL say which steps rely on it.
"""

from __future__ import annotations

import warnings


def warn_without_gil(*, gil_enabled: bool) -> None:
    """Warn if the interpreter runs without the GIL.

    Args:
        gil_enabled: Whether it runs with the GIL.
    """
    if not gil_enabled:
        message = "jobtui is not proved on a Python without the GIL: it may lose runs or hang"
        warnings.warn(message, RuntimeWarning, stacklevel=3)
