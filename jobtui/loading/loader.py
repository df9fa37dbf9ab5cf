"""Importing a job file: from the TARGET that a user types to the scheduler that shall run.

A TARGET is a file (``demo.py``) or a module (``package.module``), and may name a scheduler in it
(``demo.py:scheduler``). Without a name it is the default scheduler, which ``jobtui.schedule`` and the other
functions of the package act on. If nothing was registered there, and the module has exactly one `Scheduler`
among its globals, it is that one.

The settings are those of ``--config``, else those beside the file, else, for a module, those of the current
folder, where its project is. The default scheduler is made from them before the file is imported. A scheduler
that the file makes itself was made with arguments, and keeps them; only ``--pool`` changes its size.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

from jobtui.engine.enums import Phase
from jobtui.loading.user_errors import explained, is_installed, place_of, refusal, shown_path
from jobtui.process.printable import printable
from jobtui.runtime.default import default_scheduler, set_default_scheduler
from jobtui.runtime.scheduler import Scheduler
from jobtui.schedules.bad_spec import BadSpec, closest_matches
from jobtui.settings.setting_errors import BadSetting
from jobtui.settings.settings import Settings, find_settings, read_settings

_MOST_NAMES = 6  # how many files or schedulers a message lists
# A job file of such a name, whose folder comes first on the path, would be imported in place of the real one.
_NEEDED = frozenset(
    {"__main__", "jobtui", "textual", "rich", "croniter", "tzlocal", "aiohttp", "jinja2", "prometheus_client"}
)


class BadTarget(Exception):  # noqa: N818 - as BadSetting: what is wrong is the better name
    """A TARGET cannot be loaded. The message is for the person who typed it, whole and without a prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A target that was imported.

    Attributes:
        scheduler: The scheduler that shall run; not started, and something is registered on it.
        title: The target in short: the file's name, or the module's, with the scheduler's if one was given.
        settings: The settings that were found, or the defaults.
        settings_apply: Whether the scheduler was made from them; not if the file made one of its own.
        start_functions: How many ``on_app_start`` functions it has.
        module: What was imported.
    """

    scheduler: Scheduler
    title: str
    settings: Settings
    settings_apply: bool
    start_functions: int
    module: ModuleType


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a target's code is, found without importing anything."""

    name: str  # for messages: the path or the module as typed
    title: str
    settings: Path | None
    execute: Callable[[], ModuleType]


def load(
    target: str,
    *,
    config: Path | None = None,
    run_mode: str | None = None,
    pool: int | None = None,
    make: Callable[[Settings], Scheduler] | None = None,
) -> Loaded:
    """Import a target and find its scheduler. The default scheduler is replaced by a new one.

    Args:
        target: ``file.py``, ``package.module``, or one of them with ``:scheduler``.
        config: The settings file; None looks for one.
        run_mode: The section of the settings to use.
        pool: How many runs may be RUNNING at once, whatever else says something; 0 for no limit.
        make: Makes the default scheduler from the settings; the test kit's is its own, and runs already.

    Raises:
        BadTarget: It does not exist, cannot be imported, registers nothing or is started already.
        BadSetting: The settings make no sense, or a run mode is given and there are none.
        KeyboardInterrupt: The user got tired of waiting for the import.
    """
    location, attribute = _split(target)
    place = _file_place(location) if _looks_like_file(location) else _module_place(location)
    settings = _settings(config or place.settings, run_mode, place.name)
    made = _made_from(settings, pool) if make is None else make(settings)
    begun = made.snapshot().phase
    set_default_scheduler(made)
    module = _executed(place)
    scheduler = _named(module, attribute, place.name) if attribute else _found(module, place.name)
    phase = scheduler.snapshot().phase
    if phase is not (begun if scheduler is made else Phase.NEW):
        raise BadTarget(
            f"{place.name}: its scheduler was {'started' if phase is Phase.RUNNING else 'stopped'} already.\n"
            'Leave the start to jobtui, or put it below  if __name__ == "__main__":'
        )
    if pool is not None:
        scheduler.resize(pool)
    return Loaded(
        scheduler=scheduler,
        title=f"{place.title}:{attribute}" if attribute else place.title,
        settings=settings,
        settings_apply=scheduler is made,
        start_functions=_start_functions(scheduler),
        module=module,
    )


# --- where it is ----------------------------------------------------------------------------------


def _split(target: str) -> tuple[str, str]:
    """Parts the scheduler's name from a target; a colon can also belong to a path, as on Windows."""
    location, colon, attribute = target.rpartition(":")
    if not colon or _exists(target) or "/" in attribute or "\\" in attribute:
        return target, ""
    if not all(part.isidentifier() for part in attribute.split(".")):
        raise BadTarget(
            f"{printable(target)}: after the colon comes the name of a Scheduler, as in demo.py:scheduler"
        )
    return location, attribute


