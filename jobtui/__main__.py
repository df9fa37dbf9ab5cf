"""``python -m jobtui``."""

from __future__ import annotations

import sys

from jobtui.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
