"""The index of texts: finds the runs whose reason, traceback or output contains a word.

It is SQLite's full-text index (FTS5) of trigrams, which finds any three characters in a row. Triggers keep it
up to date. Not every SQLite has it: then there are no triggers, and a search reads all texts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from functools import cache

# The columns of each table that are indexed, as one text. The index of a table is `TABLE_text`.
INDEXED = {"runs": ("reason", "error"), "output": ("text",)}
_TRIGGERS = tuple(f"{table}_text_{event}" for table in INDEXED for event in ("insert", "update", "delete"))


def prepare_index(connection: sqlite3.Connection) -> None:
    """Create the index, and bring it up to date after an SQLite without FTS5 has written the file.

    Without FTS5, drop the triggers: each write would fail.
    """
    indexed = has_index(connection)
    if indexed is has_trigrams():
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _drop_triggers() if indexed else _create_index():
            connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def has_index(connection: sqlite3.Connection) -> bool:
    """Return whether the file has an index that is up to date."""
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    return set(_TRIGGERS) <= {name for (name,) in found}


@cache
def has_trigrams() -> bool:
    """Return whether this SQLite has FTS5 with trigrams (since version 3.34)."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE tried USING fts5(text, tokenize = 'trigram')")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def _drop_triggers() -> Iterator[str]:
    return (f"DROP TRIGGER {name}" for name in _TRIGGERS)


def _create_index() -> Iterator[str]:
    """Yield the statements that create the index and its triggers. Most runs have no text to index."""
    for table, columns in INDEXED.items():
        index, view = f"{table}_text", f"{table}_to_index"
        yield f"CREATE VIEW IF NOT EXISTS {view} AS SELECT id, {_text(columns)} AS text FROM {table}"  # noqa: S608 - our own names
        yield (
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {index} USING fts5(text, content = '{view}', "
            "content_rowid = 'id', tokenize = 'trigram', detail = 'none', columnsize = 0)"
        )
        yield f"INSERT INTO {index} ({index}) VALUES ('rebuild')"  # noqa: S608 - as above
        new, old = ([f"{row}.{name}" for name in columns] for row in ("NEW", "OLD"))
        add = f"INSERT INTO {index} (rowid, text) SELECT NEW.id, {_text(new)} WHERE {_filled(new)};"
        remove = (
            f"INSERT INTO {index} ({index}, rowid, text) "
            f"SELECT 'delete', OLD.id, {_text(old)} WHERE {_filled(old)};"
        )
        changed = " OR ".join(map("{} <> {}".format, new, old))
        for event, when, body in (
            ("INSERT", _filled(new), add),
            ("DELETE", _filled(old), remove),
            (f"UPDATE OF {', '.join(columns)}", changed, f"{remove} {add}"),
        ):
            name = f"{index}_{event.split()[0].lower()}"
            yield f"CREATE TRIGGER {name} AFTER {event} ON {table} WHEN {when} BEGIN {body} END"


def _text(columns: Iterable[str]) -> str:
    return " || char(10) || ".join(columns)


def _filled(columns: Iterable[str]) -> str:
    return " OR ".join(f"{name} <> ''" for name in columns)
