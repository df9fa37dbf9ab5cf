"""Find the rows that meet a query, newest first, without reading all of them.

Each kind of query has an index whose order is that of the answer, or which has every column that the query
asks for. `INDEXED BY` names it, so that SQLite chooses no other one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from jobtui.engine.enums import RunState, Trigger
from jobtui.store.query import Query, fold_case
from jobtui.store.run_order import RunPosition
from jobtui.store.search_index import has_index, has_trigrams

_SHORTEST_INDEXED = 3  # characters
_MOST_TRIGRAMS = 20  # that are looked up of one word
# What is compared of rows with one instant, as in `RunPosition`.
_TIES = "number, (SELECT name FROM jobs WHERE jobs.id = runs.job), created, state"


class _Condition(NamedTuple):
    """A condition in SQL, and the values of its parameters."""

    sql: str
    values: tuple[Any, ...] = ()


class Effort(NamedTuple):
    """The bounds between the ways to find rows. They decide how long a query takes, not the answer.

    Attributes:
        merged: For so many jobs, at most, the index of each job is read.
        rare: If no more runs have a word, they are looked up first.
        scanned: For a more frequent word, so many of the newest runs are read next.
        first: If there are no more than that, so many of them are read first.
        frequent: If they were not enough, and no more runs have the word, those are looked up.
    """

    merged: int = 100
    rare: int = 5_000
    scanned: int = 5_000
    first: int = 500
    frequent: int = 30_000


_EFFORT = Effort()


def find_ids(
    connection: sqlite3.Connection,
    query: Query,
    limit: int,
    before: RunPosition | None = None,
    effort: Effort = _EFFORT,
) -> list[int]:
    """Return the rows in `runs` that meet a query, newest first.

    They are those of endings, unless the query asks for a state that is not final.

    Args:
        connection: The connection.
        query: The query.
        limit: How many rows are returned at most.
        before: Only rows that come later in this order are returned; None for all.
        effort: The bounds between the ways to find them.
    """
    connection.create_function("contains", 2, _contains, deterministic=True)
    jobs = _job_ids(connection, query) if query.job else None
    if jobs == []:
        return []
    conditions = _conditions(query, before) + ([] if jobs is None else [_one_of("job", jobs)])
    search = _NewestFirst(connection, _instant_column(query), limit)
    sources = _sources(query, jobs, effort)
    if not query.words:
        return search.newest(sources, conditions)
    with_words = [*conditions, *map(_has_word, query.words)]
    rows = _rows_with_words(connection, query.words, effort.rare)
    if rows is None:
        newest = search.instants(sources, conditions, effort.scanned + 1)
        if len(newest) <= effort.scanned:
            return search.newest_among(newest, with_words, effort.first)
        found = search.newest(sources, [*with_words, _Condition(f"{search.order} > ?", newest[-1][:1])])
        if len(found) == limit:
            return found
        rows = _rows_with_words(connection, query.words, effort.frequent)
        if rows is not None and query.state is RunState.OK:
            rows -= _not_ok(connection, rows)
    return search.newest(sources if rows is None else [_among(rows)], with_words)


class _Source(NamedTuple):
    """A clause of SQL that names an index, and the condition that lets SQLite use it."""

    clause: str
    condition: _Condition


def _sources(query: Query, jobs: Sequence[int] | None, effort: Effort) -> list[_Source]:
    """Return the indexes to read for a query."""
    if query.number is not None:
        return [
            _Source("INDEXED BY runs_by_number", _Condition("number > 0 AND number = ?", (query.number,)))
        ]
    if jobs is not None and len(jobs) <= effort.merged and _has_no_other_field(query):
        return [_Source("INDEXED BY runs_by_job", _Condition("job = ?", (job,))) for job in jobs]
    if query.state is not None and query.state.ended and query.state is not RunState.OK:
        return [_Source("INDEXED BY runs_not_ok", _Condition("state <> 'OK'"))]
    if query.trigger not in {None, Trigger.TICK}:
        return [_Source("INDEXED BY runs_not_tick", _Condition("trigger <> 'tick'"))]
    return [_Source("INDEXED BY runs_by_end", _Condition("TRUE"))]


class _NewestFirst(NamedTuple):
    """Reads rows in the order of an instant, newest first.

    Attributes:
        connection: The connection.
        order: The column of the instant.
        limit: How many rows are returned at most.
    """

    connection: sqlite3.Connection
    order: str
    limit: int

    def newest(self, sources: Iterable[_Source], conditions: Sequence[_Condition]) -> list[int]:
        """Return the newest rows of several indexes that meet the conditions."""
        found = self._merge(sources, f"{self.order}, {_TIES}, id", conditions, self.limit)
        return [row[-1] for row in found]

    def newest_among(
        self, rows: Sequence[tuple[float, int]], conditions: Sequence[_Condition], first: int
    ) -> list[int]:
        """Return the newest of some rows that meet conditions; if enough of the first ones do, read no more.

        Args:
            rows: The instants and the rows, newest first.
            conditions: The conditions.
            first: How many of them are read first, about.
        """
        edge = rows[first][0] if len(rows) > first else float("-inf")
        newer = [row for instant, row in rows if instant > edge]
        found = self.newest([_among(newer)], conditions)
        if len(found) < self.limit:
            others = [row for instant, row in rows if instant <= edge]
            found += self.newest([_among(others)], conditions)
        return found[: self.limit]

    def instants(
        self, sources: Iterable[_Source], conditions: Sequence[_Condition], limit: int
    ) -> list[tuple[float, int]]:
        """Return the instants and the rows of the newest rows, from the indexes alone."""
        return self._merge(sources, f"{self.order}, id", conditions, limit)

    def _merge(
        self, sources: Iterable[_Source], columns: str, conditions: Sequence[_Condition], limit: int
    ) -> list[Any]:
        """Return columns of the newest rows of several indexes, in the falling order of the columns."""
        found: list[Any] = []
        for source in sources:
            every = list(conditions)
            if len(found) == limit:  # older rows are not among the newest
                every.append(_Condition(f"{self.order} >= ?", (found[-1][0],)))
            found += self._read(source, columns, every, limit)
            found = sorted(found, reverse=True)[:limit]
        return found

    def _read(
        self, source: _Source, columns: str, conditions: Sequence[_Condition], limit: int
    ) -> list[tuple[Any, ...]]:
        """Return columns of the newest rows of an index, in the falling order of the columns."""
        every = [source.condition, *conditions]
        falling = columns.replace(",", " DESC,")
        return self.connection.execute(
            f"SELECT {columns} FROM runs {source.clause} "  # noqa: S608 - our own words
            f"WHERE {' AND '.join(each.sql for each in every)} ORDER BY {falling} DESC LIMIT {limit}",
            [value for each in every for value in each.values],
        ).fetchall()


# --- conditions -----------------------------------------------------------------------------------


def _job_ids(connection: sqlite3.Connection, query: Query) -> list[int]:
    return [row for row, name in connection.execute("SELECT id, name FROM jobs") if query.has_job(name)]


def _instant_column(query: Query) -> str:
    return "ended" if query.state is None or query.state.ended else "started"


def _has_no_other_field(query: Query) -> bool:
    """Return whether a query asks only for jobs, times and words, which the index of a job answers."""
    return (query.state, query.trigger, query.longer, query.shorter) == (None, None, None, None)


def _conditions(query: Query, before: RunPosition | None) -> list[_Condition]:
    """Return the conditions of a query, except those for the job, the number and the words."""
    column = _instant_column(query)
    until = None if query.until is None else query.until.timestamp()
    if before is not None and until is not None and before.instant < until:
        until = None  # SQLite uses one such bound of its index: the narrower one
    given = {
        "state = ?": query.state and query.state.value,
        "trigger = ?": query.trigger and query.trigger.value,
        "number > 0 AND number = ?": query.number,
        f"{column} >= ?": query.since and query.since.timestamp(),
        f"{column} < ?": until,
        "elapsed > ?": None if query.longer is None else query.longer.total_seconds(),
        "elapsed < ?": None if query.shorter is None else query.shorter.total_seconds(),
    }
    found = [_Condition(sql, (value,)) for sql, value in given.items() if value is not None]
    if before is not None:
        instant, *ties = before
        later = f"({column} < ? OR ({_TIES}) < (?, ?, ?, ?))"
        found += [_Condition(f"{column} <= ?", (instant,)), _Condition(later, (instant, *ties))]
    return [
        _Condition("ended IS NOT NULL" if column == "ended" else "ended IS NULL AND started IS NOT NULL"),
        *found,
    ]


def _among(rows: Iterable[int]) -> _Source:
    return _Source("NOT INDEXED", _one_of("id", rows))


def _one_of(column: str, rows: Iterable[int]) -> _Condition:
    return _Condition(f"{column} IN ({', '.join(map(str, rows))})")


# --- words ----------------------------------------------------------------------------------------


def _has_word(word: str) -> _Condition:
    """Return the condition that a run's reason, traceback or output contains a word."""
    texts = [_text_has(word, column) for column in ("reason", "error")]
    line = _text_has(word, "output.text")
    output = "SELECT 1 FROM output WHERE output.life = runs.life AND output.run = runs.number"
    alternatives = [*(text.sql for text in texts), f"EXISTS ({output} AND {line.sql})"]
    return _Condition(
        f"({' OR '.join(alternatives)})", tuple(value for each in [*texts, line] for value in each.values)
    )


