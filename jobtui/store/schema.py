"""The tables of the store's file, and the changes from one version of them to the next.

All times are seconds since the epoch (UTC), as floats, so that they sort right before 1970, too.
"""

from __future__ import annotations

APPLICATION_ID = 0x6A6F6274  # "jobt": tells the file from other programs' files

Versions = tuple[tuple[str, ...], ...]  # the statements of each version


def _trigger(name: str, event: str, count: str) -> str:
    """Return the trigger that counts an ending, and keeps the state of its job up to date.

    The watermark is the last tick of the job that has been decided: ticks that started no run were decided
    when their entry was last changed.
    """
    return f"""CREATE TRIGGER {name} AFTER {event} ON runs WHEN NEW.ended IS NOT NULL BEGIN
        INSERT INTO counters VALUES (NEW.job, NEW.state, {count})
            ON CONFLICT (job, state) DO UPDATE SET count = count + excluded.count;
        UPDATE jobs SET
            prev = max(coalesce(prev, NEW.started), coalesce(NEW.started, prev)),
            last_elapsed = coalesce(NEW.elapsed, last_elapsed),
            watermark = CASE WHEN NEW.trigger = 'tick'
                THEN max(coalesce(watermark, NEW.due), iif(NEW.number = 0, NEW.ended, NEW.due))
                ELSE watermark END
            WHERE id = NEW.job;
    END"""  # noqa: S608 - our own names


# What brings an empty file to version 1, version 1 to version 2, and so on. Never change an entry that has
# been released: append another one.
VERSIONS: Versions = (
    (
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
        """CREATE TABLE lives (
            id INTEGER PRIMARY KEY, started REAL NOT NULL, seen REAL NOT NULL, ended REAL, killed INTEGER,
            pid INTEGER NOT NULL, host TEXT NOT NULL, zone TEXT NOT NULL, version TEXT NOT NULL,
            file TEXT NOT NULL, file_hash TEXT NOT NULL, git_commit TEXT NOT NULL)""",
        """CREATE TABLE jobs (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, schedule_key TEXT, paused_at REAL,
            prev REAL, last_elapsed REAL, watermark REAL)""",
        # Counters outlive the rows that retention deletes.
        """CREATE TABLE counters (
            job INTEGER NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (job, state)) WITHOUT ROWID""",
        # One column for each field of `RunView`, and those that only the file has.
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY, life INTEGER NOT NULL, number INTEGER, job INTEGER, trigger TEXT,
            state TEXT, created REAL, due REAL, waiting_since REAL, started REAL, worker TEXT, ended REAL,
            elapsed REAL, reason TEXT, error TEXT, ticks INTEGER, exception TEXT, place TEXT)""",
        # Several schedulers may have used one number, if a process was killed just after the run's request.
        "CREATE UNIQUE INDEX runs_by_number ON runs (number, life) WHERE number > 0",
        "CREATE UNIQUE INDEX ticks_by_job ON runs (job, created, due, state) WHERE number = 0",
        "CREATE INDEX runs_by_job ON runs (job, ended)",
        # The columns after `ended` let a search pass over rows without reading them.
        "CREATE INDEX runs_by_end ON runs (ended, state, trigger, elapsed, job)",
        "CREATE INDEX runs_not_ok ON runs (state, ended, trigger, elapsed, job) WHERE state <> 'OK'",
        "CREATE INDEX runs_not_tick ON runs (trigger, ended, state, elapsed, job) WHERE trigger <> 'tick'",
        _trigger("count_inserted", "INSERT", "NEW.ticks"),
        _trigger("count_updated", "UPDATE", "NEW.ticks - iif(OLD.ended IS NULL, 0, OLD.ticks)"),
        """CREATE TABLE output (
            id INTEGER PRIMARY KEY, life INTEGER NOT NULL, run INTEGER NOT NULL, line INTEGER NOT NULL,
            at REAL NOT NULL, stream TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (life, run, line))""",
    ),
    (
        "ALTER TABLE runs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE runs ADD COLUMN arguments TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE jobs ADD COLUMN paused_until REAL",
        "ALTER TABLE jobs ADD COLUMN pause_note TEXT",
        "ALTER TABLE jobs ADD COLUMN paused_by TEXT",
    ),
    (
        # The durable requests that have not ended. `life` and `number` are those of the run; NULL until a
        # process has taken the request.
        """CREATE TABLE one_offs (
            id INTEGER PRIMARY KEY AUTOINCREMENT, function TEXT NOT NULL, arguments TEXT NOT NULL,
            trigger TEXT NOT NULL CHECK (trigger IN ('now', 'in', 'at')),
            created REAL NOT NULL CHECK (typeof(created) = 'real'),
            due REAL CHECK (typeof(due) IN ('real', 'null')),
            life INTEGER, number INTEGER, attempt INTEGER NOT NULL DEFAULT 1)""",
        "CREATE INDEX one_offs_by_life ON one_offs (life, number)",
        # The ticks that a process runs, where several processes use the file.
        """CREATE TABLE claims (
            job TEXT NOT NULL, due REAL NOT NULL, life INTEGER NOT NULL, PRIMARY KEY (job, due)
            ) WITHOUT ROWID""",
        "ALTER TABLE jobs ADD COLUMN overlap TEXT",
    ),
    ("ALTER TABLE runs ADD COLUMN warned INTEGER NOT NULL DEFAULT 0",),
    (
        "ALTER TABLE runs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE runs ADD COLUMN retry_at REAL",
        # The attempts that failed and were followed by another one. Each is counted as RETRYING.
        """CREATE TABLE attempts (
            life INTEGER NOT NULL, run INTEGER NOT NULL, number INTEGER NOT NULL, job INTEGER NOT NULL,
            started REAL NOT NULL, ended REAL NOT NULL, elapsed REAL NOT NULL,
            reason TEXT NOT NULL, error TEXT NOT NULL, PRIMARY KEY (life, run, number)) WITHOUT ROWID""",
        """CREATE TRIGGER count_attempts AFTER INSERT ON attempts BEGIN
            INSERT INTO counters VALUES (NEW.job, 'RETRYING', 1)
                ON CONFLICT (job, state) DO UPDATE SET count = count + 1;
        END""",
    ),
    (
        # A run that is cancelled between two attempts has no start, but its job has run.
        """CREATE TRIGGER attempt_is_latest_run AFTER INSERT ON attempts BEGIN
            UPDATE jobs SET prev = max(coalesce(prev, NEW.started), NEW.started) WHERE id = NEW.job;
        END""",
    ),
)
