"""Import a job file: from the TARGET that a user types to the scheduler that jobtui starts.

A TARGET is a file (``demo.py``) or a module (``package.module``), and may name a scheduler in it
(``demo.py:scheduler``). Without a name it means the default scheduler, on which ``jobtui.schedule`` and the
other functions of the package act. If nothing is registered on that one, and the module has exactly one
non-empty `Scheduler` among its globals, it means that one.

The settings are read from ``--config``, else from the settings file next to the target, else, for a module,
from the one in the current folder. The default scheduler is created from them before the target is imported.
A scheduler that the target creates keeps its own arguments; only ``--pool`` changes its size.
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
from jobtui.engine.tracebacks import is_installed
from jobtui.loading.import_path import IMPORTED_BY_JOBTUI, put_first_on_path
from jobtui.loading.user_errors import (
    exit_text,
    format_exception,
    location_of,
    short_path,
    usage_error,
)
from jobtui.process.printable import printable
from jobtui.runtime.default_scheduler import default_scheduler, set_default_scheduler
from jobtui.runtime.scheduler import Scheduler
from jobtui.schedules.bad_spec import BadSpec, closest_matches
from jobtui.settings.setting_errors import BadSetting
from jobtui.settings.settings import Settings, find_settings, read_settings

DEFAULT = "default"  # names the default scheduler of a target, unless that has a variable of this name
_MAX_LISTED = 6  # files or schedulers in one message
_importing: list[_FoundTarget] = []
SCRIPT_ONLY = 'if __name__ == "__main__":'


class BadTarget(Exception):  # noqa: N818 - named like BadSetting, after what is wrong
    """A TARGET cannot be loaded. The message is complete: file, line where there is one, problem, advice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """An imported target."""

    scheduler: Scheduler  # the one to start; it is not empty
    title: str  # the name of the file or module, with that of the scheduler if one was given
    settings: Settings  # those that were read, or the defaults
    settings_apply: bool  # whether the scheduler was created from them; False if the target created its own
    start_functions: int  # the number of its ``on_app_start`` functions
    module: ModuleType


@dataclass(frozen=True, slots=True, kw_only=True)
class _FoundTarget:
    """A target that was found, but not imported yet."""

    name: str  # for messages: the path or the module as typed
    title: str
    settings_file: Path | None
    import_module: Callable[[], ModuleType]


def load(
    target: str,
    *,
    config: Path | None = None,
    run_mode: str | None = None,
    pool: int | None = None,
    tz: str | None = None,
    store: Path | None = None,
    make_default: Callable[[Settings], Scheduler] | None = None,
) -> Loaded:
    """Import a target and find its scheduler. Replaces the default scheduler by a new one.

    Args:
        target: ``file.py``, ``package.module``, or one of them with ``:scheduler``.
        config: The settings file; None searches for one.
        run_mode: The section of the settings to use.
        pool: The size of the pool, which overrides the settings and the target; 0 for no limit.
        tz: The zone, which overrides the settings; a target that creates its own scheduler is an error then.
        store: The store's file, which overrides the settings and the target.
        make_default: Creates the default scheduler from the settings; the test kit passes its own, which is
            running already.

    Raises:
        BadTarget: The target does not exist, cannot be imported, registers nothing, or starts its scheduler.
        BadSetting: The settings are wrong, or a run mode is given without a settings file.
        KeyboardInterrupt: The user interrupted the import.
    """
    location, attribute = _split(target)
    found = _find_file(location) if _looks_like_file(location) else _find_module(location)
    settings = _read_settings(config or found.settings_file, run_mode, found.name)
    if make_default is None:
        default, zone_error = _default_scheduler(settings, pool, tz)
    else:
        default, zone_error = make_default(settings), None
    initial_phase = default.snapshot().phase
    set_default_scheduler(default)
    module = _import(found)
    scheduler = _choose_scheduler(module, attribute, found.name)
    phase = scheduler.snapshot().phase
    if phase is not (initial_phase if scheduler is default else Phase.NEW):
        verb = "starts" if phase is Phase.RUNNING else "starts and stops"
        raise BadTarget(
            f"{found.name}: the file {verb} its scheduler itself, but jobtui has to start it.\n"
            f"Remove the start, or move it below  {SCRIPT_ONLY}"
        )
    if zone_error is not None and scheduler is default:
        raise BadTarget(f"cannot create the scheduler: {zone_error.sentence}") from zone_error
    if pool is not None:
        scheduler.resize(pool)
    if store is None and scheduler is default:
        store = settings.store_path
    if store is not None:
        scheduler.use_store(store, job_file=getattr(module, "__file__", None))
    if tz is not None and scheduler is not default:
        raise BadTarget(
            f"{found.name}: --tz has no effect, because the file makes its scheduler itself.\n"
            f"Write the zone there:  Scheduler(tz={tz!r})"
        )
    return Loaded(
        scheduler=scheduler,
        title=f"{found.title}:{attribute}" if attribute else found.title,
        settings=settings,
        settings_apply=scheduler is default,
        start_functions=_count_start_functions(scheduler),
        module=module,
    )


