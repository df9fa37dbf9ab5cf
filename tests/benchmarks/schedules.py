"""The time to parse a spec and to find its next tick, compared with croniter and cronsim.

    python tests/benchmarks/schedules.py [ROUNDS]

Prints the median of each, the ratios, and whether the targets are met; the exit status is 1 if one is missed.
Each library is measured with one schedule or iterator that is used again and again. It is not a test, because
times vary too much on a busy machine.
"""

from __future__ import annotations

import gc
import random
import runpy
import statistics
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

from jobtui.schedules.parser import parse

ROUNDS = 15
NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2026, 1, 1, 0, 0, 0, tzinfo=UTC)
NEW_SPECS = 2000
REFERENCE = 28.5e-6  # seconds of croniter's get_next on the machine for which the absolute targets are meant
TURN = 0.004  # seconds for which one library is measured before the next
FUZZ = Path(__file__).resolve().parents[1] / "schedules" / "test_fuzz.py"

WORK = "0 */15 9-17 ? * MON-FRI"
FEBRUARY = "0 0 0 29 2 *"
NEXT_ROWS = [
    (WORK, UTC),
    (WORK, NEW_YORK),
    (FEBRUARY, UTC),
    (FEBRUARY, NEW_YORK),
    ("0 30 2 * * *", UTC),
    ("0 30 2 * * *", NEW_YORK),
    ("0 * * * * *", UTC),
    ("0 * * * * *", NEW_YORK),
    ("* * * * * *", UTC),
    ("* * * * * *", NEW_YORK),
]

Call = Callable[[], object]
Times = dict[str, float]  # seconds of a call, by library


def croniter_spec(spec: str) -> str:
    """Return a spec in croniter's order of fields, with the seconds last."""
    second, *others = spec.split()
    return " ".join([*others, second]).replace("?", "*")


def short_zone_name(tz: tzinfo) -> str:
    """Return the name of the zone for the table."""
    return "UTC" if tz is UTC else "New York"


def next_functions(spec: str, tz: tzinfo) -> dict[str, Callable[[], datetime]]:
    """Return a function for each library that finds the next tick after the one before."""
    schedule, start = parse(spec, tz=tz), START.astimezone(tz)
    due = start

    def jobtui_next() -> datetime:
        nonlocal due
        following = schedule.next(due)
        assert following is not None
        due = following
        return following

    # The iterators keep their position themselves, as in normal use.
    reused = croniter(croniter_spec(spec), start)
    simulated = CronSim(spec.replace("?", "*"), start)
    return {
        "jobtui": jobtui_next,
        "croniter": lambda: reused.get_next(datetime),
        "cronsim": lambda: next(simulated),
    }


def compare_instants(spec: str, tz: tzinfo, ticks: int) -> str:
    """Return for how many ticks all libraries agree, and the first tick at which they differ."""
    functions = next_functions(spec, tz)
    for number in range(ticks):
        instants = {name: find_next().astimezone(UTC) for name, find_next in functions.items()}
        if len(set(instants.values())) > 1:
            difference = ", ".join(f"{name} {due:%Y-%m-%d %H:%M}Z" for name, due in instants.items())
            return f"the same {number} ticks, then {difference}"
    return f"the same {ticks} ticks"


def measure_in_turns(calls: dict[str, Call], rounds: int) -> Times:
    """Measure in turns, so that a slow phase of the machine affects all; return the medians of the rounds."""
    loops = {}
    for name, call in calls.items():
        began, count_of_calls = perf_counter(), 0
        while perf_counter() - began < TURN:
            call()
            count_of_calls += 1
        loops[name] = max(1, count_of_calls)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(time_call(call, loops[name]))
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def time_call(call: Call, loops: int) -> float:
    """Return the seconds of one call, from this many calls."""
    gc.disable()
    began = perf_counter()
    for _ in range(loops):
        call()
    seconds = (perf_counter() - began) / loops
    gc.enable()
    return seconds


