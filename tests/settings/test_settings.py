"""Settings: what a user may write, where it is found, and the message for every mistake."""

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
from jobtui.engine.job_policies import Policies
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
    """Return a function that writes a file and returns its path."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def error_for(path: Path, run_mode: str | None = None) -> str:
    """Return the message for a file, without its folder; it must be short enough to read."""
    with pytest.raises(BadSetting) as caught:
        read_settings(path, run_mode=run_mode)
    message = str(caught.value)
    assert len(message.split("\n")) <= 3
    return message.replace(f"{path.parent}{os.sep}", "")


class TestSettings:
    """The values themselves."""

    def test_the_defaults_are_those_of_revel(self) -> None:
        """Settings without arguments are those of a program without a settings file."""
        assert Settings() == Settings(
            pool=10, selfconcurrent=False, listen=None, access=AccessRules(), schedules={}, source=None
        )

    def test_settings_are_immutable(self) -> None:
        """Neither a field nor the mapping of schedules, nor the mapping that was passed, changes them."""
        passed = {"cron.a": WORKHOURS}
        created = Settings(schedules=passed)
        passed["cron.b"] = "@daily"
        with pytest.raises(FrozenInstanceError):
            created.pool = 3  # type: ignore[misc] # the point of the test
        with pytest.raises(TypeError):
            created.schedules["cron.b"] = "@daily"  # type: ignore[index] # the point of the test
        assert created.schedules == {"cron.a": WORKHOURS}

    def test_the_source_does_not_affect_equality(self) -> None:
        """Only the values count."""
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
        """Every way to write a key in TOML means the same."""
        path = write("jobtui.toml", text)
        got = read_settings(path)
        assert got == Settings(pool=4, selfconcurrent=True, schedules={"cron.workhours_15m": WORKHOURS})
        assert got.source == path

    def test_an_empty_file_means_the_defaults(self, write: Write) -> None:
        """And so do empty tables."""
        assert read_settings(write("jobtui.toml", "")) == Settings()
        assert read_settings(write("b.toml", "[jobs]\n[cron]\n")) == Settings()

    def test_the_name_of_a_schedule_may_have_dots(self, write: Write) -> None:
        """A table inside [cron] is part of the name."""
        got = read_settings(write("jobtui.toml", '[cron.team]\nreport = "@daily"\n'))
        assert got.schedules == {"cron.team.report": "@daily"}

    def test_in_pyproject_only_the_jobtui_table_is_read(self, write: Write) -> None:
        """Other tools have tables, too."""
        path = write(
            "pyproject.toml",
            '[project]\nname = "x"\n[tool.ruff]\njobs.pool = "no"\n[tool.jobtui]\njobs.pool = 3\n'
            "[tool.jobtui.prod]\njobs.pool = 5\n",
        )
        assert read_settings(path).pool == 3
        assert read_settings(path, run_mode="prod").pool == 5

    def test_a_pyproject_without_jobtui_table_is_rejected(self, write: Write) -> None:
        """If it is passed to --config."""
        expected = "pyproject.toml: the file has no table [tool.jobtui], where jobtui's settings belong."
        assert error_for(write("pyproject.toml", '[project]\nname = "x"\n')) == expected
        assert error_for(write("pyproject.toml", "tool = 3\n")) == expected
        assert error_for(write("pyproject.toml", "[tool]\njobtui = 3\n")) == expected


class TestConf:
    """Revel's app.conf."""

    def test_a_real_app_conf_is_read_unchanged(self, write: Write) -> None:
        """Keys of other parts of Revel are ignored, with the wrong references in them."""
        got = read_settings(write("app.conf", APP_CONF), run_mode="prod")
        assert got == Settings(
            pool=16,
            access=AccessRules(acceptproxyaddress=True),
            schedules={"cron.workhours_15m": WORKHOURS, "cron.night": "@every 1h"},
        )

    def test_a_conf_line_with_its_string_quoted_means_the_same_in_toml(self, write: Write) -> None:
        """As the documentation promises."""
        conf = write("app.conf", f"jobs.pool = 4\njobs.selfconcurrent = false\ncron.w = {WORKHOURS}\n")
        toml = write("app.toml", f'jobs.pool = 4\njobs.selfconcurrent = false\ncron.w = "{WORKHOURS}"\n')
        assert read_settings(conf) == read_settings(toml)

    @pytest.mark.parametrize("word", ["1", "t", "true", "y", "yes", "on", "TRUE", "On"])
    def test_all_words_of_revel_for_true_are_true(self, write: Write, word: str) -> None:
        """In any case."""
        assert read_settings(write("app.conf", f"jobs.selfconcurrent = {word}\n")).selfconcurrent

    @pytest.mark.parametrize("word", ["0", "f", "false", "n", "no", "off", "FALSE", "Off"])
    def test_all_words_of_revel_for_false_are_false(self, write: Write, word: str) -> None:
        """The top of the file says true, so the section must override it."""
        text = f"jobs.selfconcurrent = true\n[dev]\njobs.selfconcurrent = {word}\n"
        assert not read_settings(write("app.conf", text)).selfconcurrent

    @pytest.mark.parametrize(("number", "size"), [("0", 0), ("+7", 7), ("007", 7), ("1000000", 1_000_000)])
    def test_a_number_may_have_a_sign_and_leading_zeros(self, write: Write, number: str, size: int) -> None:
        """As in Go."""
        assert read_settings(write("app.conf", f"jobs.pool = {number}\n")).pool == size

    @pytest.mark.parametrize(
        "line",
        ["cron.a=@daily", "cron.a:@daily", "cron.a   :   @daily", "cron.a = @daily\t; x", "cron.a = @daily #",
         'cron.a = "@daily"', "cron.a = @daily\r"],
    )  # fmt: skip
    def test_conf_files_have_the_separators_comments_quotes_and_line_ends_of_revel(
        self, write: Write, line: str
    ) -> None:
        """One pair of double quotes is removed."""
        assert read_settings(write("app.conf", line + "\n")).schedules == {"cron.a": "@daily"}

    def test_a_comment_sign_inside_a_word_is_part_of_the_value(self, write: Write) -> None:
        """`#` and `;` begin a comment only after a space or a tab."""
        assert "4#5" in error_for(write("app.conf", "jobs.pool = 4#5\n"))

    def test_comments_and_empty_lines_are_ignored(self, write: Write) -> None:
        """Indented or not."""
        text = "# jobs.pool = 1\n; jobs.pool = 2\n\n   \n[dev] # x\n  # jobs.pool = 3\n\t; jobs.pool = 4\n"
        assert read_settings(write("app.conf", text)) == Settings()

    def test_a_section_and_a_key_of_another_program_may_appear_twice(self, write: Write) -> None:
        """The last of two equal keys applies, as in Revel."""
        text = "[dev]\nsize = 1\njobs.pool = %(size)s\n[prod]\njobs.pool = 2\n[dev]\nsize = 3\n"
        assert read_settings(write("app.conf", text)).pool == 3

    @pytest.mark.parametrize("key", ["jobs.pool", "cron.a"])
    @pytest.mark.parametrize(("text", "line"), [("{0}{0}", 2), ("[prod]\n{0}[dev]\n[prod]\n{0}", 5)])
    def test_a_key_of_jobtui_that_appears_twice_in_a_section_is_rejected(
        self, write: Write, key: str, text: str, line: int
    ) -> None:
        """As in TOML, also in a section that does not apply."""
        first = text.count("\n", 0, text.index("{0}")) + 1
        message = error_for(write("app.conf", text.format(f"{key} = 4\n")))
        assert (
            message == f"app.conf, line {line}: the key '{key}' is given twice: line {first} has it already."
        )

    def test_an_unknown_key_in_a_section_that_does_not_apply_is_rejected(self, write: Write) -> None:
        """As in TOML."""
        message = error_for(write("app.conf", "[dev]\njobs.pool = 4\n[prod]\njobs.pol = 4\n"))
        assert message == f"app.conf, line 4: unknown key 'jobs.pol'. Did you mean 'jobs.pool'?\n{ALL_KEYS}"

    def test_the_section_default_continues_the_top_of_the_file(self, write: Write) -> None:
        """[DEFAULT] and [] return to it."""
        text = (
            "[dev]\njobs.selfconcurrent = yes\n[DEFAULT]\njobs.pool = 6\n[]\njobs.acceptproxyaddress = yes\n"
        )
        assert read_settings(write("app.conf", text)) == Settings(
            pool=6, selfconcurrent=True, access=AccessRules(acceptproxyaddress=True)
        )

    def test_an_indented_line_continues_the_value_above(self, write: Write) -> None:
        """Within a section, a spec may have two lines."""
        text = "[dev]\ncron.a = 0 */15 9-17\n    ? * MON-FRI\n"
        (spec,) = read_settings(write("app.conf", text)).schedules.values()
        assert spec.split() == WORKHOURS.split()

    def test_a_reference_to_another_key_is_replaced(self, write: Write) -> None:
        """%(key)s is looked up in the section, then at the top, and may contain references."""
        text = "hours = 9-17\nspec = 0 0 %(hours)s %(rest)s\nrest = * * ?\ncron.a = %(spec)s\n"
        text += "[dev]\nhours = 8-12\n"
        path = write("app.conf", text)
        assert read_settings(path).schedules == {"cron.a": "0 0 8-12 * * ?"}
        assert read_settings(path, run_mode="DEFAULT").schedules == {"cron.a": "0 0 9-17 * * ?"}

    def test_a_reference_to_an_environment_variable_is_replaced(
        self, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After the references to keys."""
        monkeypatch.setenv("JOBTUI_TEST_POOL", "12")
        text = "name = POOL\njobs.pool = ${JOBTUI_TEST_%(name)s}\n"
        assert read_settings(write("app.conf", text)).pool == 12

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a =\njobs.pool = %(a)s", "line 2: '%(a)s' refers to no key, or to one that is empty."),
            ("jobs.pool = %(b)s", "line 1: '%(b)s' refers to no key, or to one that is empty."),
            (
                "jobs.pool = ${JOBTUI_TEST_UNSET}",
                (
                    "line 1: '${JOBTUI_TEST_UNSET}' refers to no environment variable, "
                    "or to one that is empty."
                ),
            ),
            (
                "jobs.pool = %(jobs.pool)s",
                "line 1: the references form a circle, or there are more than 200.",
            ),
        ],
    )
    def test_a_reference_that_cannot_be_resolved_is_rejected(
        self, write: Write, text: str, expected: str
    ) -> None:
        """Revel would use its default instead."""
        assert error_for(write("app.conf", text)) == f"app.conf, {expected}"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                "app.name = x\nwhat is this\n",
                "line 2: this is neither `key = value` nor a [section] nor a # comment.",
            ),
            ("= 4\n", "line 1: this is neither `key = value` nor a [section] nor a # comment."),
            ("[dev\n", "line 1: this is neither `key = value` nor a [section] nor a # comment."),
            (
                "a = 1\n  jobs.pool = 4\n",
                "line 2: an indented line continues the value above it, but there is no value above.",
            ),
            (
                "[dev]\nwatch = true\n[prod]\n\tjobs.pool = 4\n",
                "line 4: an indented line continues the value above it, but there is no value above.",
            ),
            (
                "[dev]\nwatch = true\n  jobs.pool = 4\n",
                (
                    "line 3: this line is indented, so it continues the value above it. "
                    "Remove the indentation."
                ),
            ),
        ],
    )
    def test_a_line_that_cannot_be_parsed_is_rejected(self, write: Write, text: str, expected: str) -> None:
        """Revel rejects the first kinds, too; it ignores the last one and uses its default."""
        assert error_for(write("app.conf", text)) == f"app.conf, {expected}"

    def test_the_values_of_a_conf_section_that_does_not_apply_are_not_checked(self, write: Write) -> None:
        """Its environment variables may exist only on another machine."""
        path = write("app.conf", "[dev]\n[prod]\njobs.pool = ${JOBTUI_TEST_UNSET}\n")
        assert read_settings(path) == Settings()
        assert "line 3" in error_for(path, "prod")


class TestRunMode:
    """Sections, in both formats."""

    FILES = (
        ("app.conf", "jobs.pool = 2\ncron.a = @daily\n[dev]\njobs.pool = 3\n[prod]\njobs.pool = 4\n"),
        ("app.toml", 'jobs.pool = 2\ncron.a = "@daily"\n[dev]\njobs.pool = 3\n[prod.jobs]\npool = 4\n'),
    )

    @pytest.mark.parametrize(("name", "text"), FILES)
    @pytest.mark.parametrize(("run_mode", "pool"), [(None, 3), ("dev", 3), ("prod", 4), ("DEFAULT", 2)])
    def test_the_section_of_the_run_mode_overrides_the_top(
        self, write: Write, name: str, text: str, run_mode: str | None, pool: int
    ) -> None:
        """`dev` is the default; a key that the section does not have keeps the value of the top."""
        got = read_settings(write(name, text), run_mode=run_mode)
        assert got == Settings(pool=pool, schedules={"cron.a": "@daily"})

    @pytest.mark.parametrize(("name", "text"), FILES)
    def test_a_run_mode_without_section_is_rejected_with_those_that_exist(
        self, write: Write, name: str, text: str
    ) -> None:
        """If it was given."""
        assert error_for(write(name, text), "test") == (
            f"{name}: the file has no section for the run mode 'test'.\nIts sections are 'dev', 'prod'."
        )

    @pytest.mark.parametrize("name", ["app.conf", "app.toml"])
    def test_a_given_run_mode_in_a_file_without_sections_is_rejected(self, write: Write, name: str) -> None:
        """Even the default one."""
        expected = f"{name}: the file has no section for the run mode 'dev'.\nIt has no sections."
        assert error_for(write(name, "jobs.pool = 2\n"), "dev") == expected

    def test_a_section_without_a_name_continues_the_top_of_the_file(self, write: Write) -> None:
        """It is not listed as a section."""
        path = write("app.conf", "[]\njobs.pool = 2\n")
        assert read_settings(path).pool == 2
        assert error_for(path, "").endswith("\nIt has no sections.")

    def test_a_run_mode_may_have_an_empty_section(self, write: Write) -> None:
        """A run mode need not change anything."""
        assert read_settings(write("a.toml", "jobs.pool = 2\n[test]\n"), run_mode="test").pool == 2
        assert read_settings(write("a.conf", "jobs.pool = 2\n[test]\n"), run_mode="test").pool == 2

    def test_in_toml_every_section_is_checked(self, write: Write) -> None:
        """A mistake in [prod] is found during development."""
        path = write("jobtui.toml", "[prod]\njobs.pool = 4\njobs.pol = 5\n")
        assert error_for(path).startswith("jobtui.toml, line 3: unknown key 'jobs.pol'.")

    def test_in_toml_a_value_that_a_section_overrides_is_checked(self, write: Write) -> None:
        """Another run mode may use it."""
        path = write("jobtui.toml", "jobs.pool = -1\n[dev]\njobs.pool = 4\n")
        assert error_for(path).startswith("jobtui.toml, line 1: jobs.pool must be ")


class TestPolicies:
    """The policies of jobs that do not say otherwise."""

    def test_each_policy_that_has_a_setting_is_read(self, write: Write) -> None:
        """From both formats. The others are those that make sense for one job."""
        lines = {
            "misfire": ("skip", "skip"),
            "max_late": ("1h", 3_600.0),
            "catch_up": ("12h", 43_200.0),
            "max_held": (5, 5),
            "pause_after": (3, 3),
            "retry": (2, 2),
            "timeout": ("5m", 300.0),
            "warn": ("1m", 60.0),
            "abandon": ("0s", 0.0),
        }
        toml = write("jobtui.toml", "".join(f"jobs.{key} = {text!r}\n" for key, (text, _) in lines.items()))
        conf = write("app.conf", "".join(f"jobs.{key} = {text}\n" for key, (text, _) in lines.items()))
        for path in (toml, conf):
            policies = read_settings(path).policies
            assert policies == {"overlap": "hold", **{key: value for key, (_, value) in lines.items()}}
        of_one_job = {"overlap", "times", "on_start", "not_before", "until", "spread", "jitter"}
        callbacks = {"on_success", "on_failure", "on_missed"}
        assert set(Policies.__annotations__) - set(lines) == of_one_job | callbacks

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ('jobs.timeout = "5 m"', "jobs.timeout: "),
            ('jobs.timeout = "-5m"', "jobs.timeout: a delay cannot be negative"),
            ("jobs.timeout = 300", 'jobs.timeout must be a duration in quotes, such as "12h", not 300.'),
            ("jobs.retry = -1", "jobs.retry must be a number of retries from 0 to 1000, not -1."),
            ('jobs.retry = "3"', "Write it without quotes: jobs.retry = 3"),
            ("jobs.max_held = 0", "jobs.max_held must be a number of runs from 1 to 1000000, not 0."),
            ('jobs.misfire = "coalese"', "Did you mean 'coalesce'?"),
            ('jobs.timout = "5m"', "Did you mean 'jobs.timeout'?"),
        ],
    )
    def test_a_wrong_policy_is_an_error_with_its_place(self, write: Write, line: str, message: str) -> None:
        error = error_for(write("jobtui.toml", f"# policies\n{line}\n"))
        assert error.startswith("jobtui.toml, line 2: ")
        assert message in error


class TestQuietTimes:
    """The times in which nothing starts."""

    def test_they_are_an_array_in_toml_and_separated_by_spaced_commas_in_conf(self, write: Write) -> None:
        """Days have commas of their own."""
        expected = ("SAT,SUN 02:00 for 3h", "daily 12:00 for 5m")
        toml = write("jobtui.toml", 'jobs.quiet = ["SAT,SUN 02:00 for 3h", "daily 12:00 for 5m"]\n')
        conf = write("app.conf", "jobs.quiet = SAT,SUN 02:00 for 3h, daily 12:00 for 5m\n")
        assert read_settings(toml).quiet == read_settings(conf).quiet == expected

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ('"SAT 02:00 for 3h"', "jobs.quiet must be an array of quiet times, such as "),
            ("[2]", "Write each of them in quotes."),
            ('["daily 12:00 for 5m", "SAR 02:00 for 3h"]', "jobs.quiet[1]: 'SAR' is not a day"),
            ('["daily 00:00 for 24h"]', "jobs.quiet[0]: nothing could start for more than 62 days"),
        ],
    )
    def test_a_wrong_one_is_an_error_with_its_place(self, write: Write, value: str, message: str) -> None:
        with pytest.raises(BadSetting) as caught:
            read_settings(write("jobtui.toml", f"# quiet\njobs.quiet = {value}\n"))
        assert "jobtui.toml, line 2: " in str(caught.value)
        assert message in str(caught.value)


ALL_KEYS = (
    "The keys are jobs.pool, jobs.abandoned, jobs.selfconcurrent, jobs.misfire, jobs.max_late, "
    "jobs.catch_up, jobs.max_held, jobs.pause_after, jobs.retry, jobs.timeout, jobs.warn, jobs.abandon, "
    "jobs.quiet, "
    "jobs.dst, jobs.tz, jobs.ledger.bytes, jobs.output.bytes, "
    "jobs.output.runbytes, jobs.output.keep, jobs.output.redact, jobs.locals, jobs.results, "
    "jobs.store, jobs.single, jobs.keep.days, jobs.keep.rows, jobs.keep.mib, "
    "jobs.listen, jobs.readonly, jobs.allow, "
    "jobs.acceptproxyaddress, jobs.proxies, jobs.probes, jobs.clients.bytes, jobs.url, "
    "jobs.auth, jobs.auth.user, jobs.auth.pass, jobs.auth.sha256, cron.NAME for a named schedule, "
    "and keys.ACTION."
)


class TestUnknownKeys:
    """Keys that jobtui does not have."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("jobs = 4", "line 1: jobs must be a table, not 4."),
            ('cron = "x"', "line 1: cron must be a table, not the string 'x'."),
            ("keys = true", "line 1: keys must be a table, not true."),
            ("[[jobs]]\npool = 4", "line 1: jobs must be a table, not an array."),
            ("[prod]\njobs.pool = 4\ncron = 4", "line 3: cron must be a table, not 4."),
            ("jobs.keep = 30", "line 1: jobs.keep must be a table, not 30."),
        ],
    )
    def test_a_value_in_place_of_a_table_is_rejected(self, write: Write, text: str, message: str) -> None:
        """The key is known."""
        assert error_for(write("jobtui.toml", text)) == f"jobtui.toml, {message}"

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
    def test_in_toml_an_unknown_key_gets_the_nearest_key(
        self, write: Write, text: str, key: str, line: int, meant: str
    ) -> None:
        """Every unknown key is an error, because the whole file is jobtui's."""
        message = error_for(write("jobtui.toml", text))
        meant = meant if meant.startswith("'") else f"'{meant}'"
        assert message == (
            f"jobtui.toml, line {line}: unknown key '{key}'. Did you mean {meant}?\n{ALL_KEYS}"
        )

    @pytest.mark.parametrize(
        ("text", "key"),
        [("colour = 4", "colour"), ("[[prod]]\njobs.pool = 4", "prod"), ('cron."" = "@daily"', "cron.")],
    )
    def test_an_unknown_key_without_similar_key_gets_no_suggestion(
        self, write: Write, text: str, key: str
    ) -> None:
        """Only the list of all keys."""
        assert f"unknown key '{key}'.\n{ALL_KEYS}" in error_for(write("jobtui.toml", text))

    @pytest.mark.parametrize(
        ("text", "key", "meant"),
        [
            ("jobs.pol = 4", "jobs.pol", "jobs.pool"),
            ("JOBS.POOL = 4", "JOBS.POOL", "jobs.pool"),
            ("Cron.night = @daily", "Cron.night", "cron.night"),
        ],
    )
    def test_in_conf_only_keys_with_the_prefixes_of_jobtui_are_checked(
        self, write: Write, text: str, key: str, meant: str
    ) -> None:
        """Keys are case-sensitive in Revel, so another case is a mistake."""
        message = error_for(write("app.conf", f"pool = 4\njob.pool = 4\n{text}\n"))
        assert message == f"app.conf, line 3: unknown key '{key}'. Did you mean '{meant}'?\n{ALL_KEYS}"

    def test_an_unprintable_or_long_key_is_shortened_and_escaped(self, write: Write) -> None:
        """Escape sequences do not reach the terminal."""
        message = error_for(write("jobtui.toml", f'"jobs.\\u001b[31m{"x" * 5000}" = 1\n'))
        assert "\x1b" not in message
        assert len(message) < 800

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "jobs.pool = 4\njobs.pool = 4",
                "line 2: the key 'jobs.pool' is given twice: line 1 has it already.",
            ),
            (
                "[jobs]\npool = 4\n[cron]\n[jobs]\n",
                "line 4: the table 'jobs' is given twice: line 1 has it already.",
            ),
            ("jobs.pool = 4\n[jobs]\n", "line 2: the table 'jobs' is given twice: line 1 has it already."),
            (
                "jobs = 3\njobs.pool = 4\n",
                "line 2: the key 'jobs.pool' cannot be set, because line 1 sets 'jobs'.",
            ),
            (
                "jobs = {pool = 4}\n[jobs.keep]",
                "line 2: the table 'jobs.keep' cannot be set, because line 1 sets 'jobs'.",
            ),
            (
                "[prod]\njobs.allow = [\n'a',\n'b']\ncron.a = '''\n[jobs]'''\njobs.allow = [\n'c'\n]\n# end",
                "line 7: the key 'prod.jobs.allow' is given twice: line 2 has it already.",
            ),
            (
                'cron."a=b" = "x"\r\ncron."a=b" = "y"\r\n',
                "line 2: the key 'cron.a=b' is given twice: line 1 has it already.",
            ),
            ("[[a]]\nb = 1\nb = 2", "line 3: the key 'a.b' is given twice: line 2 has it already."),
            ("a = {b = 1, b = 2}", "line 1, column 18: an inline table has twice the key 'b'."),
        ],
    )
    def test_a_key_that_toml_has_twice_is_named_with_both_lines(
        self, write: Write, text: str, message: str
    ) -> None:
        """The parser of Python names neither the key nor the first line."""
        assert error_for(write("jobtui.toml", text)) == f"jobtui.toml, {message}"

    def test_a_key_given_dotted_and_in_quotes_is_rejected(self, write: Write) -> None:
        """To TOML these are two keys."""
        assert error_for(write("jobtui.toml", 'jobs.pool = 4\n"jobs.pool" = 5\n')) == (
            "jobtui.toml: the key 'jobs.pool' is given twice, once dotted and once in quotes."
        )