# --- finding the target ---------------------------------------------------------------------------


def _split(target: str) -> tuple[str, str]:
    """Split a target into location and scheduler name; a colon may also belong to a path, as on Windows."""
    location, colon, attribute = target.rpartition(":")
    if not colon or _exists(target) or "/" in attribute or "\\" in attribute:
        return target, ""
    if not all(part.isidentifier() for part in attribute.split(".")):
        raise BadTarget(
            f"{printable(target)}: the colon must be followed by the name of a Scheduler, "
            "as in demo.py:scheduler"
        )
    return location, attribute


def _looks_like_file(location: str) -> bool:
    path = Path(location)
    return (
        path.suffix == ".py" or "/" in location or "\\" in location or (_exists(location) and path.is_file())
    )


def _find_file(location: str) -> _FoundTarget:
    path = Path(location).absolute()
    name = printable(short_path(path))
    if not _exists(location):
        raise BadTarget(f"{name}: {_missing_file(path)}")
    if path.is_dir():
        raise BadTarget(f"{name}: {_not_a_file(path)}")
    if path.suffix != ".py":
        raise BadTarget(f"{name}: not a job file: its name must end in .py")
    stem = path.stem
    if stem in sys.stdlib_module_names or stem in IMPORTED_BY_JOBTUI or _is_imported(stem, path):
        raise BadTarget(
            f"{name}: a job file must not be called {printable(path.name)}: Python or jobtui imports a "
            f"module {printable(stem)},\nand would import this file instead. Rename the file."
        )
    return _FoundTarget(
        name=name,
        title=path.name,
        settings_file=find_settings(path),
        import_module=lambda: _execute_file(path, name),
    )


def _find_module(location: str) -> _FoundTarget:
    name = printable(location)
    if not location or not all(location.split(".")) or any(map(str.isspace, location)):
        raise BadTarget(f"{name!r} is neither a .py file nor a module such as package.module")
    put_first_on_path(str(Path.cwd()))
    spec = _find_spec(location)
    if spec is not None and spec.origin is None:
        folder = next(iter(spec.submodule_search_locations or ()), "")
        raise BadTarget(f"{name}: {_not_a_file(Path(folder))}")
    own_settings = find_settings(Path(spec.origin)) if spec is not None and spec.origin else None
    return _FoundTarget(
        name=name,
        title=location,
        settings_file=own_settings or find_settings(Path.cwd() / "module.py"),
        import_module=lambda: _import_module(location, name),
    )


def _find_spec(module: str) -> ModuleSpec | None:
    """Find a module without importing its packages: the jobs that they register need the settings."""
    importlib.invalidate_caches()  # the file may be newer than Python's cache of its folder
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for depth in range(len(parts)):
        path = None if spec is None else spec.submodule_search_locations
        if spec is not None and path is None:
            return None  # the parent is not a package
        name = ".".join(parts[: depth + 1])
        specs = (finder.find_spec(name, path) for finder in sys.meta_path)
        spec = next((found for found in specs if found is not None), None)
        if spec is None:
            return None
    return spec