def realistic_specs(rng: random.Random) -> Iterator[str]:
    """Yield specs as people write them; no spec occurs twice, but most fields do."""
    seen = set()
    minutes = [str(minute) for minute in range(60)] + [f"{minute}-59/10" for minute in range(30)]
    hours = [str(hour) for hour in range(24)] + [f"{hour},{hour + 12}" for hour in range(12)]
    while True:
        spec = " ".join(
            [
                rng.choice(["0", "0", "0", "30", "15", "*/10"]),
                rng.choice(["0", "30", "*/5", "*/15", rng.choice(minutes)]),
                rng.choice(["*", "*/2", "9-17", rng.choice(hours)]),
                rng.choice(["*", "*", "?", "1", "1,15", str(rng.randint(1, 28))]),
                rng.choice(["*", "*", "*", "1-6", "JAN,JUL", "*/3"]),
                rng.choice(["*", "MON-FRI", "SUN", "SAT,SUN", "1-5"]),
            ]
        )
        if spec not in seen:
            seen.add(spec)
            yield spec


def all_new_specs(rng: random.Random) -> Iterator[str]:
    """Yield specs whose fields are lists that have not occurred before, as far as there are enough lists."""
    seen: set[tuple[int, str]] = set()
    ranges = [(0, 59), (0, 59), (0, 23), (1, 28), (1, 12), (0, 6)]
    for number in count():
        fields = []
        for place, (low, high) in enumerate(ranges):
            while True:
                max_length = 6 if place < 4 else high - low + 1
                values = rng.choices(range(low, high + 1), k=rng.randint(2, max_length))
                text = ",".join(map(str, values))
                if (place, text) not in seen:
                    break
            seen.add((place, text))
            fields.append(text)
        assert number < 100_000
        yield " ".join(fields)


def measure_new_specs(specs: list[str], parts: int) -> Times:
    """Parse each spec for the first time, in turns; return the median of the turns, for one spec."""
    parsers: list[tuple[str, Callable[[str], object], list[str]]] = [
        ("jobtui", parse, specs),
        ("croniter", lambda spec: croniter(spec, START), [croniter_spec(spec) for spec in specs]),
        ("cronsim", lambda spec: CronSim(spec, START), [spec.replace("?", "*") for spec in specs]),
    ]
    times: dict[str, list[float]] = {name: [] for name, _parse, _specs in parsers}
    size = len(specs) // parts
    for part in range(parts):
        for name, parse_spec, own_specs in parsers:
            turn = iter(own_specs[part * size : (part + 1) * size])
            times[name].append(time_call(partial(parse_next, parse_spec, turn), size))
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def parse_next(parse_spec: Callable[[str], object], specs: Iterator[str]) -> object:
    """Parse the next of these specs."""
    return parse_spec(next(specs))


def print_row(measured: str, times: Times) -> None:
    """Print a row: microseconds, and how many times as fast as the others jobtui is."""
    microseconds = "".join(
        f"{times[name] * 1e6:10.2f} us" if name in times else " " * 13
        for name in ("jobtui", "croniter", "cronsim")
    )
    ratios = "".join(
        f"{times[name] / times['jobtui']:10.1f}x" if name in times else "" for name in ("croniter", "cronsim")
    )
    print(f"{measured:<44}{microseconds}{ratios}")


def slowest_fuzz() -> tuple[str, float]:
    """Return the slowest of the specs of the fuzz test, and the best of three times for it."""
    shared = runpy.run_path(str(FUZZ))
    measure, mutants, clear_caches = shared["measure"], shared["mutants"], shared["clear_caches"]
    measure("TZ=Nowhere/Atall * * * * *")  # loads the list of zones, which happens once
    slowest = sorted((measure(spec) for spec in mutants()), key=lambda each: -each.seconds)[:20]
    best = {}
    for spec, seconds, _result in slowest:
        clear_caches()
        best[spec] = min(seconds, *(measure(spec).seconds for _ in range(2)))
    worst = max(best, key=lambda spec: best[spec])
    return worst, best[worst]


def assert_accepted(specs: list[str]) -> None:
    """Assert that all three accept the specs, so that no rejection is measured."""
    for spec in specs:
        CronSim(spec.replace("?", "*"), START)
        croniter(croniter_spec(spec), START)


