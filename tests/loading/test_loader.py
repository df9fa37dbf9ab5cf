"""Loading a TARGET: what is found, what it is run with, and what every mistake is answered with."""

import json
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import jobtui
from jobtui.engine.enums import Overlap
from jobtui.loading.loader import BadTarget, Loaded, load
from jobtui.runtime import default as default_module
from jobtui.schedules.schedule import Cron
from jobtui.settings.setting_errors import BadSetting

JOB = "import jobtui\njobtui.every(5, print, name='greet')\n"
OWN = "from jobtui import Scheduler\n{name} = Scheduler(pool=3)\n{name}.every(5, print)\n"

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test works in its own folder, and leaves Python's path and modules as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(default_module, "_default", None)
    before = sys.modules.copy()
    yield
    for name in sys.modules.keys() - before.keys():
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give a function that writes a file below the test's folder."""

    def write_file(name: str, content: str = JOB) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    return write_file


def names(loaded: Loaded) -> list[str]:
    """Return the names of the jobs that were registered."""
    return [job.name for job in loaded.scheduler.jobs]


def complaint(target: str) -> str:
    """Return what a target is answered with; no frame of jobtui's, nor of the import's, may be in it."""
    with pytest.raises(BadTarget) as caught:
        load(target)
    message = str(caught.value)
    assert not re.search(r"jobtui/\w+\.py|importlib|runpy", message)
    return message


