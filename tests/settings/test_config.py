"""Settings: what a user may write, where it is found, and what every mistake is answered with."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobtui.access.rules import AccessRules
from jobtui.schedules.schedule import Dst
from jobtui.settings.setting_errors import BadSetting
from jobtui.settings.settings import Settings, find_settings, read_settings

WORKHOURS = "0 */15 9-17 ? * MON-FRI"

# What `revel new` writes, with the lines that the manual of the jobs module adds.
APP_CONF = """\
################################################################################
# Revel configuration file
################################################################################
app.name = myapp
app.secret = pJLzyoiDe17L36mytqC912j81PfTiolHm1veQK6Grn1En3YFdB5lvEHVTwFEaWvj
http.addr =
http.port: 9000
module.jobs = github.com/revel/modules/jobs

jobs.pool = 4 ; not more, the database is small
jobs.selfconcurrent = no
jobs.acceptproxyaddress = Off
cron.workhours_15m = 0 */15 9-17 ? * MON-FRI   # the office
cron.night: @midnight

[dev]
results.pretty = true
log.warn.output = %(nobody.knows)s.log
jobs.pool = 1

[prod]
watch = false
jobs.pool = 16
jobs.acceptproxyaddress = 1
cron.night = @every 1h
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give a function that writes a file and returns its path."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def complaint(path: Path, run_mode: str | None = None) -> str:
    """Return what the file is answered with, its directory taken out; it must be short enough to read."""
    with pytest.raises(BadSetting) as caught:
        read_settings(path, run_mode=run_mode)
    message = str(caught.value)
    assert len(message.split("\n")) <= 3
    return message.replace(f"{path.parent}{os.sep}", "")


class TestSettings:
    """The value itself."""

    def test_without_a_file_they_are_the_seeds_defaults(self) -> None:
        """A program without a settings file has Revel's defaults."""
        assert Settings() == Settings(
            pool=10, selfconcurrent=False, listen=None, access=AccessRules(), schedules={}, source=None
        )

    def test_they_cannot_be_changed(self) -> None:
        """Neither a field nor the mapping of schedules takes a new value."""
        mine = {"cron.a": WORKHOURS}
        ours = Settings(schedules=mine)
        mine["cron.b"] = "@daily"
        with pytest.raises(FrozenInstanceError):
            ours.pool = 3  # type: ignore[misc] # the point of the test
        with pytest.raises(TypeError):
            ours.schedules["cron.b"] = "@daily"  # type: ignore[index] # the point of the test
        assert ours.schedules == {"cron.a": WORKHOURS}

    def test_they_are_equal_wherever_they_were_read(self) -> None:
        """The source is known but does not make two settings differ."""
        assert Settings(source=Path("a.toml")) == Settings(source=Path("b.conf"))


class TestToml:
    """jobtui.toml, and [tool.jobtui] in a pyproject.toml."""

    @pytest.mark.parametrize(
        "text",
        [
            'jobs.pool = 4\njobs.selfconcurrent = true\ncron.workhours_15m = "0 */15 9-17 ? * MON-FRI"\n',
            '[jobs]\npool = 4\nselfconcurrent = true\n[cron]\nworkhours_15m = "0 */15 9-17 ? * MON-FRI"\n',
            'jobs = { pool = 4, selfconcurrent = true }\n"cron.workhours_15m" = "0 */15 9-17 ? * MON-FRI"\n',
            (
                "\ufeff[jobs]\r\npool = 4\r\nselfconcurrent = true\r\n"
                '[cron]\r\nworkhours_15m = "0 */15 9-17 ? * MON-FRI"'
            ),
        ],
        ids=["dotted", "tables", "inline and quoted", "as Windows saves it"],
    )
    def test_keys_may_be_dotted_or_in_tables(self, write: Write, text: str) -> None:
        """Every spelling that TOML has for a key means the same."""
        path = write("jobtui.toml", text)
        got = read_settings(path)
        assert got == Settings(pool=4, selfconcurrent=True, schedules={"cron.workhours_15m": WORKHOURS})
        assert got.source == path

    def test_an_empty_file_means_the_defaults(self, write: Write) -> None:
        """A file, and a table, that says nothing changes nothing."""
        assert read_settings(write("jobtui.toml", "")) == Settings()
        assert read_settings(write("b.toml", "[jobs]\n[cron]\n")) == Settings()

    def test_a_schedules_name_may_have_dots(self, write: Write) -> None:
        """A table inside [cron] is a longer name."""
        got = read_settings(write("jobtui.toml", '[cron.team]\nreport = "@daily"\n'))
        assert got.schedules == {"cron.team.report": "@daily"}

    def test_a_pyproject_is_read_in_its_own_table_only(self, write: Write) -> None:
        """What other tools say in pyproject.toml is none of our business."""
        path = write(
            "pyproject.toml",
            '[project]\nname = "x"\n[tool.ruff]\njobs.pool = "no"\n[tool.jobtui]\njobs.pool = 3\n'
            "[tool.jobtui.prod]\njobs.pool = 5\n",
        )
        assert read_settings(path).pool == 3
        assert read_settings(path, run_mode="prod").pool == 5

    def test_a_pyproject_without_our_table_has_no_settings(self, write: Write) -> None:
        """Whoever passes such a file to --config is told what is missing."""
        said = "pyproject.toml: there is no table [tool.jobtui] in it, where jobtui's settings would be."
        assert complaint(write("pyproject.toml", '[project]\nname = "x"\n')) == said
        assert complaint(write("pyproject.toml", "tool = 3\n")) == said
        assert complaint(write("pyproject.toml", "[tool]\njobtui = 3\n")) == said


