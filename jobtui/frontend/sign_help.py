"""The meaning of every sign that the dashboard draws, for its help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobtui.frontend.formatting import DST, JOB_SIGNS, STATE_SIGNS
from jobtui.frontend.output_signs import NEW_OUTPUT, SILENT
from jobtui.runtime.timer import MAX_SLEEP

SIGNS: Mapping[str, Sequence[tuple[str, str]]] = {
    "In the header": (
        ("♥ 2s", f"since the timer last woke; it wakes every {MAX_SLEEP:g}s"),
        ("♥ STALLED", "it did not wake in time"),
        ("▕ ▃ █ ▏", "a slot: the part of the last minute in which it was taken"),
        ("▸ ▃ █ ▏", "a slot that works for the selected job"),
        ("SATURATED", "none is free"),
        ("!", "a warning, or runs that wait too long"),
    ),
    "In a table": (
        ("▸", "the row on which keys act"),
        ("›", "that row in another table"),  # noqa: RUF001 - the table's sign
        ("◆", "a marked job, on which keys act together"),
        ("▲ ▼", "the order of the jobs"),
        ("▾ ▴", "there are more lines below, above"),
        ("+2", "of its runs wait"),
        (NEW_OUTPUT, "it has written output since you last saw its log"),
        (SILENT, "it runs, and has written nothing for unusually long"),
        (DST, "a clock change affects it; the page of the job shows how"),
        ("↻ 2/4", "attempt 2 of 4 is next"),
        ("!1m", "a run that takes longer than its job's warn"),
        ("#866", "the number of a run"),
        ("×3", "three ticks that started no run"),  # noqa: RUF001 - a multiplication sign
        ("✗ 3", "failed runs, if the latest one failed"),
    ),
    "The status of a job": tuple((sign.glyph, word) for word, sign in JOB_SIGNS.items()),
    "The state of a run": tuple((sign.glyph, state.value) for state, sign in STATE_SIGNS.items()),
    "Outcomes and bars": (
        ("▁ ▃ █", "a run that was OK, as high as it was long"),
        ("✗ ⊘ ↷", "any other ending, by its sign"),
        ("███░░", "how much of its usual time a run has taken"),
        ("≤ 2s", "the longest usual time"),
    ),
    "The pages of a job and a run": (
        ("━ ╌", "the timeout and the warn of the job"),
        ("┄ ─", "the 95th percentile and the median"),
        ("▸ ▾", "a part that is folded, and one that is not"),
        ("░ ▒ █", "held, queued, ran"),
        ("┄", "between two attempts"),
    ),
    "The timeline and the calendar": (
        ("│", "now"),
        ("█", "a run that there was"),
        ("▒", "a run of the forecast"),
        ("·", "a run waits; in the calendar, nothing is due"),
        ("▁ █", "slots of the pool that are taken"),
    ),
}