class TestFile:
    """A .py file as the target."""

    def test_its_jobs_are_on_the_scheduler(self, write: Write) -> None:
        """What the file registers is what will run, under the file's name."""
        write("demo.py")
        loaded = load("demo.py")
        assert (names(loaded), loaded.title) == (["greet"], "demo.py")
        assert loaded.scheduler is default_module.default_scheduler()

    def test_it_is_a_module_named_after_the_file(self, write: Write) -> None:
        """What stands below `if __name__ == "__main__"` is not run, and its classes can be pickled."""
        write(
            "demo.py",
            JOB + "class Order: pass\nif __name__ == '__main__':\n    raise SystemExit('run as a script')\n",
        )
        load("demo.py")
        module = sys.modules["demo"]
        order = pickle.loads(pickle.dumps(module.Order()))
        assert type(order) is module.Order
        assert module.__file__ == str(Path("demo.py").absolute())

    def test_it_can_use_dataclasses_with_postponed_annotations(self, write: Write) -> None:
        """`dataclasses` looks the module up by its name while the file is still being run."""
        write(
            "demo.py",
            "from __future__ import annotations\n"
            "from dataclasses import dataclass, KW_ONLY\n"
            "@dataclass\nclass Order:\n    _: KW_ONLY\n    lines: int = 0\n" + JOB,
        )
        assert names(load("demo.py")) == ["greet"]

    def test_files_beside_it_can_be_imported_from_anywhere(self, write: Write) -> None:
        """Its folder is first on the path, as for `python file.py`, and not the current one."""
        write("shop/demo.py", "import stock_of_shop\nfrom stock_of_shop import refill\n" + JOB)
        write("shop/stock_of_shop.py", "def refill(): pass\n")
        assert names(load("shop/demo.py")) == ["greet"]
        assert sys.path[0] == str(Path("shop").absolute())

    def test_it_leaves_no_bytecode(
        self, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Running a script leaves nothing beside it, and an edit within the same second is seen."""
        monkeypatch.setattr(sys, "dont_write_bytecode", False)
        write("demo.py")
        load("demo.py")
        assert [each.name for each in tmp_path.iterdir()] == ["demo.py"]

    def test_loading_it_twice_registers_its_jobs_once(self, write: Write) -> None:
        """Each load has a scheduler of its own, and runs the file as it is now."""
        write("demo.py")
        first = load("demo.py")
        write("demo.py", JOB.replace("greet", "leave"))
        second = load("demo.py")
        assert (names(first), names(second)) == (["greet"], ["leave"])

    def test_a_start_function_is_enough(self, write: Write) -> None:
        """A file may register its jobs when the scheduler starts."""
        write("demo.py", "import jobtui\n@jobtui.on_app_start\ndef begin(): pass\n")
        assert load("demo.py").start_functions == 1

    def test_a_one_off_run_is_enough(self, write: Write) -> None:
        """A file may ask for single runs and nothing else."""
        write("demo.py", "import jobtui\njobtui.now(print)\n")
        assert load("demo.py").scheduler.snapshot().pool.queued == 1

    def test_a_colon_may_belong_to_its_name(self, write: Write) -> None:
        """A file that exists is that file."""
        write("at:noon.py")
        assert names(load("at:noon.py")) == ["greet"]


class TestModule:
    """A module as the target."""

    def test_it_is_found_in_the_current_folder(self, write: Write) -> None:
        """`package.module` works from the folder that has the package, installed or not."""
        write("shop_a/__init__.py", "")
        write("shop_a/jobs.py")
        loaded = load("shop_a.jobs")
        assert (names(loaded), loaded.title) == (["greet"], "shop_a.jobs")

    def test_jobs_of_its_package_count_too(self, write: Write) -> None:
        """The scheduler is ready before the package around the module is imported."""
        write("shop_b/__init__.py", JOB)
        write("shop_b/jobs.py", JOB)
        assert names(load("shop_b.jobs")) == ["greet", "greet-2"]

    def test_a_package_can_be_the_target(self, write: Write) -> None:
        """Its `__init__.py` is imported."""
        write("shop_c/__init__.py")
        assert names(load("shop_c")) == ["greet"]

    def test_loading_it_twice_registers_its_jobs_on_the_second_scheduler_too(self, write: Write) -> None:
        """A module that Python remembers is run again."""
        write("shop_d.py")
        assert names(load("shop_d")) == names(load("shop_d")) == ["greet"]

    def test_its_settings_may_be_in_the_current_folder(self, write: Write) -> None:
        """A project has its settings at its top, its jobs in a package; beside the jobs they count first."""
        write("shop_e/__init__.py", "")
        write("shop_e/jobs.py")
        write("pyproject.toml", "[tool.jobtui]\njobs.pool = 5\n")
        assert load("shop_e.jobs").settings.pool == 5
        write("shop_e/jobtui.toml", "jobs.pool = 6\n")
        assert load("shop_e.jobs").settings.pool == 6


class TestSettings:
    """What the scheduler is made from."""

    def test_those_beside_the_file_make_the_default_scheduler(self, write: Write) -> None:
        """Pool, overlap and named schedules are in force while the file is imported."""
        write("demo.py", "import jobtui\njobtui.schedule('cron.night', print)\n")
        path = write("jobtui.toml", 'jobs.pool = 2\njobs.selfconcurrent = true\ncron.night = "0 0 3 * * ?"\n')
        loaded = load("demo.py")
        snapshot = loaded.scheduler.snapshot()
        assert snapshot.pool.size == 2
        assert snapshot.jobs[0].overlap is Overlap.ALLOW
        assert snapshot.jobs[0].spec == "cron.night = 0 0 3 * * ?"
        assert (loaded.settings.source, loaded.settings_apply) == (path, True)

    def test_the_rule_for_dst_is_that_of_the_settings_where_a_job_has_none(self, write: Write) -> None:
        """``jobs.dst`` is the default; ``dst=`` of a job counts before it."""
        write(
            "demo.py",
            "import jobtui\njobtui.schedule('30 1 * * *', print, tz='Europe/London')\n"
            "jobtui.schedule('30 1 * * *', print, tz='Europe/London', dst='once')\n",
        )
        write("jobtui.toml", 'jobs.dst = "every"\n')
        schedules = [job.schedule for job in load("demo.py").scheduler.jobs]
        assert [schedule.dst for schedule in schedules if isinstance(schedule, Cron)] == ["every", "once"]

    def test_without_any_a_job_holds_its_own_runs(self, write: Write) -> None:
        """The defaults are the seed's: ten at once, and no job overlaps itself."""
        write("demo.py")
        loaded = load("demo.py")
        snapshot = loaded.scheduler.snapshot()
        assert (snapshot.pool.size, snapshot.jobs[0].overlap) == (10, Overlap.HOLD)
        assert loaded.settings.source is None

    def test_a_named_file_counts_instead_of_the_one_beside(self, write: Write) -> None:
        """`--config` is all that is read."""
        write("demo.py")
        write("jobtui.toml", "jobs.pool = 2\n")
        other = write("etc/app.conf", "jobs.pool = 3\n[prod]\njobs.pool = 7\n")
        assert load("demo.py", config=other).scheduler.snapshot().pool.size == 3
        assert load("demo.py", config=other, run_mode="prod").scheduler.snapshot().pool.size == 7

    def test_the_pool_asked_for_counts_before_the_settings(self, write: Write) -> None:
        """`--pool` has the last word; 0 is no limit, and not the same as not given."""
        write("demo.py")
        write("jobtui.toml", "jobs.pool = 2\n")
        assert load("demo.py", pool=0).scheduler.snapshot().pool.size == 0

    def test_bad_settings_are_told_as_they_are(self, write: Write) -> None:
        """The message of the settings passes through, and the file is not imported."""
        write("demo.py", "raise RuntimeError('imported')\n")
        write("jobtui.toml", "jobs.pol = 2\n")
        with pytest.raises(BadSetting, match=r"Did you mean 'jobs\.pool'\?"):
            load("demo.py")

    def test_a_run_mode_needs_settings(self, write: Write) -> None:
        """Somebody who asks for [prod] must not get the defaults."""
        write("demo.py")
        with pytest.raises(BadSetting) as caught:
            load("demo.py", run_mode="prod")
        assert str(caught.value) == (
            "demo.py: no settings were found beside it, so there is no section for the run mode prod. "
            "Name the file with --config"
        )


class TestSchedulers:
    """Which scheduler of a file is meant."""

    def test_the_one_that_is_named(self, write: Write) -> None:
        """`demo.py:night` is the global `night`; it has the pool it was made with, not the settings'."""
        write("demo.py", JOB + OWN.format(name="night"))
        write("jobtui.toml", "jobs.pool = 2\n")
        loaded = load("demo.py:night")
        assert loaded.title == "demo.py:night"
        assert (loaded.scheduler.snapshot().pool.size, loaded.settings_apply) == (3, False)
        assert load("demo.py:night", pool=8).scheduler.snapshot().pool.size == 8

    def test_one_inside_an_object(self, write: Write) -> None:
        """The name may have dots."""
        write("shop_f.py", f"class app:\n    {OWN.format(name='s').replace(chr(10), chr(10) + '    ')}\n")
        assert load("shop_f:app.s").scheduler.snapshot().pool.size == 3

    def test_the_only_one_needs_no_name(self, write: Write) -> None:
        """With nothing on the default scheduler there is no doubt, under however many names it goes."""
        write("demo.py", OWN.format(name="night") + "same = night\nempty = Scheduler()\n")
        assert load("demo.py").scheduler.snapshot().pool.size == 3

    def test_the_default_one_counts_first(self, write: Write) -> None:
        """A scheduler that the file makes for itself does not hide what it registers on jobtui."""
        write("demo.py", JOB + OWN.format(name="night"))
        assert names(load("demo.py")) == ["greet"]

    def test_two_must_be_told_apart(self, write: Write) -> None:
        """The message has what to type."""
        write("demo.py", OWN.format(name="night") + OWN.format(name="day"))
        assert complaint("demo.py") == (
            "demo.py: it has 2 schedulers. Say which one: demo.py:day or demo.py:night"
        )

    def test_one_that_is_not_there(self, write: Write) -> None:
        """The message has those there are."""
        write("demo.py", JOB + OWN.format(name="night"))
        assert complaint("demo.py:nigth") == (
            "demo.py: it has no nigth. Write demo.py:night or demo.py for the default scheduler."
        )

    def test_something_else_by_that_name(self, write: Write) -> None:
        """The message says what it is, and that there is none."""
        write("demo.py", "night = 3\n")
        assert complaint("demo.py:night") == (
            "demo.py: night is no Scheduler, but of type int. There is no Scheduler in it."
        )

    def test_one_without_jobs(self, write: Write) -> None:
        """An empty scheduler would sit there and do nothing."""
        write("demo.py", JOB + "night = jobtui.Scheduler()\n")
        assert complaint("demo.py:night") == "demo.py:night: no jobs are registered on this scheduler."

    @pytest.mark.parametrize("name", ["", "a-b", "make()"])
    def test_what_cannot_be_a_name(self, write: Write, name: str) -> None:
        """After the colon comes a name."""
        write("demo.py")
        assert complaint(f"demo.py:{name}") == (
            f"demo.py:{name}: after the colon comes the name of a Scheduler, as in demo.py:scheduler"
        )

    @pytest.mark.parametrize(("code", "word"), [("s.start()\n", "started"), ("with s: pass\n", "stopped")])
    def test_one_that_the_file_starts_itself(self, write: Write, code: str, word: str) -> None:
        """A scheduler is started once, and that is jobtui's part."""
        write("demo.py", OWN.format(name="s") + code)
        assert complaint("demo.py") == (
            f"demo.py: its scheduler was {word} already.\n"
            'Leave the start to jobtui, or put it below  if __name__ == "__main__":'
        )
        sys.modules["demo"].s.stop(0)


class TestNotThere:
    """A target that cannot be found."""

    def test_a_file_of_nearly_that_name(self, write: Write) -> None:
        """A slip of the finger gets the name that was meant."""
        write("demo_jobs.py")
        assert complaint("demo_job.py") == "demo_job.py: there is no such file. Did you mean demo_jobs.py?"

    def test_a_file_of_no_name_like_it(self, write: Write) -> None:
        """Else the message has what there is, but not all of a long list."""
        for letter in "abcdefgh":
            write(f"{letter}.py")
        assert complaint("backups.py") == (
            "backups.py: there is no such file. The .py files there: "
            "a.py, b.py, c.py, d.py, e.py, f.py and 2 more"
        )

    def test_a_file_in_an_empty_folder(self) -> None:
        """Nothing to suggest."""
        assert (
            complaint("demo.py") == "demo.py: there is no such file. There are no .py files in that folder."
        )

    def test_a_folder_that_is_not_there(self) -> None:
        """The folder is what is wrong."""
        assert complaint("nope/demo.py") == "nope/demo.py: there is no such file. Nor is there a folder nope"

    def test_a_name_that_no_file_can_have(self) -> None:
        """The system refuses to look for it at all."""
        assert "there is no such file" in complaint(f"{'x' * 300}.py")

    @pytest.mark.parametrize("target", ["shop/", "shop"])
    def test_a_folder(self, write: Write, target: str) -> None:
        """A folder without an `__init__.py` has nothing to import; the files in it have."""
        write("shop/jobs.py")
        assert complaint(target) == ("shop: this is a folder, not a job file. The .py files there: jobs.py")

    def test_a_file_of_another_kind(self, write: Write) -> None:
        """Neither is everything that exists a job file."""
        write("jobs.txt")
        assert complaint("jobs.txt") == "jobs.txt: a job file ends in .py"

    @pytest.mark.parametrize(
        "name", ["queue.py", "textual.py", "jobtui.py", "__main__.py", "pytest.py", "jinja2.py"]
    )
    def test_a_file_in_the_place_of_a_module_that_is_needed(self, write: Write, name: str) -> None:
        """Its folder is first on the path, so the next `import queue`, in any library, would get it."""
        write(name)
        assert complaint(name).startswith(f"{name}: a job file cannot be called {name}")

    def test_a_module(self, write: Write) -> None:
        """The message says where it was looked for, and what file may be meant."""
        write("demo_jobs.py")
        here = Path.cwd()
        assert complaint("demo_job") == (
            f"demo_job: there is no such module in {here}, nor is one installed. Did you mean demo_jobs.py?"
        )

    def test_a_module_of_a_package(self, write: Write) -> None:
        """It is the last part that is missing."""
        write("shop_g/__init__.py", "")
        message = complaint("shop_g.jobs")
        assert message.startswith("shop_g.jobs: there is no such module in ")

    def test_a_module_of_a_package_that_is_not_there(self) -> None:
        """The message says that it is the package that is missing."""
        assert complaint("shop_i.jobs").endswith("nor is one installed (there is no shop_i).")

    def test_a_module_of_a_module(self) -> None:
        """The message says which part has no parts."""
        assert "'json.decoder' is not a package" in complaint("json.decoder.x")

    @pytest.mark.parametrize("target", ["", "a..b", ".jobs", "my jobs"])
    def test_what_is_no_module_name(self, target: str) -> None:
        """The message says what a target is."""
        assert complaint(target) == f"{target!r} is neither a .py file nor a module such as package.module"


class TestBroken:
    """A target that cannot be imported: file and line, and the user's own frames."""

    def test_it_registers_nothing(self, write: Write) -> None:
        """The message says what to write."""
        write("demo.py", "x = 1\n")
        assert complaint("demo.py") == (
            "demo.py: it registers no jobs. A job is registered while the file is imported, such as with\n"
            '  jobtui.every("30s", function)'
        )

    def test_a_syntax_error(self, write: Write) -> None:
        """The line, with a caret, once."""
        write("demo.py", "import jobtui\ndef f(:\n    pass\n")
        assert complaint("demo.py") == ("demo.py:2: SyntaxError: invalid syntax\n    def f(:\n          ^")

    def test_a_syntax_error_in_what_it_imports(self, write: Write) -> None:
        """The file that is named is the one to mend."""
        write("demo.py", "import broken_helper\n")
        write("broken_helper.py", "x = (\n")
        assert complaint("demo.py").startswith("broken_helper.py:1: SyntaxError: '(' was never closed\n")

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        """Python's own message says what is wrong with the encoding."""
        (tmp_path / "demo.py").write_bytes(b"\nx = '\xff'\n")
        assert complaint("demo.py").startswith("demo.py:2: SyntaxError: (unicode error) ")

    def test_an_exception(self, write: Write) -> None:
        """The user's innermost line first, then the way there; the frames of Python's json are not theirs."""
        write("demo.py", "import json\ndef f():\n    json.loads('{')\nf()\n")
        error = "json.decoder.JSONDecodeError: "
        told = re.sub(re.escape(error) + ".*", error + "...", complaint("demo.py"))
        assert told == (
            "demo.py:3: json.decoder.JSONDecodeError: ...\n\n"
            "Traceback (most recent call last):\n"
            f'  File "{Path.cwd()}/demo.py", line 4, in <module>\n    f()\n'
            f'  File "{Path.cwd()}/demo.py", line 3, in f\n'
            "    json.loads('{')\n"
            "json.decoder.JSONDecodeError: ..."
        )
        assert json.__file__ not in told

    def test_an_exception_in_what_it_imports(self, write: Write) -> None:
        """The line that raised is the helper's; the frames between the two imports are Python's."""
        write("demo.py", "import failing_helper\n")
        write("failing_helper.py", "\n1 / 0\n")
        message = complaint("demo.py")
        assert message.startswith("failing_helper.py:2: ZeroDivisionError: division by zero\n")
        assert message.count("  File ") == 2

    def test_a_chain_of_exceptions(self, write: Write) -> None:
        """What led to the exception is told as well."""
        write(
            "demo.py",
            "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise OSError('x') from error\n",
        )
        message = complaint("demo.py")
        assert message.startswith("demo.py:4: OSError: x\n")
        assert "direct cause" in message
        assert "ZeroDivisionError" in message

    def test_an_exception_that_is_no_error(self, write: Write) -> None:
        """Not even a BaseException gets through."""
        write("demo.py", "class Odd(BaseException): pass\nraise Odd('why')\n")
        assert complaint("demo.py").startswith("demo.py:2: demo.Odd: why\n")

    def test_escape_sequences_do_not_reach_the_terminal(self, write: Write) -> None:
        """The first line of a message is text, whatever the exception's says."""
        write("demo.py", r"raise ValueError('\x1b[2J')" + "\n")
        assert complaint("demo.py").splitlines()[0] == r"demo.py:1: ValueError: \x1b[2J"

    def test_a_module_that_it_needs(self, write: Write) -> None:
        """It is not the target that is missing, and where to install it is said."""
        write("demo.py", "\nimport requestz\n")
        message = complaint("demo.py")
        assert message.startswith("demo.py:2: ModuleNotFoundError: No module named 'requestz'\n")
        assert message.endswith(
            f"\n\ndemo.py was found, but requestz, which it needs, is not installed for {sys.executable}"
        )

    def test_a_module_that_a_module_needs(self, write: Write) -> None:
        """The same for a module as the target."""
        write("shop_h/__init__.py", "")
        write("shop_h/jobs.py", "import requestz\n")
        assert "shop_h.jobs was found, but requestz, which it needs" in complaint("shop_h.jobs")

    def test_a_script_that_exits(self, write: Write) -> None:
        """A script without a main guard ends jobtui with it; the message says how to keep both."""
        write("demo.py", "import sys\nsys.exit('no database')\n")
        assert complaint("demo.py") == (
            "demo.py:2: the file ended itself with sys.exit() while it was imported. It said: no database\n"
            'What a script does when it is run by itself belongs below  if __name__ == "__main__":'
        )

    @pytest.mark.parametrize(
        ("call", "said"),
        [
            (
                'jobtui.schedule("99 * * * * *", print)',
                "second: '99' is above 59 (0-59)\n  99 * * * * *\n  ^",
            ),
            (
                'jobtui.schedule("cron.nigth", print)',
                "the settings have no schedule cron.nigth; they have: cron.night",
            ),
            ("jobtui.every(0, print)", "an interval is above zero, not "),
            ("jobtui.every(5, 3)", "3 cannot be run; a runnable is "),
            (
                'jobtui.every(5, print, overlap="maybe")',
                "overlap is one of 'hold', 'skip', 'allow', 'replace', not 'maybe'",
            ),
        ],
    )
    def test_what_jobtui_refuses(self, write: Write, call: str, said: str) -> None:
        """The line that called, as it is written, and the message: no traceback, no frames of ours."""
        write("demo.py", f"import jobtui\ndef register():\n    {call}\nregister()\n")
        write("jobtui.toml", 'cron.night = "@midnight"\n')
        place, message = complaint("demo.py").split("\n", 1)
        assert place == f"demo.py:3: {call}"
        assert message.startswith(said)
        assert "Traceback" not in message

    def test_an_error_of_the_users_own_of_the_same_kind(self, write: Write) -> None:
        """Only what jobtui itself raises goes without its traceback."""
        write("demo.py", "raise ValueError('mine')\n")
        assert "Traceback" in complaint("demo.py")

    def test_a_name_that_jobtui_does_not_have(self, write: Write) -> None:
        """A typo in the name of a function is the user's line."""
        write("demo.py", "import jobtui\njobtui.shedule('@daily', print)\n")
        assert complaint("demo.py").startswith("demo.py:2: AttributeError: module 'jobtui' has no attribute")

    def test_what_failed_is_forgotten(self, write: Write) -> None:
        """As with any import, half a module does not stay."""
        write("demo.py", "1 / 0\n")
        complaint("demo.py")
        assert "demo" not in sys.modules

    def test_an_interruption_passes_through(self, write: Write) -> None:
        """Ctrl+C is not the file's fault."""
        write("demo.py", "raise KeyboardInterrupt\n")
        with pytest.raises(KeyboardInterrupt):
            load("demo.py")


def test_public_functions_act_on_the_loaded_scheduler(write: Write) -> None:
    """After a load, `jobtui.now` and its like are the target's."""
    write("demo.py")
    loaded = load("demo.py")
    jobtui.now(print)
    assert loaded.scheduler.snapshot().pool.queued == 1
