"""From what a user calls a schedule to the schedule: named specs, zones, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from jobtui.schedules.parser import parse
from jobtui.schedules.schedule import Cron, Dst, Every, Once, Schedule, dst_rule
from jobtui.schedules.zones import zone, zone_name

NAMED = "cron."  # a spec that begins so is looked up in the settings


class SpecResolver:
    """Reads specs for one scheduler.

    Args:
        named: The named specs of the settings, by whole key (``cron.name``).
        tz: The zone of specs that name none; None is the machine's.
        dst: What fixed times do on the nights the clocks change, where a job does not say.

    Raises:
        BadSpec: ``dst`` is neither ``"once"`` nor ``"every"``.
    """

    def __init__(self, named: Mapping[str, str], tz: str | tzinfo | None, dst: Dst) -> None:
        self._named = dict(named)
        self._dst = dst_rule(dst)
        self._tz = tz  # None stays None: a spec then names no zone where it is shown

    def read(self, spec: str | Schedule, *, tz: str | tzinfo | None, dst: Dst | None) -> tuple[Schedule, str]:
        """Returns the schedule, and what to show of it: the user's own words.

        Raises:
            BadSpec: The spec is not one.
            LookupError: The settings have no spec of that name.
            TypeError: It is neither a spec nor a schedule.
        """
        if isinstance(spec, (Cron, Every, Once)):
            return spec, str(spec)
        if not isinstance(spec, str):
            raise TypeError(
                f"a schedule is a spec such as '@every 5s' or what parse() returns, not {spec!r:.80}"
            )
        text = self._look_up(spec)
        schedule = parse(text, tz=self._tz if tz is None else tz, dst=self._dst if dst is None else dst)
        shown = f"{spec} = {text}" if text is not spec else " ".join(spec.split())
        if tz is not None and schedule.tz != zone(self._tz):
            shown += f" ({zone_name(schedule.tz)})"
        return schedule, shown

    def _look_up(self, spec: str) -> str:
        if not spec.startswith(NAMED):
            return spec
        try:
            return self._named[spec]
        except KeyError:
            known = ", ".join(sorted(self._named)) or "none"
            raise LookupError(f"the settings have no schedule {spec}; they have: {known}") from None
