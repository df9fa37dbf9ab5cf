"""The rows of the table that the benchmarks print, and the comparisons in them."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

SLEEPS, SLEEP = 1_000, 0.001  # how many, and seconds


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table; `met` is None if there is no target."""

    measured: str
    jobtui: str
    peer: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None


def compare_rounds(
    measured: str,
    unit: str,
    times: list[float],
    peer: str,
    peer_times: list[float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Row:
    """Compare rounds in pairs. The median of the ratios counts; their range shows how certain it is.

    Args:
        measured: What was measured.
        unit: The unit of the numbers; less is better.
        times: The rounds of jobtui.
        peer: The name of the peer.
        peer_times: The rounds of the peer, each measured right after that of jobtui.
        at_least: How many times as fast as the peer jobtui must be.
        at_most: The share of the peer's number that jobtui must not exceed.
    """
    is_share = at_most is not None
    pairs = list(zip(times, peer_times, strict=True))
    ratios = [own / peers if is_share else peers / own for own, peers in pairs]
    ratio = statistics.median(ratios)
    target, met = "", None
    if at_most is not None:
        target, met = f"<= {at_most:g} of the peer's", ratio <= at_most
    elif at_least is not None:
        target, met = f">= {at_least:g}x as fast", ratio >= at_least
    return Row(
        measured=measured,
        jobtui=_format_median(times, unit),
        peer=f"{peer}: {_format_median(peer_times, unit)}",
        ratio=f"{ratio:.3g}{'' if is_share else 'x'} ({min(ratios):.3g} to {max(ratios):.3g})",
        target=target,
        met=met,
    )


def best_ratio(times: list[float], peer_times: list[float]) -> float:
    """Return how many times as fast as the best round of the peer the best round of jobtui is."""
    return min(peer_times) / min(times)


def compare_best(
    measured: str, unit: str, times: list[float], peer: str, peer_times: list[float], *, at_least: float
) -> Row:
    """Compare the best rounds. The range is that of the ratios of paired rounds."""
    ratios = [peers / own for own, peers in zip(times, peer_times, strict=True)]
    ratio = best_ratio(times, peer_times)
    return Row(
        measured=measured,
        jobtui=f"{min(times):.4g} {unit}",
        peer=f"{peer}: {min(peer_times):.4g} {unit}",
        ratio=f"{ratio:.3g}x ({min(ratios):.3g} to {max(ratios):.3g})",
        target=f">= {at_least:g}x as fast",
        met=ratio >= at_least,
    )


def compare_with_limit(measured: str, unit: str, values: list[float], at_most: float, peer: str = "") -> Row:
    """Compare the median of some rounds with a limit."""
    spread = f" ({min(values):.4g} to {max(values):.4g})" if len(values) > 1 else ""
    return Row(
        measured=measured,
        jobtui=_format_median(values, unit) + spread,
        peer=peer,
        target=f"<= {at_most:g} {unit}",
        met=statistics.median(values) <= at_most,
    )


def require_none(measured: str, count: int, total: int, peer: str = "") -> Row:
    """Require that a count of errors is zero."""
    return Row(measured=measured, jobtui=f"{count:,} of {total:,}", peer=peer, target="none", met=not count)


def percentile(values: list[float], percent: int) -> float:
    """Return the value that this percentage of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def describe_plain_sleep() -> str:
    """Measure how late a thread wakes that only sleeps, which is a lower bound of every lateness."""
    late = []
    for _ in range(SLEEPS):
        began = time.perf_counter()
        time.sleep(SLEEP)
        late.append((time.perf_counter() - began - SLEEP) * 1e3)
    return f"a plain sleep before: p50 {percentile(late, 50):.2g}, p99 {percentile(late, 99):.2g} ms"


def format_table(rows: list[Row]) -> str:
    """Return the rows as a table in Markdown."""
    head = "| measured | jobtui | peer | ratio: median (range) | target | met |\n|---|---|---|---|---|---|\n"
    met = {True: "yes", False: "**NO**", None: ""}
    return head + "\n".join(
        f"| {row.measured} | {row.jobtui} | {row.peer} | {row.ratio} | {row.target} | {met[row.met]} |"
        for row in rows
    )


def main(description: str | None, measure: Callable[[bool], Iterator[Row]]) -> None:
    """Measure and print the rows of one script; the exit status is 1 if a target is missed.

    Args:
        description: The docstring of the script.
        measure: Yields the rows; its argument says whether to measure less.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="measure less, with more noise")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each row")
    options = parser.parse_args()
    rows = list(measure(options.quick))
    print("\n".join(json.dumps(asdict(row)) for row in rows) if options.json else format_table(rows))
    sys.exit(any(row.met is False for row in rows))


def _format_median(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.4g} {unit}"