def _is_imported(stem: str, path: Path) -> bool:
    """Return whether an installed module of that name has been imported."""
    file = getattr(sys.modules.get(stem), "__file__", None)
    return file is not None and is_installed(file) and Path(file) != path


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # too long for a file name, or in a folder without permission
        return False


def _missing_file(path: Path) -> str:
    """Return the message for a file that does not exist, with the files that the user may have meant."""
    folder = path.parent
    if not folder.is_dir():
        return f"file not found: the folder {printable(short_path(folder))} does not exist"
    similar = closest_matches(path.name, _python_files(folder))
    if similar:
        return f"file not found. Did you mean {printable(' or '.join(similar))}?"
    return f"file not found. {_list_python_files(folder)}"


def _not_a_file(folder: Path) -> str:
    return f"this is a folder, not a job file. {_list_python_files(folder)}"


def _list_python_files(folder: Path) -> str:
    files = _python_files(folder)
    if not files:
        return "The folder has no .py files."
    more = len(files) - _MAX_LISTED
    shown = ", ".join(map(printable, files[:_MAX_LISTED]))
    return f"The folder's .py files: {shown}" + (f" and {more} more" if more > 0 else "")


def _python_files(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir() if each.suffix == ".py")
    except OSError:
        return []


# --- settings and default scheduler ---------------------------------------------------------------


def _read_settings(path: Path | None, run_mode: str | None, name: str) -> Settings:
    if path is not None:
        return read_settings(path, run_mode=run_mode)
    if run_mode is not None:
        raise BadSetting(
            f"{name}: the run mode {printable(run_mode)} needs a settings file, and there is none next to "
            f"{name}.\nName the file with --config"
        )
    return Settings()


def _default_scheduler(
    settings: Settings, pool: int | None, tz: str | None
) -> tuple[Scheduler, BadSpec | None]:
    """Return the default scheduler, and the error if the machine's zone, which it needs, is not known.

    A target that creates its own scheduler does not use that one, so the error does not matter to it.
    """

    def make(tz: str | None) -> Scheduler:
        return Scheduler(
            pool=settings.pool if pool is None else pool,
            tz=tz,
            dst=settings.dst,
            defaults=settings.policies,
            schedules=settings.schedules,
            ledger_bytes=settings.ledger_bytes,
            keep_days=settings.keep_days,
            keep_rows=settings.keep_rows,
            keep_mib=settings.keep_mib,
            keep_output=settings.output_keep,
            redact=settings.output_redact,
            abandoned=settings.abandoned,
            quiet=settings.quiet,
            capture_locals=settings.locals,
            capture_results=settings.results,
            single="standby" if settings.single == "attach" else settings.single,
        )

    try:
        return make(settings.tz if tz is None else tz), None
    except BadSpec as error:  # about the machine's time zone: the settings have been checked
        return make("UTC"), error


# --- importing the target -------------------------------------------------------------------------


def _import(target: _FoundTarget) -> ModuleType:
    """Import the target; turn every exception into one message."""
    _importing.append(target)
    try:
        return target.import_module()
    except (BadTarget, KeyboardInterrupt):
        raise
    except SystemExit as error:
        raise BadTarget(
            f"{location_of(error) or target.name}: the file called sys.exit() while it was imported"
            f"{exit_text(error)}\nMove what only a script has to do below  {SCRIPT_ONLY}"
        ) from error
    except ModuleNotFoundError as error:
        missing = printable(error.name or "a module")
        raise BadTarget(
            f"{format_exception(error)}\n\n"
            f"{target.name} imports {missing}, which is not installed for {sys.executable}"
        ) from error
    except BaseException as error:
        raise BadTarget(usage_error(error) or format_exception(error)) from error
    finally:
        _importing.remove(target)


def is_importing() -> bool:
    """Return whether jobtui imports a job file at the moment."""
    return bool(_importing)


