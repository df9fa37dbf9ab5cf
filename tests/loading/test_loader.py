"""Loading a TARGET: which scheduler is found, with which settings, and the message for every mistake."""

import json
import pickle
import re
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import jobtui
from jobtui.engine.enums import Overlap
from jobtui.loading.loader import BadTarget, Loaded, load
from jobtui.runtime import default_scheduler as default_module
from jobtui.schedules.schedule import Cron
from jobtui.settings.setting_errors import BadSetting

JOB = "import jobtui\njobtui.every(5, print, name='greet')\n"
OWN = "from jobtui import Scheduler\n{name} = Scheduler(pool=3)\n{name}.every(5, print)\n"

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test its own folder, and restore Python's path and modules."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(default_module, "_default", None)  # restored after the test
    before = sys.modules.copy()
    yield
    for name in sys.modules.keys() - before.keys():
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file below the folder of the test."""

    def write_file(name: str, content: str = JOB) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    return write_file


def job_names(loaded: Loaded) -> list[str]:
    """Return the job_names of the registered jobs."""
    return [job.name for job in loaded.scheduler.jobs]


def error_for(target: str) -> str:
    """Return the message for a target; no frame of jobtui or of the import system may be in it."""
    with pytest.raises(BadTarget) as caught:
        load(target)
    message = str(caught.value)
    assert not re.search(r"jobtui/\w+\.py|importlib|runpy", message)
    return message


class TestFile:
    """A .py file as the target."""

    def test_jobs_of_a_file_are_on_the_default_scheduler(self, write: Write) -> None:
        """The title is the name of the file."""
        write("demo.py")
        loaded = load("demo.py")
        assert (job_names(loaded), loaded.title) == (["greet"], "demo.py")
        assert loaded.scheduler is default_module.default_scheduler()

    def test_a_file_is_imported_as_a_module_of_its_name(self, write: Write) -> None:
        """So a main block is not executed, and the classes of the file can be pickled."""
        write(
            "demo.py",
            JOB + "class Order: pass\nif __name__ == '__main__':\n    raise SystemExit('run as a script')\n",
        )
        load("demo.py")
        module = sys.modules["demo"]
        order = pickle.loads(pickle.dumps(module.Order()))
        assert type(order) is module.Order
        assert module.__file__ == str(Path("demo.py").absolute())

    def test_a_file_may_use_dataclasses_with_postponed_annotations(self, write: Write) -> None:
        """`dataclasses` looks the module up by its name while the file is being executed."""
        write(
            "demo.py",
            "from __future__ import annotations\n"
            "from dataclasses import dataclass, KW_ONLY\n"
            "@dataclass\nclass Order:\n    _: KW_ONLY\n    lines: int = 0\n" + JOB,
        )
        assert job_names(load("demo.py")) == ["greet"]

    def test_a_file_can_import_its_neighbours_from_any_current_folder(self, write: Write) -> None:
        """Its folder is first on the path, as for `python file.py`, and not the current one."""
        write("shop/demo.py", "import stock_of_shop\nfrom stock_of_shop import refill\n" + JOB)
        write("shop/stock_of_shop.py", "def refill(): pass\n")
        assert job_names(load("shop/demo.py")) == ["greet"]
        assert sys.path[0] == str(Path("shop").absolute())

    def test_loading_a_file_writes_no_bytecode(
        self, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And so an edit within the same second is seen."""
        monkeypatch.setattr(sys, "dont_write_bytecode", False)
        write("demo.py")
        load("demo.py")
        assert [each.name for each in tmp_path.iterdir()] == ["demo.py"]

    def test_each_load_of_a_file_has_a_new_scheduler_and_reads_the_file_again(self, write: Write) -> None:
        """The jobs of the first load are not on the second scheduler."""
        write("demo.py")
        first = load("demo.py")
        write("demo.py", JOB.replace("greet", "leave"))
        second = load("demo.py")
        assert (job_names(first), job_names(second)) == (["greet"], ["leave"])

    def test_a_file_with_only_a_start_function_can_be_loaded(self, write: Write) -> None:
        """A file may register its jobs when the scheduler starts."""
        write("demo.py", "import jobtui\n@jobtui.on_app_start\ndef begin(): pass\n")
        assert load("demo.py").start_functions == 1

    def test_a_file_with_only_a_one_off_run_can_be_loaded(self, write: Write) -> None:
        """A file may request single runs and nothing else."""
        write("demo.py", "import jobtui\njobtui.now(print)\n")
        assert load("demo.py").scheduler.snapshot().pool.queued == 1

    def test_a_file_name_may_contain_a_colon(self, write: Write) -> None:
        """The colon splits a target only if no file has the whole name."""
        write("at:noon.py")
        assert job_names(load("at:noon.py")) == ["greet"]


