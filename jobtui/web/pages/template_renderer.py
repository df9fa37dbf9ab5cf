"""How things look: the templates, and what they need to say what there is. Every text in them is escaped."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from jobtui.engine.enums import RunState
from jobtui.engine.views import PoolView
from jobtui.frontend import formatting as words
from jobtui.frontend.upcoming import is_affected_by_transition
from jobtui.process.printable import printable, printable_lines

ROOT = "/@jobs"
GAUGE = 10  # characters
STATIC = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}

_GLYPHS: dict[Any, str] = {**words.STATUS_GLYPHS, **words.STATE_GLYPHS}
_TONES: dict[Any, str] = {**words.STATUS_TONES, **words.STATE_TONES}
_REMEMBERED = 2_048  # of each piece
_NEVER = Markup('<span class="muted">{}</span>').format(words.ABSENT)

Draw = Callable[[str, Any, datetime], Markup]


@dataclass(frozen=True, slots=True)
class File:
    """A file that the pages load."""

    body: bytes
    content_type: str


class TemplateRenderer:
    """The templates, made ready once.

    Args:
        readonly: Whether there are no buttons.

    Attributes:
        files: What the pages load, by name.
    """

    def __init__(self, *, readonly: bool) -> None:
        folder = files("jobtui.web.pages") / "static"
        self.files = {name: File((folder / name).read_bytes(), kind) for name, kind in STATIC.items()}
        digest = hashlib.sha256(b"".join(file.body for file in self.files.values())).hexdigest()
        self._templates = Environment(
            loader=PackageLoader("jobtui.web.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "root": ROOT,
            "version": digest[:12],  # of the files: a browser that has kept older ones asks for these
            "readonly": readonly,
            "glyphs": _GLYPHS,
            "tones": _TONES,
            "strip_glyphs": words.STRIP_GLYPHS,
            "instant": instant,
            "affected": is_affected_by_transition,
        }
        self._templates.filters |= {
            "printable": printable,
            "printable_lines": printable_lines,
            "moment": words.format_instant,
            "full_moment": words.format_instant_full,
            "span": words.format_duration,
            "count": words.pluralize,
            "run_label": words.run_label,
            "in_words": in_words,
            "in_rows": _in_rows,
            "has_page": has_page,
            "job_path": job_path,
            "gauge": _gauge,
            "pool_tone": _pool_tone,
        }
        pieces = self._templates.get_template("pieces.html").module
        for piece in ("state", "job_link", "strip", "job_buttons"):
            self._templates.globals[piece] = lru_cache(_REMEMBERED)(getattr(pieces, piece))
        for name in self._templates.list_templates():
            self._templates.get_template(name)  # a page is not the place to find that one is broken
        self._parts: Any = self._templates.get_template("parts.html").module

    def page(self, template: str, **what: object) -> str:
        """A whole page."""
        return self._templates.get_template(template).render(what)

    def part(self, name: str) -> Draw:
        """What draws one part of a page, given its id, what it shows and what time it is."""
        draw: Draw = getattr(self._parts, name)
        return draw


def job_path(name: str) -> str:
    """The path of a job's page."""
    return f"{ROOT}/jobs/{quote(name, safe='')}"


def has_page(name: str) -> bool:
    """Whether a path can lead to a job: browsers take these two for steps in a path, however written."""
    return name not in (".", "..")


def instant(time: datetime | None, now: datetime) -> Markup:
    """An instant as short as it can be told, and in full for who asks."""
    if time is None:
        return _NEVER
    full, short = escape(words.format_instant_full(time)), escape(words.format_instant(time, now).strip())
    return Markup(f'<time datetime="{time.isoformat()}" title="{full}">{short}</time>')  # noqa: S704 - escaped


def in_words(states: Sequence[RunState]) -> str:
    """Outcomes, oldest first, as a sentence: ``the last 10: 9 ok, 1 failed; the latest ok``."""
    counts = Counter(states)
    numbers = ", ".join(f"{number} {state.value.lower()}" for state, number in counts.most_common())
    return f"the last {len(states)}: {numbers}; the latest {states[-1].value.lower()}"


def _in_rows(states: Sequence[RunState]) -> list[tuple[RunState, int]]:
    """Outcomes with how many of them follow each other."""
    return [(state, len(list(row))) for state, row in groupby(states)]


def _gauge(pool: PoolView) -> str:
    full = min(GAUGE, -(-pool.running * GAUGE // pool.size))  # rounded up: one running run shows
    return "█" * full + "░" * (GAUGE - full)


def _pool_tone(pool: PoolView) -> str:
    return "failed" if pool.saturated and pool.queued else "waiting" if pool.saturated else "ok"