def _text_has(word: str, column: str) -> _Condition:
    """Return the condition that a text contains a word. LIKE knows the case of ASCII letters only."""
    like = f"{column} LIKE ? ESCAPE '\\'"
    if word.isascii():
        return _Condition(like, (_like_pattern(word, escape="\\"),))
    return _Condition(f"({like} AND contains({column}, ?))", (_like_pattern(word, escape="\\"), word))


def _like_pattern(word: str, escape: str) -> str:
    """Return a pattern of LIKE for the texts that contain a word. Any character may stand for some.

    Args:
        word: The word.
        escape: Stands before a character that is special in patterns; "" to let any character stand for it.
    """
    return f"%{''.join(_in_pattern(character, escape) for character in word)}%"


def _in_pattern(character: str, escape: str) -> str:
    if character in "%_\\":
        return f"{escape}{character}" if escape else "_"
    has_case = character.isupper() or character.islower() or character.istitle()
    return "_" if has_case and not character.isascii() else character


def _contains(text: str | None, word: str) -> bool:
    return text is not None and fold_case(word) in fold_case(text)


def _not_ok(connection: sqlite3.Connection, rows: Iterable[int]) -> set[int]:
    """Return those of some rows that are not OK, from the index alone: the rows may have long tracebacks."""
    query = f"SELECT id FROM runs INDEXED BY runs_not_ok WHERE state <> 'OK' AND {_one_of('id', rows).sql}"  # noqa: S608 - our own words
    return {row for (row,) in connection.execute(query)}