class TestModule:
    """A module as the target."""

    def test_a_module_is_found_in_the_current_folder(self, write: Write) -> None:
        """`package.module` works from the folder that contains the package, installed or not."""
        write("shop_a/__init__.py", "")
        write("shop_a/jobs.py")
        loaded = load("shop_a.jobs")
        assert (job_names(loaded), loaded.title) == (["greet"], "shop_a.jobs")

    def test_jobs_of_the_package_of_a_module_are_registered_too(self, write: Write) -> None:
        """The scheduler exists before the package of the module is imported."""
        write("shop_b/__init__.py", JOB)
        write("shop_b/jobs.py", JOB.replace("greet", "part"))
        assert job_names(load("shop_b.jobs")) == ["greet", "part"]

    def test_a_package_can_be_the_target(self, write: Write) -> None:
        """Its `__init__.py` is imported."""
        write("shop_c/__init__.py")
        assert job_names(load("shop_c")) == ["greet"]

    def test_loading_a_module_twice_registers_its_jobs_on_each_scheduler(self, write: Write) -> None:
        """A module that is in `sys.modules` is executed again."""
        write("shop_d.py")
        assert job_names(load("shop_d")) == job_names(load("shop_d")) == ["greet"]

    def test_settings_of_a_module_may_be_in_the_current_folder(self, write: Write) -> None:
        """A project has them at its top, and its jobs in a package; settings next to the jobs come first."""
        write("shop_e/__init__.py", "")
        write("shop_e/jobs.py")
        write("pyproject.toml", "[tool.jobtui]\njobs.pool = 5\n")
        assert load("shop_e.jobs").settings.pool == 5
        write("shop_e/jobtui.toml", "jobs.pool = 6\n")
        assert load("shop_e.jobs").settings.pool == 6