class TestConf:
    """Revel's app.conf."""

    def test_a_real_app_conf_is_read_as_it_is(self, write: Write) -> None:
        """Keys of Revel's other parts are passed over, broken references in them included."""
        got = read_settings(write("app.conf", APP_CONF), run_mode="prod")
        assert got == Settings(
            pool=16,
            access=AccessRules(acceptproxyaddress=True),
            schedules={"cron.workhours_15m": WORKHOURS, "cron.night": "@every 1h"},
        )

    def test_the_seeds_line_of_toml_and_of_conf_mean_the_same(self, write: Write) -> None:
        """The readme's promise: a line of app.conf is a line of TOML once its string is quoted."""
        conf = write("app.conf", f"jobs.pool = 4\njobs.selfconcurrent = false\ncron.w = {WORKHOURS}\n")
        toml = write("app.toml", f'jobs.pool = 4\njobs.selfconcurrent = false\ncron.w = "{WORKHOURS}"\n')
        assert read_settings(conf) == read_settings(toml)

    @pytest.mark.parametrize("word", ["1", "t", "true", "y", "yes", "on", "TRUE", "On"])
    def test_revels_words_for_true(self, write: Write, word: str) -> None:
        """All of Revel's words for true are known, in any case."""
        assert read_settings(write("app.conf", f"jobs.selfconcurrent = {word}\n")).selfconcurrent

    @pytest.mark.parametrize("word", ["0", "f", "false", "n", "no", "off", "FALSE", "Off"])
    def test_revels_words_for_false(self, write: Write, word: str) -> None:
        """All of Revel's words for false are known; the top says true, so that silence is not enough."""
        text = f"jobs.selfconcurrent = true\n[dev]\njobs.selfconcurrent = {word}\n"
        assert not read_settings(write("app.conf", text)).selfconcurrent

    @pytest.mark.parametrize(("number", "size"), [("0", 0), ("+7", 7), ("007", 7), ("1000000", 1_000_000)])
    def test_whole_numbers_as_go_reads_them(self, write: Write, number: str, size: int) -> None:
        """A sign and leading zeros are allowed, as in Revel."""
        assert read_settings(write("app.conf", f"jobs.pool = {number}\n")).pool == size

    @pytest.mark.parametrize(
        "line",
        ["cron.a=@daily", "cron.a:@daily", "cron.a   :   @daily", "cron.a = @daily\t; x", "cron.a = @daily #",
         'cron.a = "@daily"', "cron.a = @daily\r"],
    )  # fmt: skip
    def test_the_ways_to_write_a_line(self, write: Write, line: str) -> None:
        """Both separators, both comment signs, one pair of double quotes, Windows line ends: as in Revel."""
        assert read_settings(write("app.conf", line + "\n")).schedules == {"cron.a": "@daily"}

    def test_a_comment_sign_inside_a_word_is_no_comment(self, write: Write) -> None:
        """Only after a space or a tab does `#` or `;` begin a comment."""
        assert "4#5" in complaint(write("app.conf", "jobs.pool = 4#5\n"))

    def test_comments_and_empty_lines_say_nothing(self, write: Write) -> None:
        """A commented-out setting is not a setting, indented or not."""
        text = "# jobs.pool = 1\n; jobs.pool = 2\n\n   \n[dev] # x\n  # jobs.pool = 3\n\t; jobs.pool = 4\n"
        assert read_settings(write("app.conf", text)) == Settings()

    def test_the_last_of_two_equal_keys_counts(self, write: Write) -> None:
        """A section may come twice and a key too, as in Revel."""
        text = "[dev]\njobs.pool = 1\n[prod]\njobs.pool = 2\n[dev]\njobs.pool = 3\n"
        assert read_settings(write("app.conf", text)).pool == 3

    def test_default_is_the_name_of_the_top(self, write: Write) -> None:
        """[DEFAULT] and [] lead back to the top of the file."""
        text = (
            "[dev]\njobs.selfconcurrent = yes\n[DEFAULT]\njobs.pool = 6\n[]\njobs.acceptproxyaddress = yes\n"
        )
        assert read_settings(write("app.conf", text)) == Settings(
            pool=6, selfconcurrent=True, access=AccessRules(acceptproxyaddress=True)
        )

    def test_an_indented_line_continues_a_value(self, write: Write) -> None:
        """Within a section a spec may run over two lines."""
        text = "[dev]\ncron.a = 0 */15 9-17\n    ? * MON-FRI\n"
        (spec,) = read_settings(write("app.conf", text)).schedules.values()
        assert spec.split() == WORKHOURS.split()

    def test_a_reference_to_another_key_is_filled_in(self, write: Write) -> None:
        """%(key)s is looked up in the section, then at the top, and may lead on to more."""
        text = "hours = 9-17\nspec = 0 0 %(hours)s %(rest)s\nrest = * * ?\ncron.a = %(spec)s\n"
        text += "[dev]\nhours = 8-12\n"
        path = write("app.conf", text)
        assert read_settings(path).schedules == {"cron.a": "0 0 8-12 * * ?"}
        assert read_settings(path, run_mode="DEFAULT").schedules == {"cron.a": "0 0 9-17 * * ?"}

    def test_an_environment_variable_is_filled_in(
        self, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """${NAME} is read from the environment, after the references to keys."""
        monkeypatch.setenv("JOBTUI_TEST_POOL", "12")
        text = "name = POOL\njobs.pool = ${JOBTUI_TEST_%(name)s}\n"
        assert read_settings(write("app.conf", text)).pool == 12

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a =\njobs.pool = %(a)s", "line 2: '%(a)s' leads to nothing: no such key, or it is empty."),
            ("jobs.pool = %(b)s", "line 1: '%(b)s' leads to nothing: no such key, or it is empty."),
            (
                "jobs.pool = ${JOBTUI_TEST_UNSET}",
                (
                    "line 1: '${JOBTUI_TEST_UNSET}' leads to nothing: "
                    "no such environment variable, or it is empty."
                ),
            ),
            (
                "jobs.pool = %(jobs.pool)s",
                "line 1: the references go round in a circle, or there are over 200.",
            ),
        ],
    )
    def test_a_reference_that_leads_nowhere_is_an_error(self, write: Write, text: str, said: str) -> None:
        """Where Revel would go on with its default, we say what is missing."""
        assert complaint(write("app.conf", text)) == f"app.conf, {said}"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "app.name = x\nwhat is this\n",
                "line 2: this is neither `key = value`, nor a [section], nor a # comment.",
            ),
            ("= 4\n", "line 1: this is neither `key = value`, nor a [section], nor a # comment."),
            ("[dev\n", "line 1: this is neither `key = value`, nor a [section], nor a # comment."),
            (
                "a = 1\n  jobs.pool = 4\n",
                "line 2: an indented line continues the value above it, and there is none here.",
            ),
            (
                "[dev]\nwatch = true\n[prod]\n\tjobs.pool = 4\n",
                "line 4: an indented line continues the value above it, and there is none here.",
            ),
            (
                "[dev]\nwatch = true\n  jobs.pool = 4\n",
                (
                    "line 3: this line is indented, so it belongs to the value above it. "
                    "Begin it at the left edge."
                ),
            ),
        ],
    )
    def test_a_line_that_cannot_be_read_is_an_error(self, write: Write, text: str, said: str) -> None:
        """Revel refuses the first kinds too; the last it swallows, and the pool would stay at its default."""
        assert complaint(write("app.conf", text)) == f"app.conf, {said}"

    def test_what_is_not_in_force_is_not_judged(self, write: Write) -> None:
        """A mistake in [prod] waits for --run-mode prod, as its environment variables do."""
        path = write("app.conf", "[dev]\n[prod]\njobs.pool = ${JOBTUI_TEST_UNSET}\n")
        assert read_settings(path) == Settings()
        assert "line 3" in complaint(path, "prod")