def _looks_like_file(location: str) -> bool:
    path = Path(location)
    return (
        path.suffix == ".py" or "/" in location or "\\" in location or (_exists(location) and path.is_file())
    )


def _file_place(location: str) -> _Place:
    path = Path(location).absolute()
    name = printable(shown_path(path))
    if not _exists(location):
        raise BadTarget(f"{name}: there is no such file.{_near(path)}")
    if path.is_dir():
        raise BadTarget(f"{name}: this is a folder, not a job file.{_files_in(path)}")
    if path.suffix != ".py":
        raise BadTarget(f"{name}: a job file ends in .py")
    stem = path.stem
    if stem in sys.stdlib_module_names or stem in _NEEDED or _is_taken(stem, path):
        raise BadTarget(
            f"{name}: a job file cannot be called {printable(path.name)}, because Python or jobtui itself "
            f"imports a module {printable(stem)},\nand would get yours. Give it another name."
        )
    return _Place(
        name=name, title=path.name, settings=find_settings(path), execute=lambda: _execute_file(path, name)
    )


def _module_place(location: str) -> _Place:
    name = printable(location)
    if not location or not all(location.split(".")) or any(map(str.isspace, location)):
        raise BadTarget(f"{name!r} is neither a .py file nor a module such as package.module")
    _put_first_on_path(Path.cwd())
    spec = _find_spec(location)
    if spec is not None and spec.origin is None:
        folder = next(iter(spec.submodule_search_locations or ()), "")
        raise BadTarget(f"{name}: this is a folder, not a job file.{_files_in(Path(folder))}")
    beside = find_settings(Path(spec.origin)) if spec is not None and spec.origin else None
    return _Place(
        name=name,
        title=location,
        settings=beside or find_settings(Path.cwd() / "module.py"),
        execute=lambda: _execute_module(location, name),
    )


def _find_spec(module: str) -> ModuleSpec | None:
    """Finds a module without importing its packages: what they register must find its settings."""
    importlib.invalidate_caches()  # the file may be younger than what was remembered of its folder
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for depth in range(len(parts)):
        path = None if spec is None else spec.submodule_search_locations
        if spec is not None and path is None:
            return None  # a module, not a package
        name = ".".join(parts[: depth + 1])
        specs = (finder.find_spec(name, path) for finder in sys.meta_path)
        spec = next((found for found in specs if found is not None), None)
        if spec is None:
            return None
    return spec


def _is_taken(stem: str, path: Path) -> bool:
    """Tells whether an installed module of that name is in use."""
    file = getattr(sys.modules.get(stem), "__file__", None)
    return file is not None and is_installed(file) and Path(file) != path


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # too long to be the name of a file, or in a folder that we may not enter
        return False


def _near(path: Path) -> str:
    """Says which files the user may have meant."""
    if not path.parent.is_dir():
        return f" Nor is there a folder {printable(shown_path(path.parent))}"
    files = _python_files(path.parent)
    close = closest_matches(path.name, files)
    return f" Did you mean {printable(' or '.join(close))}?" if close else _files_in(path.parent)


def _files_in(folder: Path) -> str:
    files = _python_files(folder)
    if not files:
        return " There are no .py files in that folder."
    return f" The .py files there: {_listed([printable(file) for file in files])}"


def _python_files(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir() if each.suffix == ".py")
    except OSError:
        return []


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


# --- what it is run with --------------------------------------------------------------------------


def _settings(path: Path | None, run_mode: str | None, name: str) -> Settings:
    if path is not None:
        return read_settings(path, run_mode=run_mode)
    if run_mode is not None:
        raise BadSetting(
            f"{name}: no settings were found beside it, so there is no section for the run mode "
            f"{printable(run_mode)}. Name the file with --config"
        )
    return Settings()


def _made_from(settings: Settings, pool: int | None) -> Scheduler:
    try:
        return Scheduler(
            pool=settings.pool if pool is None else pool,
            dst=settings.dst,
            overlap="allow" if settings.selfconcurrent else "hold",
            schedules=settings.schedules,
        )
    except BadSpec as error:  # of the machine's time zone: the settings are checked
        raise BadTarget(f"the scheduler cannot be made: {' '.join(str(error).split())}") from error


# --- importing it ---------------------------------------------------------------------------------


def _executed(place: _Place) -> ModuleType:
    """Imports the target, and turns whatever goes wrong into one message."""
    try:
        return place.execute()
    except (BadTarget, KeyboardInterrupt):
        raise
    except SystemExit as error:
        raise BadTarget(_exit_message(error, place.name)) from error
    except ModuleNotFoundError as error:
        raise BadTarget(explained(error) + _not_installed(error, place.name)) from error
    except BaseException as error:
        raise BadTarget(refusal(error) or explained(error)) from error


