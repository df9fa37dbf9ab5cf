"""Settings of the status page: where it listens, who may come in, and that no password is ever shown."""

import hashlib
import os
import traceback
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from jobtui.access.addresses import UnixAddress, parse_address
from jobtui.access.rules import AccessRules
from jobtui.settings.setting_errors import BadSetting
from jobtui.settings.settings import Settings, read_settings

SECRET = "hunter22-\u00e5"
SHA256 = hashlib.sha256(SECRET.encode()).hexdigest()
# The hash of SECRET: a constant, since pytest-xdist needs the same test ids in every worker.
HASH = "$scrypt$ln=15,r=8,p=3$tsYnCfqGNpRNpnuhnfRXVw$KubMKIszpaOeplhJRlA7TKN1tTWJUJrmQIk2yWv+Xqg"
USER = 'jobs.auth.user = "me"\n'
PASS = f'jobs.auth.pass = "{SECRET}"\n'
BOTH = USER + PASS

Read = Callable[..., Settings]
Complain = Callable[..., str]
both_formats = pytest.mark.parametrize("name", ["app.conf", "jobtui.toml"])


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Give a function that reads settings with some content."""

    def read_it(name: str, content: str, run_mode: str | None = None) -> Settings:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return read_settings(path, run_mode=run_mode)

    return read_it


@pytest.fixture
def complaint(read: Read, tmp_path: Path) -> Complain:
    """Give a function that returns what some content is answered with.

    Nothing of the password may be in it, nor in its traceback with all that led to it.
    """

    def complain(name: str, content: str, run_mode: str | None = None) -> str:
        with pytest.raises(BadSetting) as caught:
            read(name, content, run_mode)
        told = "".join(traceback.format_exception(caught.value)).replace(str(tmp_path), "")
        assert [line for line in told.splitlines() if SECRET[:6] in line] == []
        message = str(caught.value)
        assert len(message.split("\n")) <= 3
        assert all(line.isprintable() for line in message.split("\n"))
        return message.replace(f"{tmp_path}{os.sep}", "")

    return complain


def lets_in(settings: Settings, password: str = SECRET, user: str = "me") -> bool:
    """Whether these are the credentials of the settings."""
    credentials = settings.access.credentials
    assert credentials is not None
    return credentials.user == user and credentials.password.matches(password)


class TestListen:
    """`jobs.listen`."""

    @both_formats
    @pytest.mark.parametrize(
        "text", ["127.0.0.1:9001", "[::1]:9001", "localhost:9001", "unix:/run/jobs.sock"]
    )
    def test_an_address(self, read: Read, name: str, text: str) -> None:
        """What `--listen` takes; in a .conf file the quotes may be left out."""
        assert read(name, f'jobs.listen = "{text}"\n').listen == parse_address(text)
        assert read("app.conf", f"jobs.listen = {text}\n").listen == parse_address(text)

    def test_nowhere(self, read: Read) -> None:
        """Nothing listens unless somebody says so."""
        assert read("jobtui.toml", "").listen is None

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (
                '"9001"',
                (
                    ": '9001' is not an address and a port, such as 127.0.0.1:9001, [::1]:9001 or "
                    "unix:/run/jobtui.sock.\nDid you mean 127.0.0.1:9001?"
                ),
            ),
            ('"127.0.0.1:x"', ": 'x' is not a port: a number from 0 to 65535."),
            ("9001", ' must be an address in quotes, such as "127.0.0.1:9001", not 9001.'),
            ("true", ' must be an address in quotes, such as "127.0.0.1:9001", not true.'),
            (
                f'"me:{SECRET}@127.0.0.1:9001"',
                (
                    ": an address to listen on has no user or password in it.\n"
                    "In the settings these are jobs.auth.user and jobs.auth.pass."
                ),
            ),
        ],
    )
    def test_what_is_none(self, complaint: Complain, value: str, said: str) -> None:
        """File, line, key, what is allowed and what was meant."""
        assert (
            complaint("jobtui.toml", f"\njobs.listen = {value}\n")
            == f"jobtui.toml, line 2: jobs.listen{said}"
        )

    @both_formats
    @pytest.mark.parametrize("address", ["0.0.0.0:9001", "[::]:9001", "192.168.1.7:9001"])
    def test_where_others_can_reach_it_only_with_credentials(
        self, read: Read, complaint: Complain, name: str, address: str
    ) -> None:
        """It is seen when the file is read, not when the page is up."""
        line = f'jobs.listen = "{address}"\n'
        needs = f"{name}, line 1: jobs.listen: {address} can be reached by other machines, so it needs "
        assert complaint(name, line) == (
            f"{needs}jobs.auth.user and jobs.auth.pass.\n127.0.0.1 is for this machine alone."
        )
        assert read(name, line + BOTH).listen == parse_address(address)
        if name == "app.conf":
            assert complaint(name, line + BOTH + "jobs.auth = false\n").endswith(
                "jobs.auth.pass.\nIt says jobs.auth = false."
            )

    def test_a_socket_needs_none(self, read: Read) -> None:
        """Only its owner can open it."""
        assert isinstance(read("jobtui.toml", 'jobs.listen = "unix:x"\n').listen, UnixAddress)


class TestCredentials:
    """`jobs.auth.user` and `jobs.auth.pass`."""

    @both_formats
    @pytest.mark.parametrize("password", [SECRET, HASH])
    def test_plain_or_hashed(self, read: Read, name: str, password: str) -> None:
        """The two keys are enough: credentials that are there are asked for."""
        settings = read(name, f'{USER}jobs.auth.pass = "{password}"\n')
        assert lets_in(settings)
        assert not lets_in(settings, password="wrong")
        assert not lets_in(settings, password=HASH)

    def test_without_quotes_in_conf(self, read: Read) -> None:
        """A .conf file needs none, whatever signs a hash has in it."""
        assert lets_in(read("app.conf", f"jobs.auth.user = me\njobs.auth.pass = {HASH}\n"))
        assert lets_in(read("app.conf", "jobs.auth.user = me\njobs.auth.pass = a=b:c\n"), "a=b:c")

    @pytest.mark.parametrize("text", [SHA256, SHA256.upper()])
    @pytest.mark.parametrize("switch", ["", "jobs.auth = true\n"])
    def test_revels_own_lines(self, read: Read, text: str, switch: str) -> None:
        """What a Revel application has is read as it is there."""
        conf = f"{switch}jobs.auth.user = me\njobs.auth.pass = {text}\njobs.auth.sha256 = true\n"
        assert lets_in(read("app.conf", conf))

    def test_without_sha256_the_digits_are_the_password(self, read: Read) -> None:
        """Some people's passwords look like that."""
        settings = read("jobtui.toml", f'{USER}jobs.auth.pass = "{SHA256}"\n')
        assert lets_in(settings, SHA256)
        assert not lets_in(settings)

    def test_switched_off(self, read: Read) -> None:
        """`jobs.auth = false` turns them off though they stand there, as in Revel."""
        assert read("app.conf", BOTH + "jobs.auth = off\n").access == AccessRules()
        assert read("app.conf", USER + "jobs.auth = off\n").access == AccessRules()
        assert read("jobtui.toml", "jobs.auth = false\n").access == AccessRules()

    def test_a_section_may_switch_them_on(self, read: Read) -> None:
        """The same file for the desk and for the machine that others reach."""
        conf = BOTH + "jobs.auth = false\n[prod]\njobs.auth = true\njobs.listen = 0.0.0.0:9001\n"
        assert read("app.conf", conf).access.credentials is None
        assert lets_in(read("app.conf", conf, "prod"))

    @both_formats
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (USER, "jobs.auth.user needs jobs.auth.pass beside it."),
            (PASS, "jobs.auth.pass needs jobs.auth.user beside it."),
            (
                "jobs.auth.sha256 = true\n",
                "jobs.auth.sha256 needs jobs.auth.user and jobs.auth.pass beside it.",
            ),
            ('jobs.auth.user = ""\n' + PASS, "jobs.auth.user: it is empty."),
            ('jobs.auth.pass = ""\n' + USER, "jobs.auth.pass: it is empty."),
            (
                f'jobs.auth.user = "me:{SECRET}"\n',
                ("jobs.auth.user: it has a colon in it, which ends the user in a login.\n"
                "The password is jobs.auth.pass."),
            ),
            (
                f'jobs.auth.pass = "{HASH[:-1]}"\n' + USER,
                "jobs.auth.pass: it looks like a hash of `jobtui hash-password` that was cut off or changed.",
            ),
            (
                'jobs.auth.pass = "$2b$12$abc"\n' + USER,
                ("jobs.auth.pass: it looks like a hash of another kind.\n"
                "`jobtui hash-password` makes the one to write."),
            ),
            (
                f'jobs.auth.pass = "{"x" * 1025}"\n' + USER,
                "jobs.auth.pass: a password has at most 1024 characters.",
            ),
            (
                PASS + USER + "jobs.auth.sha256 = true\n",
                ("jobs.auth.pass: a SHA-256 has 64 hexadecimal digits.\n"
                "It is read as a SHA-256 because of jobs.auth.sha256 = true."),
            ),
            (
                f'jobs.auth.pass = "{HASH}"\n{USER}jobs.auth.sha256 = true\n',
                ("jobs.auth.pass: it is no SHA-256 but a hash of `jobtui hash-password`.\n"
                "It is read as a SHA-256 because of jobs.auth.sha256 = true."),
            ),
            (
                f'jobs.auth.sha256 = "{SECRET}"\n' + BOTH,
                ("jobs.auth.sha256 must be true or false.\n"
                "The user is jobs.auth.user, the password or its hash jobs.auth.pass."),
            ),
            (
                f'jobs.auth = "me:{SECRET}"\n',
                ("jobs.auth must be true or false.\n"
                "The user is jobs.auth.user, the password or its hash jobs.auth.pass."),
            ),
            (
                "jobs.auth = true\n",
                ("jobs.auth needs jobs.auth.user and jobs.auth.pass beside it.\n"
                "`jobtui hash-password` makes the text for the latter. "
                "In TOML both stand in place of jobs.auth = true."),
            ),
        ],
    )  # fmt: skip
    def test_what_makes_no_sense(self, complaint: Complain, name: str, content: str, said: str) -> None:
        """File, line, key, what is wrong and what to do, and nothing of the password."""
        assert complaint(name, "\n" + content) == f"{name}, line 2: {said}"

    @pytest.mark.parametrize("key", ["jobs.auth.user", "jobs.auth.pass"])
    @pytest.mark.parametrize("value", ["12345678", "true", "['hunter22-']", "2026-01-01"])
    def test_what_is_no_text_in_toml(self, complaint: Complain, key: str, value: str) -> None:
        """A number without quotes may be the password, so it is not shown."""
        said = complaint("jobtui.toml", f"{key} = {value}\n")
        assert said == f"jobtui.toml, line 1: {key} must be a text in quotes."

    def test_the_switch_beside_the_user_in_toml(self, complaint: Complain) -> None:
        """Who quotes the strings of an app.conf is told which line is too much."""
        said = complaint("jobtui.toml", "jobs.auth = true\n" + BOTH)
        assert said.endswith(
            ": Cannot overwrite a value.\n"
            "TOML has no jobs.auth = true beside jobs.auth.user: leave it out, the user is enough."
        )
        other = complaint("jobtui.toml", "jobs.pool = 1\njobs.pool = 2\n")
        assert "jobs.auth" not in other

    def test_in_quotes_the_switch_may_stand_beside_the_user(self, read: Read) -> None:
        """TOML takes it for another key, and it means what it says."""
        assert lets_in(read("jobtui.toml", '"jobs.auth" = true\n' + BOTH))
        assert read("jobtui.toml", '"jobs.auth" = false\n' + BOTH).access.credentials is None

    def test_what_continues_a_password(self, complaint: Complain) -> None:
        """Who indents by mistake is told what indenting means."""
        said = complaint(
            "app.conf", f"[dev]\njobs.auth.user = me\njobs.auth.pass = {SECRET}\n  watch = true\n"
        )
        assert said == (
            "app.conf, line 3: jobs.auth.pass must be on one line.\n"
            "An indented line continues the value above it."
        )
        said = complaint("app.conf", f"[dev]\njobs.auth.user = me\n  watch = {SECRET}\n")
        assert said.startswith("app.conf, line 2: jobs.auth.user: it has line ends ")

    @pytest.mark.parametrize("password", ["%(hunter22-)s", "${hunter22-}"])
    @pytest.mark.parametrize("key", ["jobs.auth.pass", "jobs.auth.pas", "Jobs.Auth.Pass"])
    def test_a_password_that_looks_like_a_reference(
        self, complaint: Complain, key: str, password: str
    ) -> None:
        """It is a reference, and what it should lead to is not said aloud, nor with a slip in the key."""
        assert complaint("app.conf", f"{key} = {password}\n") == (
            "app.conf, line 1: "
            "a reference to a key, %(...)s, or to the environment, ${...}, leads to nothing.\n"
            "A password with such signs in it has to be hashed: `jobtui hash-password`."
        )

    def test_from_the_environment(self, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
        """A .conf file need not have it in it."""
        monkeypatch.setenv("JOBTUI_TEST_PASS", SECRET)
        assert lets_in(read("app.conf", "jobs.auth.user = me\njobs.auth.pass = ${JOBTUI_TEST_PASS}\n"))

    @pytest.mark.parametrize(
        "content",
        [
            "jobs.auth.pass = @hunter22-*\n",
            "jobs.auth.pass = hunter22-\n",
            "jobs.auth.pass = hunter22-*\n",
            "[jobs.auth]\npass = @hunter22-*\n",
            "[jobs.auth]\npass = * * * * hunter22-å\n",
            'jobs.auth.pass = "hunter22-\n',
            'jobs.auth.pass = "\\hunter22-"\n',
            'jobs.auth.pass = "hunter22-" x\n',
            'jobs.auth.pass "hunter22-"\n',
            'jobs.auth.pas = "hunter22-"\n',
            'jobs.auth = "hunter22-"\n',
            'jobs.auth.user = "hunter22-:"\n',
            'jobs.auth.pass = "hunter22-\\u0000"\njobs.auth.user = "me"\n',
        ],
    )
    def test_a_slip_in_toml_does_not_show_the_password(self, complaint: Complain, content: str) -> None:
        """Also where the line is no TOML; the fixture looks for it in all that is said."""
        assert complaint("jobtui.toml", content)


class TestAllow:
    """`jobs.allow`."""

    NETWORKS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("192.168.1.7"))

    def test_an_array_in_toml(self, read: Read) -> None:
        """Networks and single addresses, of both versions."""
        line = 'jobs.allow = ["10.0.0.0/8", "fd00::/8", "192.168.1.7"]\n'
        assert read("jobtui.toml", line + BOTH).access.allow == self.NETWORKS
        assert read("jobtui.toml", "jobs.allow = []\n").access == AccessRules()

    @pytest.mark.parametrize(
        "text", ["10.0.0.0/8, fd00::/8,192.168.1.7", '"10.0.0.0/8,fd00::/8 , 192.168.1.7"']
    )
    def test_commas_in_conf(self, read: Read, text: str) -> None:
        """Spaces do not matter, nor one pair of quotes."""
        assert read("app.conf", f"jobs.allow = {text}\n{BOTH}").access.allow == self.NETWORKS

    def test_only_with_credentials(self, complaint: Complain) -> None:
        """An address is no proof of who it is."""
        needs = "jobs.allow lets other machines in, so it needs jobs.auth.user and jobs.auth.pass."
        assert complaint("jobtui.toml", 'jobs.allow = ["10.0.0.0/8"]\n') == f"jobtui.toml, line 1: {needs}"
        assert complaint("app.conf", f"jobs.auth = no\n{BOTH}jobs.allow = 10.0.0.0/8\n") == (
            f"app.conf, line 4: {needs}\nIt says jobs.auth = false."
        )

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            (
                "jobtui.toml",
                '["fd00::/8", "10.0.0.1/8"]',
                ": '10.0.0.1/8' is an address in a network.\nDid you mean 10.0.0.0/8, or 10.0.0.1 alone?",
            ),
            (
                "app.conf",
                "10.",
                (
                    ": '10.' is not a network, such as 10.0.0.0/8, 192.168.1.7 or fd00::/8.\n"
                    "Did you mean 10.0.0.0/8?"
                ),
            ),
            ("app.conf", "", ": '' is not a network, such as 10.0.0.0/8, 192.168.1.7 or fd00::/8."),
            (
                "jobtui.toml",
                '"10.0.0.0/8"',
                " must be an array of networks, such as [\"10.0.0.0/8\"], not the text '10.0.0.0/8'.",
            ),
            (
                "jobtui.toml",
                "[167772160]",
                (
                    ' must be an array of networks, such as ["10.0.0.0/8"], not an array.\n'
                    "Each network in it stands in quotes."
                ),
            ),
        ],
    )
    def test_what_is_none(self, complaint: Complain, name: str, value: str, said: str) -> None:
        """The network that was meant is offered."""
        assert complaint(name, f"{BOTH}jobs.allow = {value}\n") == f"{name}, line 3: jobs.allow{said}"


