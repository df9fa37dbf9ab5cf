"""``python -m jobtui``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Without -P, Python puts the current folder first on its path. A module that happens to be in the folder
    # must not run in the place of one that jobtui imports.
    folders = [] if sys.flags.safe_path else [sys.path.pop(0)]

    try:
        from jobtui.cli.main import main
        from jobtui.loading.import_path import put_first_on_path
    except KeyboardInterrupt:
        sys.exit(130)  # as for Ctrl+C at any later moment: see `cli.command_error`

    for folder in folders:
        put_first_on_path(folder)
    sys.exit(main())
