"""Copy a database every night: a plain script with a job."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import jobtui

DATABASE = Path("shop.db")
BACKUPS = Path("backups")


@jobtui.scheduled("0 30 2 * * *", on_start=True, retry=3, timeout="10m")
def back_up() -> None:
    """Copy the database, 100 pages at a time, and stop between them if the run is asked to stop."""
    BACKUPS.mkdir(exist_ok=True)
    run = jobtui.current_run()
    unfinished, target = BACKUPS / "unfinished.db", BACKUPS / f"{date.today()}.db"

    def check(*_pages: int) -> None:
        if run.cancelled:
            raise jobtui.RunCancelledError

    with closing(sqlite3.connect(DATABASE)) as source, closing(sqlite3.connect(unfinished)) as copy:
        source.backup(copy, pages=100, progress=check)
    unfinished.replace(target)
    print(f"wrote {target}")


if __name__ == "__main__":
    jobtui.run()