class TestRunMode:
    """Sections, in both formats."""

    FILES = (
        ("app.conf", "jobs.pool = 2\ncron.a = @daily\n[dev]\njobs.pool = 3\n[prod]\njobs.pool = 4\n"),
        ("app.toml", 'jobs.pool = 2\ncron.a = "@daily"\n[dev]\njobs.pool = 3\n[prod.jobs]\npool = 4\n'),
    )

    @pytest.mark.parametrize(("name", "text"), FILES)
    @pytest.mark.parametrize(("run_mode", "pool"), [(None, 3), ("dev", 3), ("prod", 4), ("DEFAULT", 2)])
    def test_its_section_is_laid_over_the_top(
        self, write: Write, name: str, text: str, run_mode: str | None, pool: int
    ) -> None:
        """`dev` is the run mode of those who give none; what the section does not say, the top says."""
        got = read_settings(write(name, text), run_mode=run_mode)
        assert got == Settings(pool=pool, schedules={"cron.a": "@daily"})

    @pytest.mark.parametrize(("name", "text"), FILES)
    def test_one_without_a_section_is_an_error(self, write: Write, name: str, text: str) -> None:
        """A run mode that was asked for must be there; the answer lists those that are."""
        assert complaint(write(name, text), "test") == (
            f"{name}: there is no section for the run mode 'test'.\nThe sections of this file: 'dev', 'prod'."
        )

    @pytest.mark.parametrize("name", ["app.conf", "app.toml"])
    def test_a_file_without_sections_says_so(self, write: Write, name: str) -> None:
        """Even the default run mode, once it is asked for, must have its section."""
        said = f"{name}: there is no section for the run mode 'dev'.\nThis file has no sections."
        assert complaint(write(name, "jobs.pool = 2\n"), "dev") == said

    def test_a_section_without_a_name_is_the_top(self, write: Write) -> None:
        """An empty pair of brackets leads back to the top, and is not listed as a section."""
        path = write("app.conf", "[]\njobs.pool = 2\n")
        assert read_settings(path).pool == 2
        assert complaint(path, "").endswith("\nThis file has no sections.")

    def test_an_empty_section_is_one(self, write: Write) -> None:
        """A run mode may say nothing of its own."""
        assert read_settings(write("a.toml", "jobs.pool = 2\n[test]\n"), run_mode="test").pool == 2
        assert read_settings(write("a.conf", "jobs.pool = 2\n[test]\n"), run_mode="test").pool == 2

    def test_in_toml_every_section_is_checked(self, write: Write) -> None:
        """A slip in [prod] is found on the desk."""
        path = write("jobtui.toml", "[prod]\njobs.pool = 4\njobs.pol = 5\n")
        assert complaint(path).startswith("jobtui.toml, line 3: the key 'jobs.pol' is not known.")

    def test_in_toml_the_top_is_checked_below_every_section(self, write: Write) -> None:
        """A slip that the section of the run mode hides is there in another one."""
        path = write("jobtui.toml", "jobs.pool = -1\n[dev]\njobs.pool = 4\n")
        assert complaint(path).startswith("jobtui.toml, line 1: jobs.pool must be ")


