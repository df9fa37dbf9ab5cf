"""How long it takes to read a spec and to find its next fire, against croniter and cronsim.

    python tests/benchmarks/schedules.py [ROUNDS]

Prints the median of each, the ratios, and whether what is required is met; the exit status is 1 if it is not.
Each is measured with one schedule or iterator that is used again and again. Not a test: the time of anything
on a busy machine is anything.
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
REFERENCE = 28.5e-6  # seconds that croniter's reused get_next takes where the times below are meant
SLICE = 0.004  # seconds that one contestant is measured before the next has its turn
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
Times = dict[str, float]  # contestant to seconds a call


def six_for_croniter(spec: str) -> str:
    """Return a spec as croniter writes it: the second last."""
    second, *others = spec.split()
    return " ".join([*others, second]).replace("?", "*")


def zone_name(tz: tzinfo) -> str:
    """Return the zone's short name for the table."""
    return "UTC" if tz is UTC else "New York"


def contestants(spec: str, tz: tzinfo) -> dict[str, Callable[[], datetime]]:
    """Return a function for each that finds the next fire, from the one before."""
    schedule, start = parse(spec, tz=tz), START.astimezone(tz)
    due = start

    def ours() -> datetime:
        nonlocal due
        found = schedule.next(due)
        assert found is not None
        due = found
        return found

    # As its users do it: the iterator keeps its own place.
    reused = croniter(six_for_croniter(spec), start)
    simulated = CronSim(spec.replace("?", "*"), start)
    return {
        "ours": ours,
        "croniter": lambda: reused.get_next(datetime),
        "cronsim": lambda: next(simulated),
    }


def same_instants(spec: str, tz: tzinfo, fires: int) -> str:
    """Say for how many fires all give the same instants, and what each gives next if they differ."""
    walks = contestants(spec, tz)
    for number in range(fires):
        found = {name: step().astimezone(UTC) for name, step in walks.items()}
        if len(set(found.values())) > 1:
            shown = ", ".join(f"{name} {due:%Y-%m-%d %H:%M}Z" for name, due in found.items())
            return f"the same {number} fires, then {shown}"
    return f"the same {fires} fires"


def in_turns(calls: dict[str, Call], rounds: int) -> Times:
    """Measure in turns, so that what slows the machine for a while slows all; medians of the rounds."""
    loops = {}
    for name, call in calls.items():
        began, done = perf_counter(), 0
        while perf_counter() - began < SLICE:
            call()
            done += 1
        loops[name] = max(1, done)
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(seconds_of(call, loops[name]))
    return {name: statistics.median(times) for name, times in taken.items()}


def seconds_of(call: Call, loops: int) -> float:
    """Measure one contestant's turn: the seconds of one call."""
    gc.disable()
    began = perf_counter()
    for _ in range(loops):
        call()
    taken = (perf_counter() - began) / loops
    gc.enable()
    return taken


def realistic_specs(rng: random.Random) -> Iterator[str]:
    """Yield specs as people write them: none twice, their fields often seen before."""
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
    """Yield specs of which each field is a list that was never there before, as far as there are enough."""
    seen: set[tuple[int, str]] = set()
    ranges = [(0, 59), (0, 59), (0, 23), (1, 28), (1, 12), (0, 6)]
    for number in count():
        fields = []
        for place, (low, high) in enumerate(ranges):
            while True:
                most = 6 if place < 4 else high - low + 1
                values = rng.choices(range(low, high + 1), k=rng.randint(2, most))
                text = ",".join(map(str, values))
                if (place, text) not in seen:
                    break
            seen.add((place, text))
            fields.append(text)
        assert number < 100_000
        yield " ".join(fields)


def new_specs(specs: list[str], parts: int) -> Times:
    """Read each spec for the first time, in turns of a few; the median of the turns, for one spec."""
    readers: list[tuple[str, Callable[[str], object], list[str]]] = [
        ("ours", parse, specs),
        ("croniter", lambda spec: croniter(spec, START), [six_for_croniter(spec) for spec in specs]),
        ("cronsim", lambda spec: CronSim(spec, START), [spec.replace("?", "*") for spec in specs]),
    ]
    taken: dict[str, list[float]] = {name: [] for name, _read, _written in readers}
    size = len(specs) // parts
    for part in range(parts):
        for name, read, written in readers:
            turn = iter(written[part * size : (part + 1) * size])
            taken[name].append(seconds_of(partial(read_next, read, turn), size))
    return {name: statistics.median(times) for name, times in taken.items()}


def read_next(read: Callable[[str], object], specs: Iterator[str]) -> object:
    """Read the next of some specs."""
    return read(next(specs))


def line(what: str, times: Times) -> None:
    """Print a row: microseconds, and how many times as fast as the others we are."""
    ours = times["ours"]
    shown = "".join(
        f"{times[name] * 1e6:10.2f} us" if name in times else " " * 13
        for name in ("ours", "croniter", "cronsim")
    )
    ratios = "".join(
        f"{times[name] / ours:10.1f}x" if name in times else "" for name in ("croniter", "cronsim")
    )
    print(f"{what:<44}{shown}{ratios}")