class TestSettings:
    """The settings that the default scheduler is created from."""

    def test_settings_beside_the_file_configure_the_default_scheduler(self, write: Write) -> None:
        """Pool, overlap and named schedules are in force while the file is imported."""
        write("demo.py", "import jobtui\njobtui.schedule('cron.night', print)\n")
        path = write("jobtui.toml", 'jobs.pool = 2\njobs.selfconcurrent = true\ncron.night = "0 0 3 * * ?"\n')
        loaded = load("demo.py")
        snapshot = loaded.scheduler.snapshot()
        assert snapshot.pool.size == 2
        assert snapshot.jobs[0].overlap is Overlap.ALLOW
        assert snapshot.jobs[0].spec == "cron.night = 0 0 3 * * ?"
        assert (loaded.settings.source, loaded.settings_apply) == (path, True)

    def test_the_dst_rule_of_the_settings_is_the_default_of_each_job(self, write: Write) -> None:
        """A job that passes `dst=` keeps its own."""
        write(
            "demo.py",
            "import jobtui\njobtui.schedule('30 1 * * *', print, tz='Europe/London')\n"
            "jobtui.schedule('30 1 * * *', print, tz='Europe/London', dst='once')\n",
        )
        write("jobtui.toml", 'jobs.dst = "every"\n')
        schedules = [job.schedule for job in load("demo.py").scheduler.jobs]
        assert [schedule.dst for schedule in schedules if isinstance(schedule, Cron)] == ["every", "once"]

    def test_without_settings_the_pool_is_ten_and_overlap_is_hold(self, write: Write) -> None:
        """As in Revel."""
        write("demo.py")
        loaded = load("demo.py")
        snapshot = loaded.scheduler.snapshot()
        assert (snapshot.pool.size, snapshot.jobs[0].overlap) == (10, Overlap.HOLD)
        assert loaded.settings.source is None

    def test_a_given_settings_file_replaces_the_one_beside_the_target(self, write: Write) -> None:
        """`--config` is the only file that is read."""
        write("demo.py")
        write("jobtui.toml", "jobs.pool = 2\n")
        other = write("etc/app.conf", "jobs.pool = 3\n[prod]\njobs.pool = 7\n")
        assert load("demo.py", config=other).scheduler.snapshot().pool.size == 3
        assert load("demo.py", config=other, run_mode="prod").scheduler.snapshot().pool.size == 7

    def test_a_given_pool_size_overrides_the_settings(self, write: Write) -> None:
        """0 means no limit, which is not the same as no size."""
        write("demo.py")
        write("jobtui.toml", "jobs.pool = 2\n")
        assert load("demo.py", pool=0).scheduler.snapshot().pool.size == 0

    def test_wrong_settings_are_reported_before_the_file_is_imported(self, write: Write) -> None:
        """With the message of the settings, unchanged."""
        write("demo.py", "raise RuntimeError('imported')\n")
        write("jobtui.toml", "jobs.pol = 2\n")
        with pytest.raises(BadSetting, match=r"Did you mean 'jobs\.pool'\?"):
            load("demo.py")

    def test_a_run_mode_without_settings_file_is_rejected(self, write: Write) -> None:
        """`--run-mode prod` must not silently use the defaults."""
        write("demo.py")
        with pytest.raises(BadSetting) as caught:
            load("demo.py", run_mode="prod")
        assert str(caught.value) == (
            "demo.py: the run mode prod needs a settings file, and there is none next to demo.py.\n"
            "Name the file with --config"
        )