class TestSections:
    """Credentials that stand in two places."""

    @pytest.mark.parametrize(
        "content",
        [
            f"{USER}[dev.jobs.auth]\npass = '{SECRET}'\n[prod.jobs.auth]\npass = 'other'\n",
            f"{PASS}[dev.jobs.auth]\nuser = 'me'\n",
        ],
    )
    def test_a_section_may_make_them_whole(self, read: Read, content: str) -> None:
        """What counts is what is in force, not what stands at the top alone."""
        assert lets_in(read("jobtui.toml", content))

    def test_the_top_alone_must_be_whole_where_it_is_in_force(self, complaint: Complain) -> None:
        """A run mode whose section says nothing of it has the top alone."""
        content = f"{USER}[prod.jobs.auth]\npass = '{SECRET}'\n"
        said = "jobtui.toml, line 1: jobs.auth.user needs jobs.auth.pass beside it."
        assert complaint("jobtui.toml", content) == said
        assert complaint("jobtui.toml", content, "DEFAULT") == said

    @pytest.mark.parametrize(
        "section",
        ["listen = '0.0.0.0:9001'", "allow = ['10.0.0.0/8']", "auth.user = 'me'", "auth.pass = '$scrypt$'"],
    )
    def test_in_toml_every_section_is_checked(self, complaint: Complain, section: str) -> None:
        """A slip in [prod] is found on the desk."""
        assert complaint("jobtui.toml", f"[prod.jobs]\n{section}\n").startswith("jobtui.toml, line 2: jobs.")

    def test_in_conf_what_is_in_force(self, read: Read, complaint: Complain) -> None:
        """Its other sections may need what is not here."""
        content = "[dev]\n[prod]\njobs.listen = 0.0.0.0:9001\n"
        assert read("app.conf", content) == Settings()
        assert complaint("app.conf", content, "prod").startswith("app.conf, line 3: jobs.listen")