KNOWN = (
    "Known are jobs.pool, jobs.selfconcurrent, jobs.dst, jobs.listen, jobs.readonly, jobs.allow, "
    "jobs.acceptproxyaddress, jobs.auth, jobs.auth.user, jobs.auth.pass, jobs.auth.sha256 "
    "and cron.NAME for a schedule of any name."
)


class TestUnknownKeys:
    """What is not ours to know."""

    def test_what_begins_like_every_key_could_be_any(self, write: Write) -> None:
        """No guess is better than a random one."""
        assert complaint(write("jobtui.toml", "jobs = 4")) == (
            f"jobtui.toml, line 1: the key 'jobs' is not known.\n{KNOWN}"
        )

    @pytest.mark.parametrize(
        ("text", "key", "line", "meant"),
        [
            ("jobs.pol = 4", "jobs.pol", 1, "jobs.pool"),
            ("\n[jobs]\nselfconcurent = true", "jobs.selfconcurent", 3, "jobs.selfconcurrent"),
            ("[job]\npool = 4", "job.pool", 2, "jobs.pool"),
            ("pool = 4", "pool", 1, "jobs.pool"),
            ("Jobs.Pool = 4", "Jobs.Pool", 1, "jobs.pool"),
            ("jobs.pool.size = 4", "jobs.pool.size", 1, "jobs.pool"),
            ('jobs.auth.password = "x"', "jobs.auth.password", 1, "jobs.auth.pass"),
            ('corn.night = "@daily"', "corn.night", 1, "'cron.night'"),
        ],
    )
    def test_in_toml_the_nearest_known_key_is_offered(
        self, write: Write, text: str, key: str, line: int, meant: str
    ) -> None:
        """Anything unknown is an error, because in TOML the file is ours alone."""
        said = complaint(write("jobtui.toml", text))
        meant = meant if meant.startswith("'") else f"'{meant}'"
        assert said == (
            f"jobtui.toml, line {line}: the key '{key}' is not known. Did you mean {meant}?\n{KNOWN}"
        )

    @pytest.mark.parametrize(
        ("text", "key"),
        [("colour = 4", "colour"), ("[[prod]]\njobs.pool = 4", "prod"), ('cron."" = "@daily"', "cron.")],
    )
    def test_nothing_is_offered_where_nothing_is_near(self, write: Write, text: str, key: str) -> None:
        """A guess that is no help is not made."""
        assert f"the key '{key}' is not known.\n{KNOWN}" in complaint(write("jobtui.toml", text))

    @pytest.mark.parametrize(
        ("text", "key", "meant"),
        [
            ("jobs.pol = 4", "jobs.pol", "jobs.pool"),
            ("JOBS.POOL = 4", "JOBS.POOL", "jobs.pool"),
            ("Cron.night = @daily", "Cron.night", "cron.night"),
        ],
    )
    def test_in_conf_only_our_own_prefixes_are_judged(
        self, write: Write, text: str, key: str, meant: str
    ) -> None:
        """The keys are case-sensitive in Revel, so another case is a slip and not another key."""
        said = complaint(write("app.conf", f"pool = 4\njob.pool = 4\n{text}\n"))
        assert said == f"app.conf, line 3: the key '{key}' is not known. Did you mean '{meant}'?\n{KNOWN}"

    def test_a_key_cannot_drive_the_terminal(self, write: Write) -> None:
        """Escape sequences in a key, and keys without end, do not reach the screen."""
        said = complaint(write("jobtui.toml", f'"jobs.\\u001b[31m{"x" * 5000}" = 1\n'))
        assert "\x1b" not in said
        assert len(said) < 500

    def test_a_key_given_twice_is_an_error(self, write: Write) -> None:
        """TOML itself does not see that a quoted key with a dot is the dotted key."""
        assert complaint(write("jobtui.toml", 'jobs.pool = 4\n"jobs.pool" = 5\n')) == (
            "jobtui.toml: 'jobs.pool' is given twice, once dotted and once in quotes."
        )