def _trigrams(pattern: str) -> str:
    """Return the query of FTS5 for the texts that have all characters of a pattern, three by three.

    It is "" if no three characters in a row are known. The index then reads no text to compare it.
    """
    found: dict[str, None] = {}
    for part in pattern.strip("%").split("_"):
        last = len(part) - _SHORTEST_INDEXED
        places = [*range(0, last + 1, _SHORTEST_INDEXED), last] if last >= 0 else ()
        found.update(dict.fromkeys(part[place : place + _SHORTEST_INDEXED] for place in places))
    terms = [*found][:_MOST_TRIGRAMS]
    return " AND ".join('"{}"'.format(term.replace('"', '""')) for term in terms)


def _rows_with_words(connection: sqlite3.Connection, words: Iterable[str], most: int) -> set[int] | None:
    """Return the rows that may have the rarest of some words; None if each has more than `most` hits."""
    found = [_rows_with_word(connection, word, most) for word in words]
    return min((rows for rows in found if rows is not None), key=len, default=None)


def _rows_with_word(connection: sqlite3.Connection, word: str, most: int) -> set[int] | None:
    """Return the rows of runs that may have a word; None if there are more than `most` hits."""
    pattern = _like_pattern(word, escape="")  # finds a little more than the word; `with_words` checks it
    trigrams = _trigrams(pattern)
    if trigrams and has_trigrams() and has_index(connection):
        runs, lines, pattern = (
            "runs_text WHERE runs_text MATCH :word",
            "output_text WHERE output_text MATCH :word",
            trigrams,
        )
    else:
        runs, lines = "runs WHERE reason LIKE :word OR error LIKE :word", "output WHERE text LIKE :word"
    values = {"word": pattern}
    hits = connection.execute(f"SELECT rowid FROM {lines} LIMIT {most + 1}", values).fetchall()  # noqa: S608 - our own words
    if len(hits) > most:
        return None
    rows = connection.execute(f"SELECT rowid FROM {runs} LIMIT {most + 1}", values).fetchall()  # noqa: S608 - as above
    if len(rows) > most:
        return None
    writers = _one_of("output.id", (row for (row,) in hits)).sql
    rows += connection.execute(
        "SELECT DISTINCT runs.id FROM output CROSS JOIN runs ON runs.life = output.life "  # noqa: S608 - as above
        f"AND runs.number = output.run AND runs.number > 0 WHERE {writers}"
    )
    return {row for (row,) in rows}