class TestSchedulers:
    """Which scheduler of a file is chosen."""

    def test_a_named_scheduler_keeps_the_pool_it_was_created_with(self, write: Write) -> None:
        """The settings do not apply to it, but a given pool size does."""
        write("demo.py", JOB + OWN.format(name="night"))
        write("jobtui.toml", "jobs.pool = 2\n")
        loaded = load("demo.py:night")
        assert loaded.title == "demo.py:night"
        assert (loaded.scheduler.snapshot().pool.size, loaded.settings_apply) == (3, False)
        assert load("demo.py:night", pool=8).scheduler.snapshot().pool.size == 8

    def test_a_scheduler_name_may_have_dots(self, write: Write) -> None:
        """It may be an attribute of a class."""
        write("shop_f.py", f"class app:\n    {OWN.format(name='s').replace(chr(10), chr(10) + '    ')}\n")
        assert load("shop_f:app.s").scheduler.snapshot().pool.size == 3

    def test_a_target_with_one_scheduler_need_not_name_it(self, write: Write) -> None:
        """Several names of one scheduler and empty schedulers do not matter."""
        write("demo.py", OWN.format(name="night") + "same = night\nempty = Scheduler()\n")
        assert load("demo.py").scheduler.snapshot().pool.size == 3

    def test_a_target_with_jobs_on_the_default_scheduler_and_on_another_must_name_one(
        self, write: Write
    ) -> None:
        """Else one of them would be ignored silently."""
        write("demo.py", JOB + OWN.format(name="night"))
        assert error_for("demo.py") == (
            "demo.py: the file has 2 schedulers. Choose one: demo.py:default or demo.py:night"
        )
        assert job_names(load("demo.py:default")) == ["greet"]
        assert load("demo.py:night").scheduler.snapshot().pool.size == 3

    def test_default_names_a_variable_if_there_is_one(self, write: Write) -> None:
        write("demo.py", JOB + OWN.format(name="default"))
        assert load("demo.py:default").scheduler.snapshot().pool.size == 3

    def test_a_default_scheduler_without_jobs_has_no_name(self, write: Write) -> None:
        write("demo.py", OWN.format(name="night"))
        assert error_for("demo.py:default") == "demo.py: default is not defined. Use demo.py:night."

    def test_a_target_with_two_schedulers_must_name_one(self, write: Write) -> None:
        """The message lists what to type."""
        write("demo.py", OWN.format(name="night") + OWN.format(name="day"))
        assert error_for("demo.py") == (
            "demo.py: the file has 2 schedulers. Choose one: demo.py:day or demo.py:night"
        )

    def test_an_undefined_scheduler_is_rejected_with_the_defined_ones(self, write: Write) -> None:
        """The default scheduler is one of them if it has jobs."""
        write("demo.py", JOB + OWN.format(name="night"))
        assert error_for("demo.py:nigth") == (
            "demo.py: nigth is not defined. Use demo.py:night or demo.py:default for the default scheduler."
        )

    def test_a_name_that_is_not_a_scheduler_is_rejected_with_its_type(self, write: Write) -> None:
        """Here the file has no scheduler to offer."""
        write("demo.py", "night = 3\n")
        assert error_for("demo.py:night") == (
            "demo.py: night is not a Scheduler, but of type int. The file has no Scheduler."
        )

    def test_a_named_scheduler_without_jobs_is_rejected(self, write: Write) -> None:
        """It would do nothing."""
        write("demo.py", JOB + "night = jobtui.Scheduler()\n")
        assert error_for("demo.py:night") == "demo.py:night: no jobs are registered on this scheduler."

    @pytest.mark.parametrize("name", ["", "a-b", "make()"])
    def test_text_after_the_colon_that_is_not_a_name_is_rejected(self, write: Write, name: str) -> None:
        """An empty text, an operator or a call."""
        write("demo.py")
        assert error_for(f"demo.py:{name}") == (
            f"demo.py:{name}: the colon must be followed by the name of a Scheduler, as in demo.py:scheduler"
        )

    @pytest.mark.parametrize(
        ("code", "verb"), [("s.start()\n", "starts"), ("with s: pass\n", "starts and stops")]
    )
    def test_a_scheduler_that_the_file_starts_is_rejected(self, write: Write, code: str, verb: str) -> None:
        """A scheduler can be started once, and jobtui has to do that."""
        write("demo.py", OWN.format(name="s") + code)
        assert error_for("demo.py") == (
            f"demo.py: the file {verb} its scheduler itself, but jobtui has to start it.\n"
            'Remove the start, or move it below  if __name__ == "__main__":'
        )
        sys.modules["demo"].s.stop(0)