POOL = "jobs.pool must be a whole number from 0 to 1000000, where 0 is no limit"


class TestWrongValues:
    """Right key, wrong value."""

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ('"4"', "the text '4'.\nWrite it without quotes: jobs.pool = 4"),
            ('"many"', "the text 'many'."),
            ('""', "an empty text."),
            ('"-1"', "the text '-1'."),
            ("true", "true."),
            ("-1", "-1."),
            ("4.5", "4.5."),
            ("nan", "nan."),
            ("1000001", "a number that large."),
            ("-1000001", "a number that small."),
            ("0x" + "f" * 9000, "a number that large."),
            ("[4]", "an array."),
            ("{}", "a table."),
            ("2026-01-01", "a date or time."),
            ("[\n4,\n]", "an array."),
        ],
    )
    def test_a_pool_in_toml(self, write: Write, value: str, shown: str) -> None:
        """Only a whole number will do; the answer names what was found in TOML's words."""
        said = complaint(write("jobtui.toml", f"# jobs.pool = 4\njobs.pool = {value}\n"))
        assert said == f"jobtui.toml, line 2: {POOL}, not {shown}"

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ('"4"', "the text '\"4\"'.\nWrite it without quotes: jobs.pool = 4"),
            ("true", "the text 'true'."),
            ("-1", "-1."),
            ("4.5", "the text '4.5'."),
            ("1_000", "the text '1_000'."),
            ("٤", "the text '٤'."),
            ("9" * 30, f"the text '{'9' * 30}'."),
            ("", "an empty text."),
        ],
    )
    def test_a_pool_in_conf(self, write: Write, value: str, shown: str) -> None:
        """What Go reads as no whole number is an error here; Revel takes its default in silence."""
        assert (
            complaint(write("app.conf", f"jobs.pool = {value}\n")) == f"app.conf, line 1: {POOL}, not {shown}"
        )

    def test_a_continued_number_is_explained(self, write: Write) -> None:
        """Who indents by mistake is told what indenting means."""
        said = complaint(write("app.conf", "[dev]\njobs.pool = 4\n  watch = true\n"))
        assert said.startswith(f"app.conf, line 2: {POOL}, not the text ")
        assert said.endswith("\nAn indented line continues the value above it.")

    @pytest.mark.parametrize("key", ["jobs.selfconcurrent", "jobs.acceptproxyaddress", "jobs.readonly"])
    @pytest.mark.parametrize(
        ("name", "value", "shown"),
        [
            ("jobtui.toml", "1", "1."),
            ("jobtui.toml", '"yes"', "the text 'yes'.\nWrite it without quotes: {key} = true"),
            ("jobtui.toml", '"off"', "the text 'off'.\nWrite it without quotes: {key} = false"),
            ("app.conf", "maybe", "the text 'maybe'."),
            ("app.conf", "2", "the text '2'."),
        ],
    )
    def test_a_boolean(self, write: Write, key: str, name: str, value: str, shown: str) -> None:
        """TOML has two booleans, Revel has twelve words, and a number is neither."""
        said = complaint(write(name, f"{key} = {value}\n"))
        assert said == f"{name}, line 1: {key} must be true or false, not {shown.format(key=key)}"

    @pytest.mark.parametrize(
        ("name", "value", "shown"),
        [
            ("jobtui.toml", "true", "true."),
            ("jobtui.toml", '"twice"', "the text 'twice'."),
            ("jobtui.toml", '"Once"', "the text 'Once'.\nDid you mean 'once'?"),
            ("app.conf", "evry", "the text 'evry'.\nDid you mean 'every'?"),
        ],
    )
    def test_a_dst_rule(self, write: Write, name: str, value: str, shown: str) -> None:
        """There are two, and the one that was probably meant is named."""
        said = complaint(write(name, f"jobs.dst = {value}\n"))
        assert said == f'{name}, line 1: jobs.dst must be "once" or "every", not {shown}'

    @pytest.mark.parametrize(
        ("value", "shown"), [("15", "15"), ("false", "false"), ("[1]", "an array"), ("{}", "a table")]
    )
    def test_a_schedule_that_is_no_text(self, write: Write, value: str, shown: str) -> None:
        """A schedule is a text, and the answer shows one."""
        assert complaint(write("jobtui.toml", f"[cron]\nnight = {value}\n")) == (
            f"jobtui.toml, line 2: 'cron.night' must be a schedule in quotes, not {shown}.\n"
            'An example: "0 */15 9-17 ? * MON-FRI"'
        )

    @pytest.mark.parametrize("name", ["app.conf", "jobtui.toml"])
    def test_a_bad_spec_keeps_its_own_message(self, write: Write, name: str) -> None:
        """File, line and key come first, then what the spec's reader says, its picture included."""
        from jobtui.schedules.parser import parse  # noqa: PLC0415 - loads croniter, which only this test needs

        with pytest.raises(ValueError, match="7") as caught:
            parse("0 0 12 ? * 7")
        value = json.dumps("0 0 12 ? * 7") if name.endswith("toml") else "0 0 12 ? * 7"
        assert complaint(write(name, f"jobs.pool = 3\ncron.weekly = {value}\n")) == (
            f"{name}, line 2: 'cron.weekly': {caught.value}"
        )

    def test_an_empty_spec_is_a_bad_one(self, write: Write) -> None:
        """A key without a value is not silently no schedule."""
        assert complaint(write("app.conf", "cron.a =\n")).startswith("app.conf, line 1: 'cron.a': ")

    @pytest.mark.parametrize("name", ["app.conf", "jobtui.toml"])
    def test_a_schedule_cannot_refer_to_another(self, write: Write, name: str) -> None:
        """Revel does not follow such a chain either."""
        value = '"cron.b"' if name.endswith("toml") else "cron.b"
        assert complaint(write(name, f"cron.a = {value}\n")) == (
            f"{name}, line 1: 'cron.a' refers to 'cron.b'.\n"
            "A named schedule cannot refer to another one: write the spec itself."
        )

    @pytest.mark.parametrize(
        ("name", "line"), [("app.conf", "cron.a = '@daily'"), ("jobtui.toml", "cron.a = '\"@daily\"'")]
    )
    def test_quotes_too_many_are_explained(self, write: Write, name: str, line: str) -> None:
        """Revel takes double quotes off, once; what is left of quotes is a part of the spec."""
        said = complaint(write(name, line + "\n"))
        assert said.startswith(f"{name}, line 1: 'cron.a': ")
        assert "\nThe quotes are part of the text " in said
        assert said.endswith(": a .conf file needs none, TOML one pair.")