def _execute_file(path: Path, name: str) -> ModuleType:
    """Runs a file as a module of its stem, as ``python file.py`` would: its folder first, no bytecode."""
    loader = SourceFileLoader(path.stem, str(path))
    try:
        source = loader.get_data(str(path))
    except OSError as error:
        raise BadTarget(f"{name}: cannot be read: {error.strerror}") from None
    spec = spec_from_loader(path.stem, loader)
    assert spec is not None  # there is one for every loader
    module = module_from_spec(spec)
    code = loader.source_to_code(source, str(path))
    _put_first_on_path(path.resolve().parent)
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module  # dataclasses and pickle look a class's module up there
    try:
        exec(code, module.__dict__)  # noqa: S102 - to run the user's file is what jobtui is for
    except BaseException:
        if before is None:
            del sys.modules[path.stem]
        else:
            sys.modules[path.stem] = before
        raise
    return module


def _execute_module(name: str, shown: str) -> ModuleType:
    known = getattr(sys.modules.get(name), "__file__", None)
    if known and not is_installed(known):
        del sys.modules[name]  # loaded before: its jobs belong to an earlier scheduler, so run it again
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if place_of(error) and not f"{name}.".startswith(f"{missing}."):
            raise
        beside = closest_matches(f"{name}.py", _python_files(Path.cwd()))
        hint = f" Did you mean {printable(beside[0])}?" if beside else ""
        reason = error.msg.partition("; ")[2] or ("" if missing == name else f"there is no {missing}")
        part = f" ({printable(reason)})" if reason else ""
        raise BadTarget(
            f"{shown}: there is no such module in {Path.cwd()}, nor is one installed{part}.{hint}"
        ) from None


def _put_first_on_path(folder: Path) -> None:
    text = str(folder)
    if sys.path[:1] != [text]:
        sys.path.insert(0, text)


def _exit_message(error: SystemExit, name: str) -> str:
    is_status = error.code is None or isinstance(error.code, int)
    said = "" if is_status else f" It said: {printable(str(error.code))}"
    return (
        f"{place_of(error) or name}: the file ended itself with sys.exit() while it was imported.{said}\n"
        'What a script does when it is run by itself belongs below  if __name__ == "__main__":'
    )


def _not_installed(error: ModuleNotFoundError, name: str) -> str:
    """Says that it is not the target that is missing, and where the rest was looked for."""
    needed = printable(error.name or "a module")
    return f"\n\n{name} was found, but {needed}, which it needs, is not installed for {sys.executable}"


# --- choosing a scheduler -------------------------------------------------------------------------


def _named(module: ModuleType, attribute: str, name: str) -> Scheduler:
    found: object = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if isinstance(found, Scheduler):
        if _is_empty(found):
            raise BadTarget(f"{name}:{attribute}: no jobs are registered on this scheduler.")
        return found
    what = (
        f"it has no {attribute}"
        if found is None
        else f"{attribute} is no Scheduler, but of type {type(found).__name__}"
    )
    hints = [f"{name}:{each}" for each in sorted(_schedulers(module))]
    if not _is_empty(default_scheduler()):
        hints.append(f"{name} for the default scheduler")
    there_are = f"Write {' or '.join(hints[:_MOST_NAMES])}" if hints else "There is no Scheduler in it"
    raise BadTarget(f"{name}: {what}. {there_are}.")


def _found(module: ModuleType, name: str) -> Scheduler:
    default = default_scheduler()
    if not _is_empty(default):
        return default
    own = {key: each for key, each in _schedulers(module).items() if not _is_empty(each)}
    if len(own) == 1:
        return next(iter(own.values()))
    if own:
        choices = " or ".join(f"{name}:{key}" for key in sorted(own))
        raise BadTarget(f"{name}: it has {len(own)} schedulers. Say which one: {choices}")
    raise BadTarget(
        f"{name}: it registers no jobs. A job is registered while the file is imported, such as with\n"
        '  jobtui.every("30s", function)'
    )


def _schedulers(module: ModuleType) -> dict[str, Scheduler]:
    """The schedulers among a module's globals, each under its first name."""
    found: dict[str, Scheduler] = {}
    for key, each in vars(module).items():
        if isinstance(each, Scheduler) and all(each is not other for other in found.values()):
            found[key] = each
    return found


def _is_empty(scheduler: Scheduler) -> bool:
    return not scheduler.snapshot().jobs and not _start_functions(scheduler)


def _start_functions(scheduler: Scheduler) -> int:
    return len(scheduler.hooks.on_start)