class TestSame:
    """When settings are equal, and what is seen of them."""

    def test_the_same_in_both_formats(self, read: Read) -> None:
        """A line of app.conf is a line of TOML once its string is quoted."""
        lines = f'jobs.listen = "0.0.0.0:9001"\njobs.readonly = true\njobs.acceptproxyaddress = true\n{BOTH}'
        assert read("a.toml", lines + 'jobs.allow = ["10.0.0.0/8"]\n') == read(
            "a.conf", lines + "jobs.allow = 10.0.0.0/8\n"
        )

    @pytest.mark.parametrize("password", [SECRET, HASH])
    def test_what_says_the_same_is_equal(self, read: Read, password: str) -> None:
        """Read twice, a password is one password, whatever salt is in what is kept of it."""
        content = f'{USER}jobs.auth.pass = "{password}"\n'
        assert read("a.toml", content) == read("b.toml", content)
        assert read("a.toml", content) != read("b.toml", content.replace(password, "other"))
        assert read("a.toml", content) != read("b.toml", content.replace('"me"', '"you"'))

    @pytest.mark.parametrize("password", [SECRET, HASH])
    def test_no_password_and_no_hash_is_printed(self, read: Read, password: str) -> None:
        """Neither by print, nor by a debugger that shows a value."""
        settings = read("jobtui.toml", f'{USER}jobs.auth.pass = "{password}"\n')
        for shown in (
            repr(settings),
            str(settings),
            repr(settings.access),
            repr(settings.access.credentials),
        ):
            assert "me" in shown
            assert SECRET not in shown
            assert HASH[-20:] not in shown

    @both_formats
    def test_readonly(self, read: Read, name: str) -> None:
        """Nothing can be changed; unless it says so, everything can."""
        assert read(name, "jobs.readonly = true\n").access == AccessRules(readonly=True)
        assert read(name, "jobs.readonly = false\n").access == AccessRules()