class TestLines:
    """A line number is right or absent."""

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ('note = """\njobs.pool = 1\n"""\n[dev]\njobs.pool = -1\n', 5),
            ("# pool = 4\n[prod.jobs] # pool = 3\n# pool = 2\npool = -1\n", 4),
            ("[dev]\njobs.pool = 1\n[prod]\njobs.pool = -1\n", 4),
            ("jobs = { selfconcurrent = true, pool = -1 }\n", 1),
            ("[jobs]\n'pool'    = -1\n", 2),
            ("jobs.selfconcurrent = true\njobs.pool\t=\t-1\n", 2),
        ],
    )
    def test_it_is_the_keys_own_line(self, write: Write, text: str, line: int) -> None:
        """Comments, texts and other tables with the same word do not mislead."""
        table = "[tool.jobtui]\n" if text.startswith("note") else ""
        path = write("jobtui.toml", text)
        if table:  # the note would be an unknown key in a file that is ours alone
            path = write("pyproject.toml", "[project]\n" + text.replace("[dev]", "[tool.jobtui]"))
            line += 1
        assert f", line {line}: {POOL}, not -1." in complaint(path)

    def test_it_is_left_out_where_it_cannot_be_told(self, write: Write) -> None:
        """A key in escapes is found by TOML but not by us."""
        assert complaint(write("jobtui.toml", 'jobs."po\\u006fl" = -1\n')) == f"jobtui.toml: {POOL}, not -1."
        misleading = 'jobs."po\\u006fl" = [\n"pool = 1"\n]\n'
        assert complaint(write("jobtui.toml", misleading)) == f"jobtui.toml: {POOL}, not an array."


