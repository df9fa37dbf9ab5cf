"""Jinja templates, and the filters and functions that they use; everything is auto-escaped."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from jobtui.engine.enums import JobStatus, RunState
from jobtui.engine.views import PoolView, RunView
from jobtui.frontend import formatting
from jobtui.frontend.now_next import needs_attention
from jobtui.frontend.outcome_strip import outcome_strip
from jobtui.frontend.upcoming import is_affected_by_transition
from jobtui.process.printable import printable, printable_lines
from jobtui.process.terminal_text import terminal_lines
from jobtui.schedules.schedule import has_ticks
from jobtui.web.pages.shown_progress import show_progress

STATIC_FILES = {
    "style.css": "text/css",
    "live.js": "text/javascript",
    "stream.js": "text/javascript",
    "log.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "icon-running.svg": "image/svg+xml",
    "icon-failed.svg": "image/svg+xml",
    "icon-lost.svg": "image/svg+xml",
}

_WORD_STARTS = re.compile(r"(?<=[_./:\\@-])(?=[^\W_])|(?<=[a-z0-9])(?=[A-Z])")
_GAUGE_WIDTH = 10  # characters
_SIGNS: dict[Any, formatting.Sign] = {**formatting.STATUS_SIGNS, **formatting.STATE_SIGNS}
_CACHE_SIZE = 2_048  # results of each cached macro
_ABSENT = Markup('<span class="muted">{}</span>').format(formatting.ABSENT)

RenderFragment = Callable[[str, Any, datetime], Markup]


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that the pages load."""

    body: bytes
    content_type: str


class TemplateRenderer:
    """Renders pages and fragments from templates that are compiled once, at the start.

    Args:
        readonly: Whether to leave out the buttons that change something.

    Attributes:
        static_files: The files that the pages load, by name.
    """

    def __init__(self, *, readonly: bool) -> None:
        folder = files("jobtui.web.pages") / "static"
        self.static_files = {
            name: StaticFile((folder / name).read_bytes(), content_type)
            for name, content_type in STATIC_FILES.items()
        }
        digest = hashlib.sha256(b"".join(file.body for file in self.static_files.values())).hexdigest()
        self._templates = Environment(
            loader=PackageLoader("jobtui.web.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "files_version": digest[:12],  # in the files' URLs, so that browsers cache no older files
            "readonly": readonly,
            "signs": _SIGNS,
            "time_element": _time_element,
            "is_affected": is_affected_by_transition,
            "show_progress": show_progress,
        }
        self._templates.filters |= {
            "printable": printable,
            "ladder": formatting.format_ladder,
            "abandoned": formatting.format_abandoned,
            "late_ticks": formatting.format_late_ticks,
            "overlap": formatting.format_overlap,
            "limits": formatting.format_limits,
            "pause_after": formatting.format_pause_after,
            "times": formatting.format_times,
            "status_words": formatting.status_words,
            "printable_lines": printable_lines,
            "terminal_lines": terminal_lines,
            "breakable": _breakable,
            "instant": formatting.format_instant,
            "full_instant": formatting.format_instant_full,
            "date_time": formatting.format_date_time,
            "duration": formatting.format_duration,
            "pluralize": formatting.pluralize,
            "run_label": formatting.run_label,
            "attempts": formatting.format_attempts,
            "summarize": _summarize,
            "outcome_strip": outcome_strip,
            "has_page": _has_page,
            "job_path": _job_path,
            "why_path": _why_path,
            "history_path": partial(_query_path, "history", "job"),
            "log_path": partial(_query_path, "log", "job"),
            "run_form_path": partial(_query_path, "run", "job"),
            "streak_path": partial(_query_path, "streak", "job"),
            "timeline_path": partial(_query_path, "timeline", "q"),
            "gauge": _gauge,
            "pool_tone": _pool_tone,
        }
        self._templates.tests |= {
            "failed_last": formatting.failed_last,
            "having_ticks": has_ticks,
            "needing_attention": needs_attention,
        }
        cached = self._templates.get_template("cached.html").module
        for macro in ("state", "job_link", "strip", "job_buttons"):
            self._templates.globals[macro] = lru_cache(_CACHE_SIZE)(getattr(cached, macro))
        for name in self._templates.list_templates():
            self._templates.get_template(name)  # a template with an error must fail now, not on the page
        self._fragments: Any = self._templates.get_template("fragments.html").module

    def render_page(self, template: str, **values: object) -> str:
        """Render a whole page."""
        return self._templates.get_template(template).render(values)

    def fragment_macro(self, name: str) -> RenderFragment:
        """Return a function that renders a fragment from its id, its view and the current time."""
        macro: RenderFragment = getattr(self._fragments, name)
        return macro


@cache
def shared_renderer(*, readonly: bool) -> TemplateRenderer:
    """Return the renderer that all servers of this process share, since it takes long to compile."""
    return TemplateRenderer(readonly=readonly)


def _job_path(name: str) -> str:
    """Return the path of a job's page, relative to the status page."""
    return f"jobs/{quote(name, safe='')}"


def _why_path(item: RunView | str) -> str:
    """Return the path of the explanation of a run, of a tick that started none, or of a job's latest tick."""
    if isinstance(item, str):
        return f"why?job={quote(item, safe='')}"
    if item.number:
        return f"why?run={item.number}"
    at = "" if item.due is None else f"&at={quote(item.due.isoformat(), safe='')}"
    return f"why?job={quote(item.job, safe='')}{at}"


def _query_path(page: str, parameter: str, job: str) -> str:
    """Return the path of a page about a job, whose query has the name of the job."""
    return f"{page}?{parameter}={quote(job, safe='')}"


def _has_page(name: str) -> bool:
    """Return whether a job of this name can have a page: browsers resolve ``.`` and ``..`` in a path."""
    return name not in (".", "..")


def _time_element(instant: datetime | None, now: datetime) -> Markup:
    """Return an instant as a `time` element: short, with the full date as its tooltip."""
    if instant is None:
        return _ABSENT
    full = escape(formatting.format_instant_full(instant))
    short = escape(formatting.format_instant(instant, now).strip())
    return Markup(f'<time datetime="{instant.isoformat()}" title="{full}">{short}</time>')  # noqa: S704 - escaped


def tab_of(state: JobStatus | RunState, *, failed: bool) -> tuple[str, str]:
    """Return the text before the title of a job's or run's tab, and the name of its icon."""
    if failed:
        return _SIGNS[RunState.FAILED].glyph, "icon-failed.svg"
    return _SIGNS[state].glyph, "icon-running.svg" if state.value == "RUNNING" else "icon.svg"


def _breakable(text: str) -> Markup:
    """Return a printable text that browsers also break between the words of ``a_b``, ``a.b`` and ``aB``."""
    return Markup("<wbr>").join(map(escape, _WORD_STARTS.split(printable(text))))


def _summarize(states: Sequence[RunState]) -> str:
    """Summarize outcomes, oldest first, such as ``the last 10: 9 ok, 1 failed; the latest ok``."""
    counts = Counter(states)
    numbers = ", ".join(f"{number} {state.value.lower()}" for state, number in counts.most_common())
    return f"the last {len(states)}: {numbers}; the latest {states[-1].value.lower()}"


def _gauge(pool: PoolView) -> str:
    full = min(_GAUGE_WIDTH, -(-pool.running * _GAUGE_WIDTH // pool.size))  # rounded up: one run is visible
    return "█" * full + "░" * (_GAUGE_WIDTH - full)


def _pool_tone(pool: PoolView) -> str:
    return "failed" if pool.saturated and pool.queued else "waiting" if pool.saturated else "ok"
