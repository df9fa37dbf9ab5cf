"""``jobtui check``: the table of the jobs, warnings, and how the report fits its stream."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from support.command_line import LIMIT, WriteFile, run_jobtui

from jobtui.cli.check import format_report
from jobtui.cli.main import main
from jobtui.loading.loader import load
from jobtui.runtime.clock import ManualClock


class TestContent:
    """The contents of the report."""

    def test_each_job_is_one_line_in_a_pipe(self, write_file: WriteFile) -> None:
        """Name, schedule, the schedule in words, three ticks with their zone, and the place in the code."""
        write_file(
            "demo.py",
            "import jobtui\n"
            "def refresh_the_cache_of_all_products_and_their_pictures(): pass\n"
            "jobtui.schedule('cron.workhours_15m', refresh_the_cache_of_all_products_and_their_pictures)\n"
            "jobtui.every('1500ms', print, name='[red]quick')\n"
            "jobtui.schedule('0 0 0 30 2 ?', print, name='never')\n"
            "jobtui.schedule('TZ=Asia/Tokyo 0 0 * * *', print, name='tokyo')\n"
            "jobtui.in_('90m', refresh_the_cache_of_all_products_and_their_pictures)\n"
            "jobtui.now(print)\n"
            "@jobtui.on_app_start\ndef begin(): raise RuntimeError('check called it')\n",
        )
        write_file("jobtui.toml", 'jobs.pool = 4\ncron.workhours_15m = "0 */15 9-17 ? * MON-FRI"\n')
        done = run_jobtui("check", "demo.py", TZ="Europe/Oslo")
        assert (done.returncode, done.stderr) == (0, "")
        lines = [re.sub(" {2,}", "|", line) for line in done.stdout.splitlines()]
        assert lines[:3] == ["target|demo.py: 4 jobs on a schedule", "settings|jobtui.toml", "pool|4"]
        assert lines[3].startswith("zone|Europe/Oslo, now 2")
        assert lines[4].startswith("on start|1 on_app_start function, not called by check; more jobs may")
        assert lines[6] == "job|schedule|in words|next|then|then|written in"
        name, spec, words, *ticks, origin = lines[7].split("|")
        assert name == "refresh_the_cache_of_all_products_and_their_pictures"
        assert spec == "cron.workhours_15m = 0 */15 9-17 ? * MON-FRI"
        assert words == "every 15 minutes from 09:00 to 17:59, Monday to Friday"
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d (09|1\d):(00|15|30|45):00 CES?T", tick) for tick in ticks)
        assert len(ticks) == 3
        assert origin == "demo.py:2"
        assert re.fullmatch(
            r"\[red\]quick\|every 1\.5s\|every 1 second 500 milliseconds(\|\S+ \S+ CES?T){3}\|\(not Python\)",
            lines[8],
        )
        assert (
            lines[9] == "never|0 0 0 30 2 ?|at 00:00, on day 30 of the month in February|never|(not Python)"
        )
        assert re.fullmatch(r"tokyo\|TZ=.+?(\|\S+ 1[67]:00:00 CES?T){3}\|\(not Python\)", lines[10])
        assert lines[12] == "warnings"
        assert lines[13] == "(not Python): never: it never runs within 8 years: there is no day 30 in FEB"
        del lines[11:14]
        assert lines[12] == "one-off run|trigger|due|written in"
        assert re.fullmatch(r"refresh_the_cache\S+\|in\|\S+ \S+ CES?T\|demo\.py:2", lines[13])
        assert lines[14] == "print|now|at start|(not Python)"

    def test_a_warning_begins_with_the_place_and_the_name_of_the_job(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """One line for each warning, as compilers write them; the exit status stays 0."""
        write_file(
            "demo.py",
            "import jobtui\n"
            "def nightly(): pass\n"
            "jobtui.schedule('30 2 * * *', nightly, tz='America/New_York')\n"
            "def poll(): pass\n"
            "jobtui.schedule('*/25 * * * *', poll, name='often', tz='UTC')\n"
            "jobtui.schedule('0 */15 9-17 ? * MON-FRI', poll, name='fine', tz='UTC')\n"
            "def pay(): pass\n"
            "jobtui.schedule('0 0 31 * *', pay, tz='UTC')\n",
        )
        assert main(["check", "demo.py"]) == 0
        gap, step, *rest = capsys.readouterr().out.split("warnings\n")[1].splitlines()
        assert re.fullmatch(
            r"demo\.py:2: nightly: 02:30 does not exist on Sun \d{4}-03-\d\d: the clock jumps from 02:00 to"
            r" 03:00, so it runs right after the jump",
            gap,
        )
        assert step == (
            "demo.py:4: often: */25 in minute is uneven: 0 follows 50 after 10 minutes, not 25;"
            " for even intervals write @every 25m"
        )
        assert rest == ["demo.py:7: pay: it skips months without a day 31: FEB, APR, JUN, SEP, NOV"]

    def test_a_password_that_others_can_read_gets_a_warning(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The warning of the settings is in the list, and does not repeat the password."""
        write_file()
        settings = Path("jobtui.toml")
        settings.write_text('jobs.auth.user = "ada"\njobs.auth.pass = "lovelace"\n', encoding="utf-8")
        settings.chmod(0o644)
        assert main(["check", "demo.py"]) == 0
        report = capsys.readouterr().out
        warning = report.split("warnings\n")[1]
        assert "jobtui.toml: other users of this machine can read jobs.auth.pass" in warning
        assert "lovelace" not in report

    def test_pauses_are_listed_with_their_ends_and_notes(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """And the jobs that failures pause."""
        write_file(
            "demo.py",
            "import jobtui\n"
            "job = jobtui.every('1m', print, name='poll')\n"
            "job.pause(until='2999-01-01 08:00', note='disk')\n"
            "jobtui.every('1m', print, name='strict', pause_after=5, timeout='5m', warn='2m')\n",
        )
        assert main(["check", "demo.py", "--tz", "UTC"]) == 0
        lines = capsys.readouterr().out.splitlines()
        place = lines.index("start, pause and end")
        assert re.fullmatch(
            r"poll: paused since .+ UTC, until Tue 2999-01-01 08:00:00 UTC, by code: disk", lines[place + 1]
        )
        assert lines[place + 2] == "strict: pauses after 5 failures in a row"
        limits = lines[lines.index("limits") + 1]
        assert limits == "strict: timeout 5m00s, abandoned 30s later, warning after 2m00s"

    def test_policies_of_the_settings_are_shown_with_the_file_and_apply(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A job that has the policy itself keeps it. They do not apply to a scheduler that the file makes."""
        write_file(
            "demo.py",
            "import jobtui\nown = jobtui.Scheduler()\nown.every('1m', print, name='three')\n"
            "jobtui.every('1m', print, name='one')\njobtui.every('1m', print, name='two', timeout='1h')\n",
        )
        write_file("jobtui.toml", 'jobs.timeout = "5m"\njobs.retry = 2\n')
        assert main(["check", "demo.py:default"]) == 0
        out = capsys.readouterr().out
        assert "policies  jobs.retry 2, jobs.timeout 5m00s, from jobtui.toml\n" in out
        assert "one: timeout 5m00s, abandoned 30s later\ntwo: timeout 1h00m" in out
        assert "one: 2 retries, after 2s, 4s" in out
        assert main(["check", "demo.py:own"]) == 0
        assert "policies" not in capsys.readouterr().out

    def test_quiet_times_are_shown_and_a_job_whose_ticks_are_all_quiet_warned_of(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_file(
            "demo.py",
            "import jobtui\n"
            "jobtui.schedule('30 2 * * *', print, name='never')\n"
            "jobtui.schedule('30 * * * *', print, name='mostly')\n",
        )
        write_file("jobtui.toml", 'jobs.quiet = ["daily 02:00 for 3h"]\n')
        assert main(["check", "demo.py"]) == 0
        out = capsys.readouterr().out
        assert "quiet     daily 02:00 for 3h\n" in out
        [warning] = out.split("warnings\n")[1].splitlines()
        assert warning.endswith(
            "never: its next 20 ticks are all in quiet times (daily 02:00 for 3h), so they start no run"
        )

    def test_retries_are_listed_with_their_instants_and_long_ones_warned_of(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_file(
            "demo.py",
            "import jobtui\n"
            "jobtui.schedule('0 0 8 * * *', print, name='short', retry=3)\n"
            "jobtui.schedule('0 * * * * *', print, name='long', retry=jobtui.Retry(9, first='1m'))\n"
            "limited = jobtui.Retry(9, first='1m', until='next tick')\n"
            "jobtui.every('1m', print, name='limited', retry=limited)\n",
        )
        assert main(["check", "demo.py", "--tz", "UTC"]) == 0
        lines = capsys.readouterr().out.splitlines()
        short, long, _ = lines[lines.index("retries") + 1 :][:3]
        assert short == (
            "short: 3 retries, after 2s, 4s, 8s; "
            "at 08:00:02, 08:00:06, 08:00:14 if a run of 08:00:00 fails at once"
        )
        assert ", ... if a run of " in long
        [warning] = [line for line in lines if "the retries of a run may take" in line]
        assert warning.endswith(
            "long: the retries of a run may take 40m42s, and the next tick is 1m00s later"
        )

    @pytest.mark.parametrize(
        ("store", "expected"),
        [
            ("no/such/jobs.db", "the folder {}/no/such of the store does not exist; the start creates it"),
            (".", "{}: this is a folder; name a file in it, such as jobtui.db"),
        ],
    )
    def test_a_store_that_may_be_mistyped_is_warned_of(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str], store: str, expected: str
    ) -> None:
        folder = write_file().parent
        assert main(["check", "demo.py", "--store", str(folder / store)]) == 0
        [warning] = capsys.readouterr().out.split("warnings\n")[1].splitlines()
        assert warning == expected.format(folder)

    def test_without_warnings_there_is_no_heading_for_them(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """An empty section would be noise."""
        write_file()
        assert main(["check", "demo.py"]) == 0
        assert "warnings" not in capsys.readouterr().out

    def test_settings_do_not_apply_to_a_scheduler_that_the_file_makes(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The report says so, and shows the pool and the zone of that scheduler."""
        write_file(
            "demo.py",
            "from jobtui import Scheduler\ns = Scheduler(pool=0, tz='Asia/Tokyo')\n"
            "s.schedule('@hourly', print)\ns.add(print, name='by hand')\n",
        )
        write_file("jobtui.toml", "jobs.pool = 4\n")
        assert main(["check", "demo.py:s"]) == 0
        out = capsys.readouterr().out
        assert "target    demo.py:s: 1 job on a schedule, 1 without one\n" in out
        assert "settings  jobtui.toml (not applied: the file makes this scheduler itself)\n" in out
        assert "pool      no limit\n" in out
        assert len(re.findall(r"\d\d:00:00 JST", out)) == 3

    def test_the_zone_is_that_of_the_option_or_of_the_settings(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The option has priority. With either, the machine need not have a zone."""
        monkeypatch.setenv("TZ", "Europe")
        write_file()
        assert main(["check", "demo.py"]) == 1
        err = capsys.readouterr().err
        assert err.startswith(
            "jobtui: cannot create the scheduler: cannot determine the machine's time zone: "
        )
        assert "TZ='Europe' is not one; set " in err
        assert err.count("\n") == 1
        for options, zone in ((["--tz", "Asia/Tokyo"], "Asia/Tokyo"), ([], "America/Denver")):
            write_file("jobtui.toml", 'jobs.tz = "America/Denver"\n')
            assert main(["check", "demo.py", *options]) == 0
            assert f"zone      {zone}, now " in capsys.readouterr().out

    def test_a_zone_for_a_file_that_makes_its_own_scheduler_is_an_error(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It would have no effect. That scheduler does not need the zone of the machine either."""
        monkeypatch.setenv("TZ", "Europe")
        write_file("demo.py", "from jobtui import Scheduler\ns = Scheduler(tz='UTC')\ns.every(5, print)\n")
        assert main(["check", "demo.py"]) == 0
        assert "zone      UTC, now" in capsys.readouterr().out
        assert main(["check", "demo.py", "--tz", "UTC"]) == 1
        assert capsys.readouterr().err == (
            "jobtui: demo.py: --tz has no effect, because the file makes its scheduler itself.\n"
            "Write the zone there:  Scheduler(tz='UTC')\n"
        )

    @pytest.mark.parametrize(
        ("registration", "message"),
        [
            (
                "jobtui.every(5, work)",
                "work() (demo.py:2) cannot be called: missing a required argument: 'to'",
            ),
            ("jobtui.on_app_start(start)", "start is a coroutine function, which is not awaited here"),
            ("class A:\n    @jobtui.scheduled('@daily')\n    def m(self): ...", "'self'; it is a method"),
        ],
    )
    def test_a_registration_that_must_fail_is_reported_with_its_line(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str], registration: str, message: str
    ) -> None:
        """Before any tick."""
        write_file("demo.py", f"import jobtui\ndef work(to): ...\nasync def start(): ...\n{registration}\n")
        assert main(["check", "demo.py"]) == 1
        err = capsys.readouterr().err.replace(str(Path.cwd()) + "/", "")
        line = 5 if registration.startswith("class") else 4
        assert err.startswith(f"jobtui: demo.py:{line}: ")
        assert message in err
        assert "Traceback" not in err

    @pytest.mark.parametrize(
        ("settings", "line"),
        [
            ("", ""),
            (
                'jobs.listen = "127.0.0.1:9001"',
                "page      http://127.0.0.1:9001/@jobs, open to this machine\n",
            ),
            (
                'jobs.listen = "unix:/run/x"\njobs.readonly = true',
                "page      unix:/run/x, open to this machine, read-only\n",
            ),
            (
                (
                    'jobs.listen = "[::]:80"\njobs.allow = ["10.0.0.0/8"]\n'
                    '[jobs.auth]\nuser = "ada"\npass = "love"'
                ),
                (
                    "page      http://[::]:80/@jobs, open to this machine and 10.0.0.0/8, "
                    "with user name and password\n"
                ),
            ),
        ],
        ids=["none", "port", "socket", "all-settings"],
    )
    def test_the_address_of_the_status_page_is_shown_with_its_access_rules(
        self, write_file: WriteFile, capsys: pytest.CaptureFixture[str], settings: str, line: str
    ) -> None:
        """But not the password."""
        write_file()
        write_file("jobtui.toml", settings)
        assert main(["check", "demo.py"]) == 0
        out = capsys.readouterr().out
        assert line in out
        assert ("page " in out) is bool(line)
        assert "love" not in out

    def test_characters_that_the_stream_cannot_encode_are_escaped(self, write_file: WriteFile) -> None:
        """The report does not fail because of the name of a job."""
        write_file("demo.py", "import jobtui\njobtui.every(5, print, name='rydde å')\n")
        done = run_jobtui("check", "demo.py", PYTHONIOENCODING="ascii")
        assert done.returncode == 0
        assert r"rydde \xe5" in done.stdout


class TerminalStream(StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return that it is a terminal."""
        return True


class TestTerminal:
    """The report for a terminal."""

    @pytest.fixture
    def report_for(self, write_file: WriteFile, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], str]:
        """Return a function that makes the report for a terminal of this many columns."""
        write_file(
            "demo.py",
            "import jobtui\njobtui.every(5, print, name='a_rather_long_name_of_a_job')\n",
        )
        loaded = load("demo.py")
        monkeypatch.setenv("TERM", "xterm-256color")

        def make_report(columns: int) -> str:
            monkeypatch.setenv("COLUMNS", str(columns))
            noon = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
            return format_report(loaded, TerminalStream(), clock=ManualClock(noon))

        return make_report

    def test_a_narrow_terminal_gets_folded_lines_and_all_of_the_text(
        self, report_for: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The three ticks are below each other; a wide terminal has them side by side."""
        monkeypatch.setenv("NO_COLOR", "1")
        narrow = report_for(60)
        assert max(map(len, narrow.splitlines())) <= 60
        assert "…" not in narrow
        ticks = re.findall(r"2026-11-23 12:(\d\d:\d\d) UTC", narrow)
        assert ticks == ["00:00", "00:05", "00:10", "00:15"]  # the first is the current time
        assert re.search(r"every 5 .*\n.* seconds ", narrow)  # in words, on two lines
        wide = report_for(200)
        assert len(re.findall("^a_rather_long_name_of_a_job .*00:05.*00:10.*00:15", wide, re.MULTILINE)) == 1

    def test_a_terminal_gets_colours_except_with_no_color(
        self, report_for: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The environment variable NO_COLOR suppresses escape sequences."""
        assert "\x1b[1m" in report_for(200)
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in report_for(200)

    def test_the_process_fits_its_output_to_a_real_terminal(self, write_file: WriteFile) -> None:
        """COLUMNS gives the width."""
        write_file()
        ours, theirs = pty.openpty()
        os.set_blocking(ours, False)
        subprocess.run(
            [sys.executable, "-m", "jobtui", "check", "demo.py"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            timeout=LIMIT,
            env={**os.environ, "COLUMNS": "70", "NO_COLOR": "1", "TERM": "xterm"},
            check=True,
        )
        lines = os.read(ours, 100_000).decode().splitlines()
        os.close(ours)
        os.close(theirs)
        assert lines[0] == "target    demo.py: 1 job on a schedule"
        assert max(map(len, lines)) <= 70