class TestFiles:
    """What can be wrong before a single key is read."""

    def test_a_missing_file(self, tmp_path: Path) -> None:
        """A file that was asked for must be there."""
        assert complaint(tmp_path / "jobtui.toml") == "jobtui.toml: there is no such file."

    def test_a_directory(self, tmp_path: Path) -> None:
        """A directory with a fitting name is still none."""
        (tmp_path / "conf.toml").mkdir()
        assert complaint(tmp_path / "conf.toml") == "conf.toml: this is a directory, not a file."

    def test_a_file_that_may_not_be_read(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        """The system's own reason is given; the refusal is staged, since root may read everything."""

        def refuse(_path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        path = write("jobtui.toml", "")
        monkeypatch.setattr(Path, "read_bytes", refuse)
        assert complaint(path) == "jobtui.toml: cannot be read: Permission denied."

    @pytest.mark.parametrize("name", ["app.conf", "jobtui.toml"])
    def test_a_file_that_is_not_utf8(self, write: Write, name: str) -> None:
        """The line and the byte are named, since the eye does not see them."""
        path = write(name, b"# one\n# caf\xe9\n")
        assert complaint(path) == f"{name}, line 2: byte 0xe9 is not UTF-8. Save the file as UTF-8."

    @pytest.mark.parametrize("name", ["settings.yaml", "settings", ".toml", "jobtui.toml.bak"])
    def test_an_unknown_ending(self, write: Write, name: str) -> None:
        """The endings that are read are named."""
        assert complaint(write(name, "")) == (
            f"{name}: settings are read from files that end in .toml or .conf (Revel's app.conf)."
        )

    def test_an_ending_in_capitals(self, write: Write) -> None:
        """Windows writes endings in any case."""
        assert read_settings(write("APP.CONF", "jobs.pool = 3\n")).pool == 3

    def test_a_mistake_in_toml_itself(self, write: Write) -> None:
        """The parser's reason comes with line and column."""
        said = complaint(write("jobtui.toml", "jobs.pool = 4\njobs.selfconcurrent = yes\n"))
        assert re.fullmatch(r"jobtui\.toml, line 2, column \d+: Invalid value\.", said)
        assert re.fullmatch(r"a\.toml, end of document: .+\.", complaint(write("a.toml", "jobs = [")))

    @pytest.mark.parametrize("spec", [WORKHOURS, "@every 1h", "* * * * *"])
    def test_a_pasted_spec_without_quotes(self, write: Write, spec: str) -> None:
        """The commonest slip on the way from app.conf to TOML is answered with the line to write."""
        said = complaint(write("jobtui.toml", f"cron.a = {spec}  # note\r\n"))
        assert said.startswith("jobtui.toml, line 1, column ")
        assert said.endswith(f'\nIn TOML a schedule stands in quotes: cron.a = "{spec}"')

    @pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 5000])
    def test_what_the_toml_parser_gives_up_on(self, write: Write, text: str) -> None:
        """Arrays without end and numbers without end are refused, not crashed on."""
        assert complaint(write("jobtui.toml", text)).startswith("jobtui.toml: ")

    def test_a_key_with_more_dots_than_python_has_frames(self, write: Write) -> None:
        """TOML allows it, so it is an unknown key like another."""
        assert "is not known" in complaint(write("jobtui.toml", ".".join("a" * 3000) + " = 1\n"))


class TestFinding:
    """Which file belongs to a job file."""

    def test_there_may_be_none(self, tmp_path: Path) -> None:
        """A job file without settings is the common case."""
        assert find_settings(tmp_path / "jobs.py") is None

    def test_our_own_file_comes_first(self, tmp_path: Path, write: Write) -> None:
        """jobtui.toml wins over pyproject.toml."""
        write("pyproject.toml", "[tool.jobtui]\n")
        own = write("jobtui.toml", "")
        assert find_settings(tmp_path / "jobs.py") == own

    @pytest.mark.parametrize(
        "text", ["[tool.jobtui]\n", "[tool.jobtui.jobs]\npool = 3\n", "tool.jobtui = 3\n"]
    )
    def test_a_pyproject_with_our_table(self, tmp_path: Path, write: Write, text: str) -> None:
        """An empty table is ours, and so is one that is no table: reading it says so."""
        assert find_settings(tmp_path / "jobs.py") is None
        shared = write("pyproject.toml", text)
        assert find_settings(tmp_path / "jobs.py") == shared

    @pytest.mark.parametrize(
        "text",
        ["", '[project]\nname = "jobtui"\n', '[tool.ruff]\nsrc = ["jobtui"]\n', "tool = 3 # jobtui\n",
         "jobtui = [ broken\n", "jobtui = \xff\n"],
    )  # fmt: skip
    def test_a_pyproject_without_our_table(self, tmp_path: Path, write: Write, text: str) -> None:
        """Somebody else's file is not ours, be it broken or not."""
        write("pyproject.toml", text.encode("latin-1"))
        assert find_settings(tmp_path / "jobs.py") is None

    @pytest.mark.parametrize("text", ["[tool.jobtui]\njobs.pool = \n", "[tool.jobtui]\n# \xff\n"])
    def test_a_broken_file_of_ours_is_found(self, tmp_path: Path, write: Write, text: str) -> None:
        """Settings that cannot be read are an error later, not defaults now."""
        shared = write("pyproject.toml", text.encode("latin-1"))
        assert find_settings(tmp_path / "jobs.py") == shared
        assert "pyproject.toml, line 2" in complaint(shared)

    def test_a_file_that_may_not_be_read_is_found(
        self, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody knows what it says, so reading it says that."""

        def refuse(_path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        shared = write("pyproject.toml", "")
        monkeypatch.setattr(Path, "read_bytes", refuse)
        assert find_settings(tmp_path / "jobs.py") == shared

    def test_a_directory_is_no_pyproject(self, tmp_path: Path) -> None:
        """A directory has no tables."""
        (tmp_path / "pyproject.toml").mkdir()
        assert find_settings(tmp_path / "jobs.py") is None

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
    def test_a_link_that_leads_nowhere_is_found(self, tmp_path: Path) -> None:
        """A settings file that went missing is an error, not the wish for defaults."""
        own = tmp_path / "jobtui.toml"
        own.symlink_to(tmp_path / "gone.toml")
        assert find_settings(tmp_path / "jobs.py") == own
        assert complaint(own) == "jobtui.toml: there is no such file."

    def test_directories_above_are_not_searched(self, tmp_path: Path, write: Write) -> None:
        """Only what lies beside the job file belongs to it."""
        write("jobtui.toml", "")
        (tmp_path / "inner").mkdir()
        assert find_settings(tmp_path / "inner" / "jobs.py") is None


def test_importing_the_module_is_cheap() -> None:
    """Neither croniter nor tomllib is loaded before a file needs it."""
    code = (
        "import sys, jobtui.settings.settings\n"
        "print([m for m in ('croniter', 'tomllib') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


# Whole random text is almost never near a settings file, so most of it is put together from pieces of one.
PIECES = st.sampled_from(
    [
        "jobs.", "cron.", "pool", "selfconcurrent", "auth", ".user", ".pass", "listen", "allow", "a",
        "[", "]", "[[", "[dev]\n", "[tool.jobtui]",
        "=", " = ", ":", ".", '"', "'", '"""', "#", " ;", "\n", "\r\n", "\r", "\t", "  ", "%(a)s", "${HOME}",
        "4", "-1", "true", "4.5", "@daily", "@every 1h", "0 0 * * * ?", '"* * * * *"', "{", "}", ",", "\\",
        "é", "\ufeff", "\x00", "\x1b", "1979-05-27", "TZ=", "CRON_TZ=Europe/Berlin ", "\u2028",
    ]
)  # fmt: skip
ANY_TEXT = st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join))