POOL = "jobs.pool must be a whole number from 0 to 1000000, where 0 is no limit"


class TestWrongValues:
    """Known keys with wrong values."""

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ('"4"', "the string '4'.\nWrite it without quotes: jobs.pool = 4"),
            ('"many"', "the string 'many'."),
            ('""', "an empty string."),
            ('"-1"', "the string '-1'."),
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
    def test_a_wrong_pool_in_toml_is_rejected_with_its_value(
        self, write: Write, value: str, shown: str
    ) -> None:
        """The message describes the value in the terms of TOML."""
        message = error_for(write("jobtui.toml", f"# jobs.pool = 4\njobs.pool = {value}\n"))
        assert message == f"jobtui.toml, line 2: {POOL}, not {shown}"

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ('"4"', "the string '\"4\"'.\nWrite it without quotes: jobs.pool = 4"),
            ("true", "the string 'true'."),
            ("-1", "-1."),
            ("4.5", "the string '4.5'."),
            ("1_000", "the string '1_000'."),
            ("٤", "the string '٤'."),
            ("9" * 30, f"the string '{'9' * 30}'."),
            ("", "an empty string."),
        ],
    )
    def test_a_wrong_pool_in_conf_is_rejected(self, write: Write, value: str, shown: str) -> None:
        """Revel would silently use its default."""
        assert (
            error_for(write("app.conf", f"jobs.pool = {value}\n")) == f"app.conf, line 1: {POOL}, not {shown}"
        )

    def test_a_number_continued_by_an_indented_line_is_explained(self, write: Write) -> None:
        """The indentation is probably a mistake."""
        message = error_for(write("app.conf", "[dev]\njobs.pool = 4\n  watch = true\n"))
        assert message.startswith(f"app.conf, line 2: {POOL}, not the string ")
        assert message.endswith("\nAn indented line continues the value above it.")

    @pytest.mark.parametrize("name", ["jobtui.toml", "app.conf"])
    @pytest.mark.parametrize("key", ["jobs.output.bytes", "jobs.output.runbytes", "jobs.output.keep"])
    def test_a_limit_of_output_outside_its_range_is_rejected(self, write: Write, key: str, name: str) -> None:
        """A smaller one could not keep a single long line."""
        for value, shown in (("9999", "9999"), ("0", "0"), ("1000000001", "a number that large")):
            assert error_for(write(name, f"{key} = {value}\n")) == (
                f"{name}, line 1: {key} must be a number of bytes from 10000 to 1000000000, not {shown}."
            )
        settings = read_settings(write(name, f"{key} = 10000\n"))
        assert getattr(settings, key.removeprefix("jobs.").replace(".", "_")) == 10000

    def test_patterns_for_secrets_are_an_array_of_regular_expressions(self, write: Write) -> None:
        """In a .conf file there is one, because it may contain commas."""
        settings = read_settings(write("jobtui.toml", r"jobs.output.redact = ['key=(\S{1,9})', 'b']"))
        assert settings.output_redact == (r"key=(\S{1,9})", "b")
        assert read_settings(write("app.conf", 'jobs.output.redact = "a{1,2}"')).output_redact == ("a{1,2}",)

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            (
                '"a"',
                " must be an array of regular expressions, such as ['password=(\\S+)'], not the string 'a'.",
            ),
            (
                "[1]",
                (
                    " must be an array of regular expressions, such as ['password=(\\S+)'], not an array.\n"
                    "Write each of them in single quotes."
                ),
            ),
            (
                "['a', 'b(']",
                ": 'b(' is not a regular expression: missing ), unterminated subpattern at position 1",
            ),
            ("['x*']", ": 'x*' matches an empty text, so it would match everywhere"),
        ],
    )
    def test_a_pattern_for_secrets_that_cannot_be_used_is_rejected(
        self, write: Write, value: str, problem: str
    ) -> None:
        """The message says why."""
        message = error_for(write("jobtui.toml", f"jobs.output.redact = {value}"))
        assert message == f"jobtui.toml, line 1: jobs.output.redact{problem}"

    def test_the_memory_of_the_ledger_has_a_range_of_its_own(self, write: Write) -> None:
        """A larger ledger would take too long to read."""
        message = error_for(write("jobtui.toml", "jobs.ledger.bytes = 99_999\n"))
        assert message.endswith(" must be a number of bytes from 100000 to 500000000, not 99999.")
        assert read_settings(write("app.conf", "jobs.ledger.bytes = 100000\n")).ledger_bytes == 100_000

    @pytest.mark.parametrize("key", ["jobs.selfconcurrent", "jobs.acceptproxyaddress", "jobs.readonly"])
    @pytest.mark.parametrize(
        ("name", "value", "shown"),
        [
            ("jobtui.toml", "1", "1."),
            ("jobtui.toml", '"yes"', "the string 'yes'.\nWrite it without quotes: {key} = true"),
            ("jobtui.toml", '"off"', "the string 'off'.\nWrite it without quotes: {key} = false"),
            ("app.conf", "maybe", "the string 'maybe'."),
            ("app.conf", "2", "the string '2'."),
        ],
    )
    def test_a_wrong_boolean_is_rejected(
        self, write: Write, key: str, name: str, value: str, shown: str
    ) -> None:
        """TOML has two booleans, Revel has twelve words, and a number is neither."""
        message = error_for(write(name, f"{key} = {value}\n"))
        assert message == f"{name}, line 1: {key} must be true or false, not {shown.format(key=key)}"

    @pytest.mark.parametrize(
        ("name", "value", "shown"),
        [
            ("jobtui.toml", "true", "true."),
            ("jobtui.toml", '"twice"', "the string 'twice'."),
            ("jobtui.toml", '"Once"', "the string 'Once'.\nDid you mean 'once'?"),
            ("app.conf", "evry", "the string 'evry'.\nDid you mean 'every'?"),
        ],
    )
    def test_a_wrong_dst_rule_is_rejected_with_the_similar_one(
        self, write: Write, name: str, value: str, shown: str
    ) -> None:
        """There are two rules."""
        message = error_for(write(name, f"jobs.dst = {value}\n"))
        assert message == f'{name}, line 1: jobs.dst must be "once" or "every", not {shown}'

    @pytest.mark.parametrize("name", ["app.conf", "jobtui.toml"])
    def test_the_zone_is_checked_and_kept_as_written(self, write: Write, name: str) -> None:
        """The message has the nearest name."""
        quotes = '"' if name.endswith("toml") else ""
        path = write(name, f"jobs.tz = {quotes}America/Denver{quotes}\n")
        assert read_settings(path).tz == "America/Denver"
        assert error_for(write(name, f"jobs.tz = {quotes}Denver{quotes}\n")) == (
            f"{name}, line 1: jobs.tz: unknown time zone 'Denver'; did you mean America/Denver?"
        )

    def test_a_zone_that_is_not_a_string_is_rejected_with_an_example(self, write: Write) -> None:
        """An offset is not a number."""
        assert error_for(write("jobtui.toml", "jobs.tz = 2\n")) == (
            "jobtui.toml, line 1: jobs.tz must be the name of a time zone in quotes, such as "
            '"Europe/Oslo", not 2.'
        )

    @pytest.mark.parametrize(
        ("value", "shown"), [("15", "15"), ("false", "false"), ("[1]", "an array"), ("{}", "a table")]
    )
    def test_a_schedule_that_is_not_a_string_is_rejected_with_an_example(
        self, write: Write, value: str, shown: str
    ) -> None:
        """In TOML."""
        assert error_for(write("jobtui.toml", f"[cron]\nnight = {value}\n")) == (
            f"jobtui.toml, line 2: 'cron.night' must be a schedule in quotes, not {shown}.\n"
            'An example: "0 */15 9-17 ? * MON-FRI"'
        )

    @pytest.mark.parametrize("name", ["app.conf", "jobtui.toml"])
    def test_a_wrong_spec_keeps_the_message_of_the_parser(self, write: Write, name: str) -> None:
        """After the file, line and key, with the caret."""
        from jobtui.schedules.parser import parse  # noqa: PLC0415 - loads croniter, which only this test needs

        with pytest.raises(ValueError, match="7") as caught:
            parse("0 0 12 ? * 7")
        value = json.dumps("0 0 12 ? * 7") if name.endswith("toml") else "0 0 12 ? * 7"
        assert error_for(write(name, f"jobs.pool = 3\ncron.weekly = {value}\n")) == (
            f"{name}, line 2: 'cron.weekly': {caught.value}"
        )

    def test_an_empty_spec_is_rejected(self, write: Write) -> None:
        """It does not silently mean no schedule."""
        assert error_for(write("app.conf", "cron.a =\n")).startswith("app.conf, line 1: 'cron.a': ")

    @pytest.mark.parametrize("name", ["app.conf", "jobtui.toml"])
    def test_a_schedule_that_refers_to_another_is_rejected(self, write: Write, name: str) -> None:
        """Revel does not follow such references either."""
        value = '"cron.b"' if name.endswith("toml") else "cron.b"
        assert error_for(write(name, f"cron.a = {value}\n")) == (
            f"{name}, line 1: 'cron.a' refers to 'cron.b'.\n"
            "A named schedule cannot refer to another one: write the spec itself."
        )

    @pytest.mark.parametrize(
        ("name", "line"), [("app.conf", "cron.a = '@daily'"), ("jobtui.toml", "cron.a = '\"@daily\"'")]
    )
    def test_a_spec_with_superfluous_quotes_is_explained(self, write: Write, name: str, line: str) -> None:
        """Revel removes double quotes once; other quotes are part of the spec."""
        message = error_for(write(name, line + "\n"))
        assert message.startswith(f"{name}, line 1: 'cron.a': ")
        assert " contains the quotes: " in message
        assert message.endswith("write none in a .conf file, one pair in TOML.")


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
    def test_an_error_has_the_line_of_the_key(self, write: Write, text: str, line: int) -> None:
        """Comments, strings and other tables with the same word are not mistaken for it."""
        table = "[tool.jobtui]\n" if text.startswith("note") else ""
        path = write("jobtui.toml", text)
        if table:  # in jobtui.toml the note would be an unknown key
            path = write("pyproject.toml", "[project]\n" + text.replace("[dev]", "[tool.jobtui]"))
            line += 1
        assert f", line {line}: {POOL}, not -1." in error_for(path)

    def test_an_error_has_no_line_if_the_key_is_written_with_escapes(self, write: Write) -> None:
        """The search does not find such a key."""
        assert error_for(write("jobtui.toml", 'jobs."po\\u006fl" = -1\n')) == f"jobtui.toml: {POOL}, not -1."
        misleading = 'jobs."po\\u006fl" = [\n"pool = 1"\n]\n'
        assert error_for(write("jobtui.toml", misleading)) == f"jobtui.toml: {POOL}, not an array."