class TestNotFound:
    """A target that does not exist or is not a job file."""

    def test_the_error_for_a_missing_file_suggests_a_similar_file(self, write: Write) -> None:
        """A typo."""
        write("demo_jobs.py")
        assert error_for("demo_job.py") == "demo_job.py: file not found. Did you mean demo_jobs.py?"

    def test_the_error_for_a_missing_file_lists_at_most_six_files(self, write: Write) -> None:
        """At most six names are listed."""
        for letter in "abcdefgh":
            write(f"{letter}.py")
        assert error_for("backups.py") == (
            "backups.py: file not found. The folder's .py files: "
            "a.py, b.py, c.py, d.py, e.py, f.py and 2 more"
        )

    def test_the_error_for_a_missing_file_says_that_its_folder_has_no_python_files(self) -> None:
        assert error_for("demo.py") == "demo.py: file not found. The folder has no .py files."

    def test_the_error_for_a_missing_file_names_its_missing_folder(self) -> None:
        assert error_for("nope/demo.py") == "nope/demo.py: file not found: the folder nope does not exist"

    def test_a_file_name_that_is_too_long_is_not_found(self) -> None:
        """The system raises an error when such a path is looked up."""
        assert "file not found" in error_for(f"{'x' * 300}.py")

    @pytest.mark.parametrize("target", ["shop/", "shop"])
    def test_a_folder_is_rejected_with_the_files_in_it(self, write: Write, target: str) -> None:
        """A folder without `__init__.py` has nothing to import."""
        write("shop/jobs.py")
        assert error_for(target) == (
            "shop: this is a folder, not a job file. The folder's .py files: jobs.py"
        )

    def test_a_file_that_is_not_python_is_rejected(self, write: Write) -> None:
        """By its name."""
        write("jobs.txt")
        assert error_for("jobs.txt") == "jobs.txt: not a job file: its name must end in .py"

    @pytest.mark.parametrize("name", ["queue.py", "textual.py", "jobtui.py", "__main__.py", "jinja2.py"])
    def test_a_file_that_would_hide_an_imported_module_is_rejected(self, write: Write, name: str) -> None:
        """Its folder is first on the path: `import queue` in any library would import the job file."""
        write(name)
        assert error_for(name).startswith(f"{name}: a job file must not be called {name}: ")

    @pytest.mark.parametrize("folder", [sysconfig.get_path("purelib"), site.getusersitepackages()])
    def test_a_file_that_would_hide_an_installed_module_that_is_imported_is_rejected(
        self, write: Write, monkeypatch: pytest.MonkeyPatch, folder: str
    ) -> None:
        """Such as one that a plugin has imported; it may be installed for this user alone."""
        module = ModuleType("shop_plugin")
        module.__file__ = str(Path(folder) / "shop_plugin.py")
        monkeypatch.setitem(sys.modules, "shop_plugin", module)
        write("shop_plugin.py")
        assert "must not be called shop_plugin.py" in error_for("shop_plugin.py")

    def test_the_error_for_a_missing_module_suggests_a_similar_file(self, write: Write) -> None:
        """The message also says where jobtui searched."""
        write("demo_jobs.py")
        here = Path.cwd()
        assert error_for("demo_job") == (
            f"demo_job: module not found in {here} or among the installed packages. "
            "Did you mean demo_jobs.py?"
        )

    def test_a_missing_module_of_an_existing_package_is_rejected(self, write: Write) -> None:
        """Only the last part is missing."""
        write("shop_g/__init__.py", "")
        message = error_for("shop_g.jobs")
        assert message.startswith("shop_g.jobs: module not found in ")

    def test_the_error_for_a_missing_module_names_its_missing_package(self) -> None:
        assert error_for("shop_i.jobs").endswith("among the installed packages (shop_i does not exist).")

    def test_the_error_for_a_missing_module_names_the_part_that_is_not_a_package(self) -> None:
        assert "'json.decoder' is not a package" in error_for("json.decoder.x")

    @pytest.mark.parametrize("target", ["", "a..b", ".jobs", "my jobs"])
    def test_a_target_that_is_neither_file_nor_module_is_rejected(self, target: str) -> None:
        """The message says what a target is."""
        assert error_for(target) == f"{target!r} is neither a .py file nor a module such as package.module"