def _execute_file(path: Path, name: str) -> ModuleType:
    """Execute a file as a module named after it, with its folder first on the path; write no bytecode."""
    loader = SourceFileLoader(path.stem, str(path))
    try:
        source = loader.get_data(str(path))
    except OSError as error:
        raise BadTarget(f"{name}: cannot read the file: {error.strerror}") from None
    spec = spec_from_loader(path.stem, loader)
    assert spec is not None  # a loader that is given always makes a spec
    module = module_from_spec(spec)
    code = loader.source_to_code(source, str(path))
    put_first_on_path(str(path.resolve().parent))
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module  # dataclasses and pickle look a class's module up there
    try:
        exec(code, module.__dict__)  # noqa: S102 - executing the user's file is jobtui's purpose
    except BaseException:
        if before is None:
            del sys.modules[path.stem]
        else:
            sys.modules[path.stem] = before
        raise
    return module


def _import_module(name: str, shown_name: str) -> ModuleType:
    known = getattr(sys.modules.get(name), "__file__", None)
    if known and not is_installed(known):
        del sys.modules[name]  # its jobs are on the scheduler of an earlier load, so execute it again
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if location_of(error) and not f"{name}.".startswith(f"{missing}."):
            raise
        similar = closest_matches(f"{name}.py", _python_files(Path.cwd()))
        hint = f" Did you mean {printable(similar[0])}?" if similar else ""
        reason = error.msg.partition("; ")[2] or ("" if missing == name else f"{missing} does not exist")
        detail = f" ({printable(reason)})" if reason else ""
        raise BadTarget(
            f"{shown_name}: module not found in {Path.cwd()} or among the installed packages{detail}.{hint}"
        ) from None


# --- choosing the scheduler -----------------------------------------------------------------------


def _choose_scheduler(module: ModuleType, attribute: str, name: str) -> Scheduler:
    """Return the scheduler with this name; without a name, the only one that has jobs."""
    if not attribute:
        return _only_scheduler(module, name)
    if attribute == DEFAULT and not hasattr(module, DEFAULT) and not _is_empty(default_scheduler()):
        return default_scheduler()
    found: object = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if isinstance(found, Scheduler):
        if _is_empty(found):
            raise BadTarget(f"{name}:{attribute}: no jobs are registered on this scheduler.")
        return found
    problem = (
        f"{attribute} is not defined"
        if found is None
        else f"{attribute} is not a Scheduler, but of type {type(found).__name__}"
    )
    choices = [f"{name}:{each}" for each in sorted(_schedulers(module))]
    if not _is_empty(default_scheduler()):
        choices.append(f"{name}:{DEFAULT} for the default scheduler")
    advice = f"Use {' or '.join(choices[:_MAX_LISTED])}" if choices else "The file has no Scheduler"
    raise BadTarget(f"{name}: {problem}. {advice}.")


def _only_scheduler(module: ModuleType, name: str) -> Scheduler:
    schedulers = {key: each for key, each in _schedulers(module).items() if not _is_empty(each)}
    default = default_scheduler()
    if not _is_empty(default) and default not in schedulers.values():
        schedulers = {DEFAULT: default, **schedulers}
    if len(schedulers) == 1:
        return next(iter(schedulers.values()))
    if schedulers:
        choices = " or ".join(f"{name}:{key}" for key in sorted(schedulers))
        raise BadTarget(f"{name}: the file has {len(schedulers)} schedulers. Choose one: {choices}")
    raise BadTarget(
        f"{name}: the file registers no jobs. Register at least one while the file is imported, for example\n"
        '  jobtui.every("30s", function)'
    )


def _schedulers(module: ModuleType) -> dict[str, Scheduler]:
    """Return the schedulers among a module's globals, each under its first name."""
    found: dict[str, Scheduler] = {}
    for key, each in vars(module).items():
        if isinstance(each, Scheduler) and all(each is not other for other in found.values()):
            found[key] = each
    return found


def _is_empty(scheduler: Scheduler) -> bool:
    return not scheduler.snapshot().jobs and not _count_start_functions(scheduler)


def _count_start_functions(scheduler: Scheduler) -> int:
    return len(scheduler.hooks.on_start)