@pytest.mark.parametrize("name", ["any.conf", "any.toml", "pyproject.toml"])
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(), ANY_TEXT.map(lambda text: text.encode(errors="replace"))))
def test_any_file_is_read_or_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """Whatever a file holds, the answer is Settings or a BadSetting of one to three printable lines."""
    path = tmp_path / name
    path.write_bytes(content)
    found = find_settings(tmp_path / "jobs.py")
    assert found in (None, path)
    try:
        assert isinstance(read_settings(path), Settings)
    except BadSetting as error:
        lines = str(error).removeprefix(str(path)).split("\n")
        assert len(lines) <= 3
        assert all(line.isprintable() for line in lines)


SPECS = st.sampled_from([WORKHOURS, "@midnight", "@every 1h30m", "30 4 * * *", "TZ=Asia/Tokyo 0 0 12 * * ?"])
NAMES = st.from_regex(r"[A-Za-z0-9_-]+(\.[0-9a-z_-]+)?", fullmatch=True)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pool=st.integers(0, 1_000_000),
    switches=st.tuples(st.booleans(), st.booleans(), st.sampled_from(["once", "every"])),
    # A name and a longer name below it (`a`, `a.b`) are two keys in Revel but impossible in TOML.
    schedules=st.dictionaries(NAMES, SPECS, max_size=5).filter(
        lambda names: not any(name.partition(".")[0] in names for name in names if "." in name)
    ),
    section=st.sampled_from(["", "[dev]\n"]),
)
def test_toml_and_conf_agree(
    tmp_path: Path, pool: int, switches: tuple[bool, bool, Dst], schedules: dict[str, str], section: str
) -> None:
    """The same content in both formats gives equal settings, and the settings that were written."""
    selfconcurrent, acceptproxyaddress, dst = switches
    jobs = (
        f"{section}jobs.pool = {pool}\njobs.selfconcurrent = {str(selfconcurrent).lower()}\n"
        f'jobs.acceptproxyaddress = {str(acceptproxyaddress).lower()}\njobs.dst = "{dst}"\n'
    )
    toml, conf = tmp_path / "same.toml", tmp_path / "same.conf"
    toml.write_text(jobs + "".join(f"cron.{name} = {json.dumps(spec)}\n" for name, spec in schedules.items()))
    conf.write_text(jobs + "".join(f"cron.{name} = {spec}\n" for name, spec in schedules.items()))
    assert read_settings(toml) == read_settings(conf)
    assert read_settings(conf) == Settings(
        pool=pool,
        selfconcurrent=selfconcurrent,
        dst=dst,
        access=AccessRules(acceptproxyaddress=acceptproxyaddress),
        schedules={f"cron.{name}": spec for name, spec in schedules.items()},
    )