def main() -> int:
    """Compare the results of the libraries, measure their times, and compare these with the targets."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    for spec, tz in NEXT_ROWS:
        # 12 ticks on February 29 take 48 years.
        ticks = 12 if spec == FEBRUARY else 3000
        print(f"{spec:<24} {short_zone_name(tz):<9} {compare_instants(spec, tz, ticks)}")
    print(f"\n{'':<44}{'jobtui':>13}{'croniter':>13}{'cronsim':>13}{'/croniter':>11}{'/cronsim':>11}")

    found: dict[tuple[str, str], Times] = {}
    for spec, tz in NEXT_ROWS:
        calls: dict[str, Call] = {}
        for name in ("jobtui", "croniter", "cronsim"):
            calls[name] = next_function(name, spec, tz)
        found[spec, short_zone_name(tz)] = measure_in_turns(calls, rounds)
        print_row(f"next: {spec}  {short_zone_name(tz)}", found[spec, short_zone_name(tz)])

    parse(WORK)
    parse(WORK, tz="America/New_York")
    cached = measure_in_turns({"jobtui": lambda: parse(WORK)}, rounds)
    cached_tz = measure_in_turns({"jobtui": lambda: parse(WORK, tz="America/New_York")}, rounds)
    seconds_last, with_stars = croniter_spec(WORK), WORK.replace("?", "*")
    built = measure_in_turns(
        {
            "croniter": lambda: croniter(seconds_last, START),
            "cronsim": lambda: CronSim(with_stars, START),
        },
        rounds,
    )
    print_row("parse again: the same spec", cached | built)
    print_row("parse again: the same spec, with tz", cached_tz | built)

    rng = random.Random(2026)
    source = realistic_specs(rng)
    specs = [next(source) for _ in range(NEW_SPECS)]
    assert_accepted(specs[:200])
    fresh = measure_new_specs(specs, 20)
    print_row(f"parse new: {NEW_SPECS} realistic specs", fresh)
    all_new = all_new_specs(rng)
    new_fields = [next(all_new) for _ in range(1000)]
    assert_accepted(new_fields[:50])
    worst = measure_new_specs(new_fields, 20)
    print_row("parse new: all six fields new (worst case)", worst)

    slow_spec, slow = slowest_fuzz()
    print(f"\nslowest of the mutated specs: {slow * 1e3:.1f} ms of CPU for {slow_spec[:60]!r}\n")

    utc, new_york = found[WORK, "UTC"], found[WORK, "New York"]
    february = max(found[FEBRUARY, "UTC"]["jobtui"], found[FEBRUARY, "New York"]["jobtui"])
    again = max(cached["jobtui"], cached_tz["jobtui"])
    slower = max(1.0, utc["croniter"] / REFERENCE)
    print(
        f"Absolute targets are multiplied by {slower:.1f}, "
        f"the time of croniter's get_next divided by {REFERENCE * 1e6} us.\n"
    )
    targets = [
        ("next, UTC: at least 8 x croniter", utc["croniter"] / utc["jobtui"], 8, "x"),
        ("next, New York: at least 4 x croniter", new_york["croniter"] / new_york["jobtui"], 4, "x"),
        ("next, UTC: no slower than cronsim", utc["cronsim"] / utc["jobtui"], 1, "x"),
        ("next, New York: no slower than cronsim", new_york["cronsim"] / new_york["jobtui"], 1, "x"),
        ("Feb 29: at most 10 us", -february * 1e6, -10 * slower, " us"),
        ("parse again: below 0.5 us", -again * 1e6, -0.5 * slower, " us"),
        ("parse new: below 200 us", -fresh["jobtui"] * 1e6, -200 * slower, " us"),
        ("slowest fuzzed spec: below 50 ms", -slow * 1e3, -50, " ms"),
    ]
    for target, value, limit, unit in targets:
        met = "met" if value >= limit else "NOT MET"
        print(f"{target:<44}{abs(value):10.2f}{unit:<4}{met}")
    return 0 if all(value >= limit for _target, value, limit, _unit in targets) else 1


def next_function(name: str, spec: str, tz: tzinfo) -> Call:
    """Return the function of one library; that for February 29 restarts after 400 years."""
    find_next = next_functions(spec, tz)[name]
    if spec != FEBRUARY:
        return find_next

    def find_next_or_restart() -> object:
        nonlocal find_next
        due = find_next()
        if due > START + timedelta(days=365 * 400):
            find_next = next_functions(spec, tz)[name]
        return due

    return find_next_or_restart


if __name__ == "__main__":
    sys.exit(main())