def slowest_fuzz() -> tuple[str, float]:
    """Return the slowest of the specs of the fuzz test, and its best of three."""
    shared = runpy.run_path(str(FUZZ))
    measure, mutants, clear_caches = shared["measure"], shared["mutants"], shared["clear_caches"]
    measure("TZ=Nowhere/Atall * * * * *")  # lists the zones, which happens once
    slowest = sorted((measure(spec) for spec in mutants()), key=lambda each: -each.seconds)[:20]
    best = {}
    for spec, seconds, _result in slowest:
        clear_caches()
        best[spec] = min(seconds, *(measure(spec).seconds for _ in range(2)))
    worst = max(best, key=lambda spec: best[spec])
    return worst, best[worst]


def accepted(specs: list[str]) -> None:
    """See that all three take the specs, so that none is measured while it refuses."""
    for spec in specs:
        CronSim(spec.replace("?", "*"), START)
        croniter(six_for_croniter(spec), START)


def main() -> int:
    """Verify, measure, print, and compare with what is required."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    for spec, tz in NEXT_ROWS:
        # A year and a half of the first, two changes of the clock; some days of the dense ones.
        fires = 12 if spec == FEBRUARY else 3000
        print(f"{spec:<24} {zone_name(tz):<9} {same_instants(spec, tz, fires)}")
    print(f"\n{'':<44}{'ours':>13}{'croniter':>13}{'cronsim':>13}{'/croniter':>11}{'/cronsim':>11}")

    found: dict[tuple[str, str], Times] = {}
    for spec, tz in NEXT_ROWS:
        calls: dict[str, Call] = {}
        for name in ("ours", "croniter", "cronsim"):
            calls[name] = next_of(name, spec, tz)
        found[spec, zone_name(tz)] = in_turns(calls, rounds)
        line(f"next: {spec}  {zone_name(tz)}", found[spec, zone_name(tz)])

    parse(WORK)
    parse(WORK, tz="America/New_York")
    cached = in_turns({"ours": lambda: parse(WORK)}, rounds)
    cached_tz = in_turns({"ours": lambda: parse(WORK, tz="America/New_York")}, rounds)
    seconds_last, with_stars = six_for_croniter(WORK), WORK.replace("?", "*")
    built = in_turns(
        {
            "croniter": lambda: croniter(seconds_last, START),
            "cronsim": lambda: CronSim(with_stars, START),
        },
        rounds,
    )
    line("parse again: the same spec", cached | built)
    line("parse again: the same spec, with tz", cached_tz | built)

    rng = random.Random(2026)
    source = realistic_specs(rng)
    specs = [next(source) for _ in range(NEW_SPECS)]
    accepted(specs[:200])
    fresh = new_specs(specs, 20)
    line(f"parse new: {NEW_SPECS} realistic specs", fresh)
    all_new = all_new_specs(rng)
    strange = [next(all_new) for _ in range(1000)]
    accepted(strange[:50])
    worst = new_specs(strange, 20)
    line("parse new: all six fields new (worst case)", worst)

    slow_spec, slow = slowest_fuzz()
    print(f"\nslowest of the 20,000 fuzzed specs: {slow * 1e3:.1f} ms of CPU for {slow_spec[:60]!r}\n")

    utc, new_york = found[WORK, "UTC"], found[WORK, "New York"]
    february = max(found[FEBRUARY, "UTC"]["ours"], found[FEBRUARY, "New York"]["ours"])
    again = max(cached["ours"], cached_tz["ours"])
    slower = max(1.0, utc["croniter"] / REFERENCE)
    took = f"croniter's get_next takes that much longer than {REFERENCE * 1e6} us"
    print(f"Times are allowed {slower:.1f}-fold: {took}.\n")
    required = [
        ("next, UTC: at least 8 x croniter", utc["croniter"] / utc["ours"], 8, "x"),
        ("next, New York: at least 4 x croniter", new_york["croniter"] / new_york["ours"], 4, "x"),
        ("next, UTC: no slower than cronsim", utc["cronsim"] / utc["ours"], 1, "x"),
        ("next, New York: no slower than cronsim", new_york["cronsim"] / new_york["ours"], 1, "x"),
        ("Feb 29: at most 10 us", -february * 1e6, -10 * slower, " us"),
        ("parse again: below 0.5 us", -again * 1e6, -0.5 * slower, " us"),
        ("parse new: below 200 us", -fresh["ours"] * 1e6, -200 * slower, " us"),
        ("slowest fuzzed spec: below 50 ms", -slow * 1e3, -50, " ms"),
    ]
    for what, value, limit, unit in required:
        met = "met" if value >= limit else "NOT MET"
        print(f"{what:<44}{abs(value):10.2f}{unit:<4}{met}")
    return 0 if all(value >= limit for _what, value, limit, _unit in required) else 1


def next_of(name: str, spec: str, tz: tzinfo) -> Call:
    """Return one contestant's step. Ends of datetime are far: a century of a Feb 29 spec is begun anew."""
    step = contestants(spec, tz)[name]
    if spec != FEBRUARY:
        return step

    def february() -> object:
        nonlocal step
        due = step()
        if due > START + timedelta(days=365 * 400):
            step = contestants(spec, tz)[name]
        return due

    return february


if __name__ == "__main__":
    sys.exit(main())