class TestImportFailures:
    """A target that cannot be imported: file and line, and the frames of the user."""

    def test_a_file_without_jobs_is_rejected_with_an_example(self, write: Write) -> None:
        """The example registers a job."""
        write("demo.py", "x = 1\n")
        assert error_for("demo.py") == (
            "demo.py: the file registers no jobs. "
            "Register at least one while the file is imported, for example\n"
            '  jobtui.every("30s", function)'
        )

    def test_a_syntax_error_is_shown_once_with_a_caret(self, write: Write) -> None:
        """Without a traceback that repeats it."""
        write("demo.py", "import jobtui\ndef f(:\n    pass\n")
        assert error_for("demo.py") == ("demo.py:2: SyntaxError: invalid syntax\n    def f(:\n          ^")

    def test_a_syntax_error_in_an_imported_file_names_that_file(self, write: Write) -> None:
        """It is the one to correct."""
        write("demo.py", "import broken_helper\n")
        write("broken_helper.py", "x = (\n")
        assert error_for("demo.py").startswith("broken_helper.py:1: SyntaxError: '(' was never closed\n")

    def test_a_file_that_is_not_utf_8_is_a_syntax_error(self, tmp_path: Path) -> None:
        """With Python's own message about the encoding."""
        (tmp_path / "demo.py").write_bytes(b"\nx = '\xff'\n")
        assert error_for("demo.py").startswith("demo.py:2: SyntaxError: (unicode error) ")

    def test_an_exception_names_the_innermost_line_of_the_user(self, write: Write) -> None:
        """The traceback has the frames of the user, not those of the standard library."""
        write("demo.py", "import json\ndef f():\n    json.loads('{')\nf()\n")
        error = "json.decoder.JSONDecodeError: "
        message = re.sub(re.escape(error) + ".*", error + "...", error_for("demo.py"))
        message = re.sub(r"\n +[~^]+(?=\n)", "", message)  # Python 3.13 marks the call in each line
        assert message == (
            "demo.py:3: json.decoder.JSONDecodeError: ...\n\n"
            "Traceback (most recent call last):\n"
            f'  File "{Path.cwd()}/demo.py", line 4, in <module>\n    f()\n'
            f'  File "{Path.cwd()}/demo.py", line 3, in f\n'
            "    json.loads('{')\n"
            "json.decoder.JSONDecodeError: ..."
        )
        assert json.__file__ not in message

    def test_an_exception_in_an_imported_file_names_its_line(self, write: Write) -> None:
        """The frames of the import system between the two files are left out."""
        write("demo.py", "import failing_helper\n")
        write("failing_helper.py", "\n1 / 0\n")
        message = error_for("demo.py")
        assert message.startswith("failing_helper.py:2: ZeroDivisionError: division by zero\n")
        assert message.count("  File ") == 2

    def test_the_cause_of_an_exception_is_shown(self, write: Write) -> None:
        """The traceback shows the whole chain."""
        write(
            "demo.py",
            "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise OSError('x') from error\n",
        )
        message = error_for("demo.py")
        assert message.startswith("demo.py:4: OSError: x\n")
        assert "direct cause" in message
        assert "ZeroDivisionError" in message

    def test_a_base_exception_is_reported_like_an_error(self, write: Write) -> None:
        """It does not end jobtui with a traceback."""
        write("demo.py", "class Odd(BaseException): pass\nraise Odd('why')\n")
        assert error_for("demo.py").startswith("demo.py:2: demo.Odd: why\n")

    def test_escape_sequences_of_an_exception_are_escaped(self, write: Write) -> None:
        """In the first line and in the traceback."""
        write("demo.py", r"raise ValueError('\x1b[2J')" + "\n")
        assert error_for("demo.py").splitlines()[0] == r"demo.py:1: ValueError: \x1b[2J"
        assert error_for("demo.py").splitlines()[-1] == r"ValueError: \x1b[2J"

    def test_a_missing_dependency_of_a_file_is_named(self, write: Write) -> None:
        """The message says for which Python to install it."""
        write("demo.py", "\nimport requestz\n")
        message = error_for("demo.py")
        assert message.startswith("demo.py:2: ModuleNotFoundError: No module named 'requestz'\n")
        assert message.endswith(f"\n\ndemo.py imports requestz, which is not installed for {sys.executable}")

    def test_a_missing_dependency_of_a_module_is_named(self, write: Write) -> None:
        """As for a file: the target itself was found."""
        write("shop_h/__init__.py", "")
        write("shop_h/jobs.py", "import requestz\n")
        assert "shop_h.jobs imports requestz, which is not installed" in error_for("shop_h.jobs")

    def test_a_file_that_calls_sys_exit_is_rejected(self, write: Write) -> None:
        """The message says how the file can stay a script, too."""
        write("demo.py", "import sys\nsys.exit('no database')\n")
        assert error_for("demo.py") == (
            "demo.py:2: the file called sys.exit() while it was imported: no database\n"
            'Move what only a script has to do below  if __name__ == "__main__":'
        )

    @pytest.mark.parametrize(
        ("call", "expected"),
        [
            (
                'jobtui.schedule("99 * * * * *", print)',
                "second: '99' is above 59 (0-59)\n  99 * * * * *\n  ^",
            ),
            (
                'jobtui.schedule("cron.nigth", print)',
                "the settings have no schedule cron.nigth; they have: cron.night",
            ),
            ("jobtui.every(0, print)", "an interval must be above zero, not "),
            ("jobtui.every(5, 3)", "3 cannot be run; a runnable is "),
            (
                'jobtui.every(5, print, overlap="maybe")',
                "overlap must be one of 'hold', 'skip', 'allow', 'replace', not 'maybe'",
            ),
        ],
    )
    def test_a_wrong_argument_is_reported_by_the_calling_line(
        self, write: Write, call: str, expected: str
    ) -> None:
        """The message of jobtui follows the line as it is written, without a traceback."""
        write("demo.py", f"import jobtui\ndef register():\n    {call}\nregister()\n")
        write("jobtui.toml", 'cron.night = "@midnight"\n')
        place, message = error_for("demo.py").split("\n", 1)
        assert place == f"demo.py:3: {call}"
        assert message.startswith(expected)
        assert "Traceback" not in message

    def test_an_error_that_the_users_code_raises_has_a_traceback(self, write: Write) -> None:
        """Only errors that jobtui raises are shown without."""
        write("demo.py", "raise ValueError('mine')\n")
        assert "Traceback" in error_for("demo.py")

    def test_a_misspelt_function_of_jobtui_is_reported_by_the_calling_line(self, write: Write) -> None:
        """It is an AttributeError of the line of the user."""
        write("demo.py", "import jobtui\njobtui.shedule('@daily', print)\n")
        assert error_for("demo.py").startswith("demo.py:2: AttributeError: module 'jobtui' has no attribute")

    def test_a_name_of_another_scheduler_that_is_imported_is_answered(self, write: Write) -> None:
        """Python itself only says that there is no such name."""
        file = write("jobs.py", "from jobtui import BlockingScheduler\n")
        with pytest.raises(
            BadTarget, match=r"jobs.py:1: ImportError: .*'BlockingScheduler'.*; write Scheduler\("
        ):
            load(str(file))

    def test_a_module_whose_import_failed_is_removed(self, write: Write) -> None:
        """As after any failed import."""
        write("demo.py", "1 / 0\n")
        error_for("demo.py")
        assert "demo" not in sys.modules

    def test_an_interrupt_during_the_import_is_passed_on(self, write: Write) -> None:
        """Ctrl+C is not an error of the file."""
        write("demo.py", "raise KeyboardInterrupt\n")
        with pytest.raises(KeyboardInterrupt):
            load("demo.py")


def test_public_functions_act_on_the_loaded_scheduler(write: Write) -> None:
    """After a load, `jobtui.now` and the other functions use the scheduler of the target."""
    write("demo.py")
    loaded = load("demo.py")
    jobtui.now(print)
    assert loaded.scheduler.snapshot().pool.queued == 1
