"""Keep the environment of the caller from changing the results of tests; fixtures for several folders."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from support.command_line import SetTerminal, WriteFile
    from support.real_threads import MakeScheduler

pytest_plugins = ("support.store_fixtures",)

# Textual and rich read these: colours, sizes, themes, animations, drivers. The snapshot plugin keeps the
# folder of its report in a variable of its own, which stays.
_PREFIXES = ("TEXTUAL", "TERMINAL_", "JUPYTER_")
_NAMES = (
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "LINES",
    "COLORTERM",
    "ESCDELAY",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
)
_KEPT = ("TEXTUAL_SNAPSHOT_",)

MAX_SECTION = 1_000_000  # characters of a captured log in a report; some tests raise errors of 100 MB


def _clean_environment() -> None:
    found = [
        name
        for name in os.environ
        if name in _NAMES or (name.startswith(_PREFIXES) and not name.startswith(_KEPT))
    ]
    if "TEXTUAL_DIM_FACTOR" in found and "textual.filter" in sys.modules:
        raise pytest.UsageError("unset TEXTUAL_DIM_FACTOR: Textual has read it already and keeps the value")
    for name in found:
        del os.environ[name]
    # The snapshot plugin imports Textual before any conftest is read, and Textual keeps what it read then.
    constants = sys.modules.get("textual.constants")
    if found and constants is not None:
        importlib.reload(constants)


def _restore_interrupts() -> None:
    """Undo that a shell ignores SIGINT in background processes: the processes of tests would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _choose_seed() -> None:
    """Choose the places at which calls are interrupted. All processes of pytest-xdist inherit the choice."""
    os.environ.setdefault("JOBTUI_SEED", str(random.SystemRandom().randrange(10**6)))


def _make_runtime_folder() -> None:
    """Keep the schedulers and the settings of the tests apart from those of the user who runs them."""
    folder = os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="jobtui-")
    os.environ["XDG_CONFIG_HOME"] = f"{folder}/settings"
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a forked child
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)


_clean_environment()
_make_runtime_folder()
_choose_seed()
settings.register_profile("no deadline", deadline=None)  # an example takes long on a busy machine
settings.load_profile("no deadline")
_restore_interrupts()
gc.disable()  # until all tests are loaded


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seed, with which the same calls are interrupted at the same places again."""
    terminalreporter.write_line(f"interrupted calls: JOBTUI_SEED={os.environ['JOBTUI_SEED']}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shorten captured logs, and escape lone surrogates in them: pytest-xdist could not send them."""
    report = yield
    report.sections = [
        (name, text[:MAX_SECTION].encode("utf-8", "backslashreplace").decode())
        for name, text in report.sections
    ]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Make garbage collections rare and short: else they take a third of the CPU time of the tests."""
    gc.enable()
    gc.collect()
    gc.freeze()  # exempts all that is loaded
    gc.set_threshold(10_000)


@pytest.fixture(autouse=True, scope="module")
def release_servers() -> Iterator[None]:
    """Clear a cache of aiohttp that keeps many closed servers alive, which slows all garbage collections."""
    yield
    cache = getattr(sys.modules.get("aiohttp.web_app"), "_cached_build_middleware", None)
    if cache is not None:
        cache.cache_clear()


@pytest.fixture
def make_scheduler() -> Iterator[MakeScheduler]:
    """Make schedulers in UTC; after the test, stop them and assert that none of their threads is left."""
    from support.real_threads import scheduler_factory  # noqa: PLC0415 - loads only for tests that use it

    with scheduler_factory() as make_scheduler:
        yield make_scheduler


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Let threads take turns as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Make a folder whose path is short: the path of a Unix socket in it may have 103 bytes."""
    with tempfile.TemporaryDirectory(prefix="test-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def write_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteFile]:
    """Return a function that writes a file into the current folder, by default the job file ``demo.py``.

    The folder is a new one. Afterwards the path, the modules and the default scheduler are restored.
    """
    from support.command_line import ONE_JOB  # noqa: PLC0415 - as above

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr("jobtui.runtime.default_scheduler._default", None)  # restored after the test

    def write(name: str = "demo.py", content: str = ONE_JOB) -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    yield write
    for name, module in tuple(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def set_terminal(monkeypatch: pytest.MonkeyPatch) -> SetTerminal:
    """Return a function that says whether standard input and standard output are terminals."""

    def set_both(*, stdin: bool, stdout: bool) -> None:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys.stdin, "isatty", lambda: stdin)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: stdout)

    return set_both
