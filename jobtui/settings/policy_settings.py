"""The settings for policies, which are those of the jobs that do not say otherwise.

`overlap` has Revel's key, `jobs.selfconcurrent`. Policies that only make sense for one job have no setting.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jobtui.engine.enums import Misfire
from jobtui.engine.retry import MAX_TIMES
from jobtui.settings.setting_errors import SettingEntry
from jobtui.settings.setting_values import check_choice, check_duration, check_whole_number

_MOST = 1_000_000  # a larger number is a typo


def _check_misfire(entry: SettingEntry) -> str:
    return check_choice(entry, [each.value for each in Misfire])


def _count(unit: str, least: int, most: int = _MOST) -> Callable[[SettingEntry], int]:
    """Return the check of a number of things."""
    return lambda entry: check_whole_number(
        entry, range(least, most + 1), f"a number of {unit} from {least} to {most}"
    )


# The check of the setting of each policy, by the name of the policy.
POLICY_CHECKS: Mapping[str, Callable[[SettingEntry], object]] = {
    "misfire": _check_misfire,
    "max_late": check_duration,
    "catch_up": check_duration,
    "max_held": _count("runs", 1),
    "pause_after": _count("failures", 0),
    "retry": _count("retries", 0, MAX_TIMES),
    "timeout": check_duration,
    "warn": check_duration,
    "abandon": check_duration,
}


def policy_settings(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the policies among checked settings, by their names."""
    keys = {name: f"jobs.{name}" for name in POLICY_CHECKS}
    return MappingProxyType({name: values[key] for name, key in keys.items() if key in values})