class TestFiles:
    """Files that cannot be read."""

    def test_a_missing_file_is_rejected(self, tmp_path: Path) -> None:
        """If it was given."""
        assert error_for(tmp_path / "jobtui.toml") == "jobtui.toml: file not found."

    def test_a_folder_is_rejected(self, tmp_path: Path) -> None:
        (tmp_path / "conf.toml").mkdir()
        assert error_for(tmp_path / "conf.toml") == "conf.toml: this is a folder, not a file."

    def test_an_unreadable_settings_file_is_rejected(
        self, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the reason of the system; simulated, because root may read every file."""

        def deny(_path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        path = write("jobtui.toml", "")
        monkeypatch.setattr(Path, "read_bytes", deny)
        assert error_for(path) == "jobtui.toml: cannot read the file: Permission denied."

    @pytest.mark.parametrize("name", ["app.conf", "jobtui.toml"])
    def test_a_file_that_is_not_utf_8_is_rejected_with_line_and_byte(self, write: Write, name: str) -> None:
        """An editor would not show the byte."""
        path = write(name, b"# one\n# caf\xe9\n")
        assert error_for(path) == f"{name}, line 2: byte 0xe9 is not UTF-8. Save the file as UTF-8."

    @pytest.mark.parametrize("name", ["settings.yaml", "settings", ".toml", "jobtui.toml.bak"])
    def test_a_file_with_another_suffix_is_rejected(self, write: Write, name: str) -> None:
        """The message lists the allowed ones."""
        assert error_for(write(name, "")) == (
            f"{name}: not a settings file: its name must end in .toml or .conf (Revel's app.conf)."
        )

    def test_a_suffix_may_be_in_capitals(self, write: Write) -> None:
        """As on Windows."""
        assert read_settings(write("APP.CONF", "jobs.pool = 3\n")).pool == 3

    def test_invalid_toml_is_rejected_with_line_and_column(self, write: Write) -> None:
        """And with the reason of the parser."""
        message = error_for(write("jobtui.toml", "jobs.pool = 4\njobs.selfconcurrent = yes\n"))
        assert re.fullmatch(r"jobtui\.toml, line 2, column \d+: Invalid value\.", message)
        assert re.fullmatch(r"a\.toml, end of document: .+\.", error_for(write("a.toml", "jobs = [")))

    @pytest.mark.parametrize("spec", [WORKHOURS, "@every 1h", "* * * * *"])
    def test_the_error_for_a_spec_without_quotes_in_toml_has_the_line_to_write(
        self, write: Write, spec: str
    ) -> None:
        """The most frequent mistake with a line from an app.conf."""
        message = error_for(write("jobtui.toml", f"cron.a = {spec}  # note\r\n"))
        assert message.startswith("jobtui.toml, line 1, column ")
        assert message.endswith(f'\nIn TOML, write a schedule in quotes: cron.a = "{spec}"')

    @pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 5000])
    def test_toml_that_exceeds_the_limits_of_the_parser_is_rejected(self, write: Write, text: str) -> None:
        """Deep arrays and long numbers."""
        assert error_for(write("jobtui.toml", text)).startswith("jobtui.toml: ")

    def test_a_key_with_thousands_of_dots_is_an_unknown_key(self, write: Write) -> None:
        """TOML allows it; a recursive function would fail."""
        assert "unknown key" in error_for(write("jobtui.toml", ".".join("a" * 3000) + " = 1\n"))


class TestFinding:
    """The settings file of a job file."""

    def test_a_job_file_may_have_no_settings_file(self, tmp_path: Path) -> None:
        """The common case."""
        assert find_settings(tmp_path / "jobs.py") is None

    def test_jobtui_toml_is_preferred_to_pyproject_toml(self, tmp_path: Path, write: Write) -> None:
        """If both exist."""
        write("pyproject.toml", "[tool.jobtui]\n")
        own = write("jobtui.toml", "")
        assert find_settings(tmp_path / "jobs.py") == own

    @pytest.mark.parametrize(
        "text", ["[tool.jobtui]\n", "[tool.jobtui.jobs]\npool = 3\n", "tool.jobtui = 3\n"]
    )
    def test_a_pyproject_with_a_jobtui_table_is_found(self, tmp_path: Path, write: Write, text: str) -> None:
        """Empty or not; if it is not a table, reading it is an error."""
        assert find_settings(tmp_path / "jobs.py") is None
        shared = write("pyproject.toml", text)
        assert find_settings(tmp_path / "jobs.py") == shared

    @pytest.mark.parametrize(
        "text",
        ["", '[project]\nname = "jobtui"\n', '[tool.ruff]\nsrc = ["jobtui"]\n', "tool = 3 # jobtui\n",
         "jobtui = [ broken\n", "jobtui = \xff\n"],
    )  # fmt: skip
    def test_a_pyproject_without_jobtui_table_is_ignored(
        self, tmp_path: Path, write: Write, text: str
    ) -> None:
        """Valid or not."""
        write("pyproject.toml", text.encode("latin-1"))
        assert find_settings(tmp_path / "jobs.py") is None

    @pytest.mark.parametrize("text", ["[tool.jobtui]\njobs.pool = \n", "[tool.jobtui]\n# \xff\n"])
    def test_an_invalid_pyproject_with_a_jobtui_table_is_found(
        self, tmp_path: Path, write: Write, text: str
    ) -> None:
        """Reading it is an error, instead of silently using the defaults."""
        shared = write("pyproject.toml", text.encode("latin-1"))
        assert find_settings(tmp_path / "jobs.py") == shared
        assert "pyproject.toml, line 2" in error_for(shared)

    def test_an_unreadable_pyproject_is_found(
        self, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may have a table of jobtui, so reading it is an error."""

        def deny(_path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        shared = write("pyproject.toml", "")
        monkeypatch.setattr(Path, "read_bytes", deny)
        assert find_settings(tmp_path / "jobs.py") == shared

    def test_a_folder_named_pyproject_toml_is_ignored(self, tmp_path: Path) -> None:
        """A folder has no tables."""
        (tmp_path / "pyproject.toml").mkdir()
        assert find_settings(tmp_path / "jobs.py") is None

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
    def test_a_broken_link_named_jobtui_toml_is_found(self, tmp_path: Path) -> None:
        """A settings file that got lost must not silently mean the defaults."""
        own = tmp_path / "jobtui.toml"
        own.symlink_to(tmp_path / "gone.toml")
        assert find_settings(tmp_path / "jobs.py") == own
        assert error_for(own) == "jobtui.toml: file not found."

    def test_parent_folders_are_not_searched_for_settings(self, tmp_path: Path, write: Write) -> None:
        """Only the folder of the job file."""
        write("jobtui.toml", "")
        (tmp_path / "inner").mkdir()
        assert find_settings(tmp_path / "inner" / "jobs.py") is None


def test_importing_the_settings_loads_neither_croniter_nor_tomllib() -> None:
    """They are loaded when a file needs them."""
    code = (
        "import sys, jobtui.settings.settings\n"
        "print([m for m in ('croniter', 'tomllib') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


# Random text almost never resembles a settings file, so most of it is combined from pieces of one.
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
def test_any_file_is_read_or_rejected_in_three_printable_lines(
    tmp_path: Path, name: str, content: bytes
) -> None:
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
def test_toml_and_conf_of_the_same_content_are_equal(
    tmp_path: Path, pool: int, switches: tuple[bool, bool, Dst], schedules: dict[str, str], section: str
) -> None:
    """And have the values that were written."""
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
