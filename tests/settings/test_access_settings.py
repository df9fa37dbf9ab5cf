"""Settings of the status page: its address, the access rules, and that no message shows a password."""

import hashlib
import os
import traceback
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from jobtui.access.addresses import UnixAddress, parse_address
from jobtui.access.rules import CLIENT_BYTES, AccessRules
from jobtui.settings.setting_errors import BadSetting
from jobtui.settings.settings import Settings, read_settings

SECRET = "hunter22-\u00e5"
SHA256 = hashlib.sha256(SECRET.encode()).hexdigest()
# A cheap hash of SECRET; a constant, since pytest-xdist needs the same test ids in every worker.
HASH = "$scrypt$ln=4,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$/PtCuV4dcBJVf0Z0HZISjLVFmjzCpcwNDrZ6LK87sZg"
USER = 'jobs.auth.user = "me"\n'
PASS = f'jobs.auth.pass = "{SECRET}"\n'
BOTH = USER + PASS

Read = Callable[..., Settings]
ErrorFor = Callable[..., str]
both_formats = pytest.mark.parametrize("name", ["app.conf", "jobtui.toml"])


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that reads settings from a content."""

    def read_content(name: str, content: str, run_mode: str | None = None) -> Settings:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return read_settings(path, run_mode=run_mode)

    return read_content


@pytest.fixture
def error_for(read: Read, tmp_path: Path) -> ErrorFor:
    """Return a function that returns the message for a content.

    Neither it nor the traceback of its causes may contain the password.
    """

    def message_of(name: str, content: str, run_mode: str | None = None) -> str:
        with pytest.raises(BadSetting) as caught:
            read(name, content, run_mode)
        report = "".join(traceback.format_exception(caught.value)).replace(str(tmp_path), "")
        assert [line for line in report.splitlines() if SECRET[:6] in line] == []
        message = str(caught.value)
        assert len(message.split("\n")) <= 3
        assert all(line.isprintable() for line in message.split("\n"))
        return message.replace(f"{tmp_path}{os.sep}", "")

    return message_of


def accepts(settings: Settings, password: str = SECRET, user: str = "me") -> bool:
    """Return whether these are the credentials of the settings."""
    credentials = settings.access.credentials
    assert credentials is not None
    return credentials.user == user and credentials.password.matches(password)


class TestListen:
    """`jobs.listen`."""

    @both_formats
    @pytest.mark.parametrize(
        "text", ["127.0.0.1:9001", "[::1]:9001", "localhost:9001", "unix:/run/jobs.sock"]
    )
    def test_an_address_may_have_every_form_of_the_listen_option(
        self, read: Read, name: str, text: str
    ) -> None:
        """In a .conf file without or with quotes."""
        assert read(name, f'jobs.listen = "{text}"\n').listen == parse_address(text)
        assert read("app.conf", f"jobs.listen = {text}\n").listen == parse_address(text)

    def test_by_default_the_status_page_is_not_served(self, read: Read) -> None:
        """Only if an address is set."""
        assert read("jobtui.toml", "").listen is None

    @pytest.mark.parametrize(
        ("value", "expected"),
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
                    ": an address to listen on must not contain a user name or a password.\n"
                    "Set jobs.auth.user and jobs.auth.pass instead."
                ),
            ),
        ],
    )
    def test_a_wrong_address_is_rejected_with_the_right_one(
        self, error_for: ErrorFor, value: str, expected: str
    ) -> None:
        """File, line, key, what is allowed, and what was probably meant."""
        assert (
            error_for("jobtui.toml", f"\njobs.listen = {value}\n")
            == f"jobtui.toml, line 2: jobs.listen{expected}"
        )

    @both_formats
    @pytest.mark.parametrize("address", ["0.0.0.0:9001", "[::]:9001", "192.168.1.7:9001"])
    def test_an_address_that_other_machines_can_reach_requires_credentials(
        self, read: Read, error_for: ErrorFor, name: str, address: str
    ) -> None:
        """The error is raised when the file is read."""
        line = f'jobs.listen = "{address}"\n'
        requires = f"{name}, line 1: jobs.listen: other machines can connect to {address}, so it requires "
        assert error_for(name, line) == (
            f"{requires}jobs.auth.user and jobs.auth.pass.\nOnly this machine can connect to 127.0.0.1."
        )
        assert read(name, line + BOTH).listen == parse_address(address)
        if name == "app.conf":
            assert error_for(name, line + BOTH + "jobs.auth = false\n").endswith(
                "jobs.auth.pass.\njobs.auth = false ignores them."
            )

    def test_a_unix_socket_requires_no_credentials(self, read: Read) -> None:
        """Only its owner can open it."""
        assert isinstance(read("jobtui.toml", 'jobs.listen = "unix:x"\n').listen, UnixAddress)


class TestCredentials:
    """`jobs.auth.user` and `jobs.auth.pass`."""

    @both_formats
    @pytest.mark.parametrize("password", [SECRET, HASH])
    def test_a_client_needs_the_plain_or_hashed_password_of_the_settings(
        self, read: Read, name: str, password: str
    ) -> None:
        """The two keys are enough."""
        settings = read(name, f'{USER}jobs.auth.pass = "{password}"\n')
        assert accepts(settings)
        assert not accepts(settings, password="wrong")
        assert not accepts(settings, password=HASH)

    def test_a_password_in_conf_needs_no_quotes(self, read: Read) -> None:
        assert accepts(read("app.conf", f"jobs.auth.user = me\njobs.auth.pass = {HASH}\n"))
        assert accepts(read("app.conf", "jobs.auth.user = me\njobs.auth.pass = a=b:c\n"), "a=b:c")

    @pytest.mark.parametrize("text", [SHA256, SHA256.upper()])
    @pytest.mark.parametrize("switch", ["", "jobs.auth = true\n"])
    def test_the_sha256_of_a_revel_application_is_read(self, read: Read, text: str, switch: str) -> None:
        """With or without `jobs.auth`."""
        conf = f"{switch}jobs.auth.user = me\njobs.auth.pass = {text}\njobs.auth.sha256 = true\n"
        assert accepts(read("app.conf", conf))

    def test_without_sha256_the_digits_are_a_plain_password(self, read: Read) -> None:
        """A password may have 64 digits."""
        settings = read("jobtui.toml", f'{USER}jobs.auth.pass = "{SHA256}"\n')
        assert accepts(settings, SHA256)
        assert not accepts(settings)

    def test_auth_false_ignores_the_credentials(self, read: Read) -> None:
        """As in Revel."""
        assert read("app.conf", BOTH + "jobs.auth = off\n").access == AccessRules()
        assert read("app.conf", USER + "jobs.auth = off\n").access == AccessRules()
        assert read("jobtui.toml", "jobs.auth = false\n").access == AccessRules()

    def test_a_section_may_require_credentials_that_the_top_of_the_file_ignores(self, read: Read) -> None:
        """One file for development and for production."""
        conf = BOTH + "jobs.auth = false\n[prod]\njobs.auth = true\njobs.listen = 0.0.0.0:9001\n"
        assert read("app.conf", conf).access.credentials is None
        assert accepts(read("app.conf", conf, "prod"))

    @both_formats
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (USER, "jobs.auth.user requires jobs.auth.pass."),
            (PASS, "jobs.auth.pass requires jobs.auth.user."),
            (
                "jobs.auth.sha256 = true\n",
                "jobs.auth.sha256 requires jobs.auth.user and jobs.auth.pass.",
            ),
            ('jobs.auth.user = ""\n' + PASS, "jobs.auth.user: the user name is empty."),
            ('jobs.auth.pass = ""\n' + USER, "jobs.auth.pass: the password is empty."),
            (
                f'jobs.auth.user = "me:{SECRET}"\n',
                ("jobs.auth.user: the user name contains a colon, which separates it from the password.\n"
                "Set the password in jobs.auth.pass."),
            ),
            (
                f'jobs.auth.pass = "{HASH[:-1]}"\n' + USER,
                ("jobs.auth.pass: this is a damaged hash of `jobtui hash-password`: "
                "it was cut off or changed."),
            ),
            (
                'jobs.auth.pass = "$2b$12$abc"\n' + USER,
                ("jobs.auth.pass: this is probably a hash of another kind.\n"
                "`jobtui hash-password` prints the hash to use."),
            ),
            (
                f'jobs.auth.pass = "{"x" * 1025}"\n' + USER,
                "jobs.auth.pass: the password has more than 1024 characters.",
            ),
            (
                PASS + USER + "jobs.auth.sha256 = true\n",
                ("jobs.auth.pass: a SHA-256 has 64 hexadecimal digits.\n"
                "The value is read as a SHA-256 because of jobs.auth.sha256 = true."),
            ),
            (
                f'jobs.auth.pass = "{HASH}"\n{USER}jobs.auth.sha256 = true\n',
                ("jobs.auth.pass: this is a hash of `jobtui hash-password`, not a SHA-256.\n"
                "The value is read as a SHA-256 because of jobs.auth.sha256 = true."),
            ),
            (
                f'jobs.auth.sha256 = "{SECRET}"\n' + BOTH,
                ("jobs.auth.sha256 must be true or false.\n"
                "Set the user name in jobs.auth.user, the password or its hash in jobs.auth.pass."),
            ),
            (
                f'jobs.auth = "me:{SECRET}"\n',
                ("jobs.auth must be true or false.\n"
                "Set the user name in jobs.auth.user, the password or its hash in jobs.auth.pass."),
            ),
            (
                "jobs.auth = true\n",
                ("jobs.auth requires jobs.auth.user and jobs.auth.pass.\n"
                "`jobtui hash-password` prints the value of jobs.auth.pass. "
                "In TOML, the two replace jobs.auth = true."),
            ),
        ],
    )  # fmt: skip
    def test_wrong_credentials_are_rejected_without_showing_the_password(
        self, error_for: ErrorFor, name: str, content: str, expected: str
    ) -> None:
        """File, line, key, what is wrong and what to do."""
        assert error_for(name, "\n" + content) == f"{name}, line 2: {expected}"

    @pytest.mark.parametrize("key", ["jobs.auth.user", "jobs.auth.pass"])
    @pytest.mark.parametrize("value", ["12345678", "true", "['hunter22-']", "2026-01-01"])
    def test_credentials_that_are_not_strings_are_rejected_without_being_shown(
        self, error_for: ErrorFor, key: str, value: str
    ) -> None:
        """A number without quotes may be the password."""
        message = error_for("jobtui.toml", f"{key} = {value}\n")
        assert message == f"jobtui.toml, line 1: {key} must be a string in quotes."

    def test_auth_and_auth_user_in_toml_are_rejected_with_the_line_to_remove(
        self, error_for: ErrorFor
    ) -> None:
        """As in an app.conf whose strings were quoted."""
        message = error_for("jobtui.toml", "jobs.auth = true\n" + BOTH)
        assert message.endswith(
            "line 2: the key 'jobs.auth.user' cannot be set, because line 1 sets 'jobs.auth'.\n"
            "TOML does not allow jobs.auth = true together with jobs.auth.user: remove jobs.auth."
        )
        other = error_for("jobtui.toml", "jobs.pool = 1\njobs.pool = 2\n")
        assert "jobs.auth" not in other

    def test_a_quoted_auth_key_is_allowed_with_auth_user(self, read: Read) -> None:
        """To TOML it is another key."""
        assert accepts(read("jobtui.toml", '"jobs.auth" = true\n' + BOTH))
        assert read("jobtui.toml", '"jobs.auth" = false\n' + BOTH).access.credentials is None

    def test_a_password_continued_by_an_indented_line_is_explained(self, error_for: ErrorFor) -> None:
        """The indentation is probably a mistake."""
        message = error_for(
            "app.conf", f"[dev]\njobs.auth.user = me\njobs.auth.pass = {SECRET}\n  watch = true\n"
        )
        assert message == (
            "app.conf, line 3: jobs.auth.pass must be on one line.\n"
            "An indented line continues the value above it."
        )
        message = error_for("app.conf", f"[dev]\njobs.auth.user = me\n  watch = {SECRET}\n")
        assert message.startswith("app.conf, line 2: jobs.auth.user: the user name contains line breaks ")

    @pytest.mark.parametrize("password", ["%(hunter22-)s", "${hunter22-}"])
    @pytest.mark.parametrize("key", ["jobs.auth.pass", "jobs.auth.pas", "Jobs.Auth.Pass"])
    def test_a_password_that_resembles_a_reference_is_not_shown(
        self, error_for: ErrorFor, key: str, password: str
    ) -> None:
        """Not even if the key is misspelt."""
        assert error_for("app.conf", f"{key} = {password}\n") == (
            "app.conf, line 1: "
            "a reference to a key, %(...)s, or to an environment variable, ${...}, cannot be resolved.\n"
            "A password that contains such characters must be hashed: `jobtui hash-password`."
        )

    def test_a_password_may_come_from_an_environment_variable(
        self, read: Read, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In a .conf file."""
        monkeypatch.setenv("JOBTUI_TEST_PASS", SECRET)
        assert accepts(read("app.conf", "jobs.auth.user = me\njobs.auth.pass = ${JOBTUI_TEST_PASS}\n"))

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
    def test_invalid_toml_does_not_show_the_password(self, error_for: ErrorFor, content: str) -> None:
        """The fixture searches for it in the whole message and traceback."""
        assert error_for("jobtui.toml", content)


class TestAllow:
    """`jobs.allow`."""

    NETWORKS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("192.168.1.7"))

    def test_networks_in_toml_are_an_array(self, read: Read) -> None:
        """Networks and single addresses, of both versions."""
        line = 'jobs.allow = ["10.0.0.0/8", "fd00::/8", "192.168.1.7"]\n'
        assert read("jobtui.toml", line + BOTH).access.allow == self.NETWORKS
        assert read("jobtui.toml", "jobs.allow = []\n").access == AccessRules()

    @pytest.mark.parametrize(
        "text", ["10.0.0.0/8, fd00::/8,192.168.1.7", '"10.0.0.0/8,fd00::/8 , 192.168.1.7"']
    )
    def test_networks_in_conf_are_separated_by_commas(self, read: Read, text: str) -> None:
        """Spaces and one pair of quotes are ignored."""
        assert read("app.conf", f"jobs.allow = {text}\n{BOTH}").access.allow == self.NETWORKS

    def test_networks_require_credentials(self, error_for: ErrorFor) -> None:
        """An address does not prove who the client is."""
        requires = "jobs.allow lets other machines connect, so it requires jobs.auth.user and jobs.auth.pass."
        assert error_for("jobtui.toml", 'jobs.allow = ["10.0.0.0/8"]\n') == f"jobtui.toml, line 1: {requires}"
        assert error_for("app.conf", f"jobs.auth = no\n{BOTH}jobs.allow = 10.0.0.0/8\n") == (
            f"app.conf, line 4: {requires}\njobs.auth = false ignores them."
        )

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
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
                " must be an array of networks, such as [\"10.0.0.0/8\"], not the string '10.0.0.0/8'.",
            ),
            (
                "jobtui.toml",
                "[167772160]",
                (
                    ' must be an array of networks, such as ["10.0.0.0/8"], not an array.\n'
                    "Write each network in quotes."
                ),
            ),
        ],
    )
    def test_a_wrong_network_is_rejected_with_the_right_one(
        self, error_for: ErrorFor, name: str, value: str, expected: str
    ) -> None:
        """If it can be guessed."""
        assert error_for(name, f"{BOTH}jobs.allow = {value}\n") == f"{name}, line 3: jobs.allow{expected}"


@pytest.mark.skipif(os.name != "posix", reason="Windows has other permissions")
class TestFilePermissions:
    """A warning about a password that other users of the machine can read."""

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("jobtui.toml", BOTH),
            ("jobtui.toml", f'jobs.pool = 1\n[prod]\njobs.auth.user = "me"\njobs.auth.pass = "{SECRET}"\n'),
            ("pyproject.toml", f'[tool.jobtui]\njobs.auth.user = "me"\njobs.auth.pass = "{SECRET}"\n'),
            ("app.conf", f"jobs.auth.user = me\njobs.auth.pass = {SECRET}\n"),
            ("app.conf", f"jobs.pool = 1\n[prod]\njobs.auth.user = me\njobs.auth.pass = {SECRET}\n"),
            (
                "app.conf",
                f"jobs.auth.sha256 = true\njobs.auth.user = me\njobs.auth.pass = {SHA256}\n",
            ),
        ],
    )
    def test_a_password_that_others_can_read_gets_a_warning(
        self, tmp_path: Path, name: str, content: str, mode: int
    ) -> None:
        """Whether it is that of this run mode or of another one. The warning does not repeat it."""
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        path.chmod(mode)
        (warning,) = read_settings(path).warnings
        assert warning.startswith(f"{path}: other users of this machine can read jobs.auth.pass;")
        assert f"chmod 600 {name}" in warning
        assert SECRET not in warning

    @pytest.mark.parametrize(
        ("content", "mode"),
        [
            (BOTH, 0o600),
            (BOTH, 0o400),
            (f'{USER}jobs.auth.pass = "{HASH}"\n', 0o644),
            ("jobs.pool = 2\n", 0o644),
        ],
    )
    def test_a_file_without_a_password_for_others_gets_no_warning(
        self, tmp_path: Path, content: str, mode: int
    ) -> None:
        """A hash of `jobtui hash-password` may be read by others."""
        path = tmp_path / "jobtui.toml"
        path.write_text(content, encoding="utf-8")
        path.chmod(mode)
        assert read_settings(path).warnings == ()

    def test_a_password_in_an_environment_variable_gets_no_warning(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file has only the variable's name."""
        monkeypatch.setenv("JOBS_PASSWORD", SECRET)
        path = tmp_path / "app.conf"
        path.write_text("jobs.auth.user = me\njobs.auth.pass = ${JOBS_PASSWORD}\n", encoding="utf-8")
        path.chmod(0o644)
        assert read_settings(path).warnings == ()


class TestProbes:
    """`jobs.probes`."""

    def test_probes_are_read_in_both_formats(self, read: Read) -> None:
        """Networks are written as in `jobs.allow`."""
        toml = read("jobtui.toml", BOTH + 'jobs.probes = ["10.0.0.0/8", "::1"]\n').access
        conf = read("app.conf", BOTH + "jobs.probes = 10.0.0.0/8, ::1\n").access
        assert toml.probes == conf.probes == (ip_network("10.0.0.0/8"), ip_network("::1"))

    def test_probes_require_credentials(self, error_for: ErrorFor) -> None:
        """Without them, other machines must not connect at all."""
        assert error_for("jobtui.toml", 'jobs.probes = ["10.0.0.0/8"]\n') == (
            "jobtui.toml, line 1: jobs.probes lets other machines connect, so it requires "
            "jobs.auth.user and jobs.auth.pass."
        )

    def test_a_probe_that_is_not_a_network_is_an_error(self, error_for: ErrorFor) -> None:
        """The message is that of `jobs.allow`."""
        message = error_for("jobtui.toml", BOTH + 'jobs.probes = ["10."]\n')
        assert message.startswith("jobtui.toml, line 3: jobs.probes: '10.' is not a network")
        assert message.endswith("Did you mean 10.0.0.0/8?")


class TestClientBytes:
    """`jobs.clients.bytes`."""

    @both_formats
    def test_the_memory_of_clients_is_read_and_bounded(
        self, read: Read, error_for: ErrorFor, name: str
    ) -> None:
        """It is one of the rules for clients."""
        assert read(name, "jobs.clients.bytes = 2000000\n").access.client_bytes == 2_000_000
        assert read(name, "").access.client_bytes == CLIENT_BYTES
        assert error_for(name, "jobs.clients.bytes = 10\n") == (
            f"{name}, line 1: jobs.clients.bytes must be a number of bytes "
            "from 1000000 to 1000000000, not 10."
        )


class TestProxies:
    """`jobs.url` and `jobs.proxies`."""

    def test_a_url_and_proxies_are_read_in_both_formats(self, read: Read) -> None:
        """Networks are written as in `jobs.allow`."""
        toml = BOTH + 'jobs.url = "https://ops.example/team/@jobs"\njobs.proxies = ["172.18.0.0/16"]\n'
        conf = BOTH + "jobs.url = https://ops.example/team/@jobs\njobs.proxies = 172.18.0.0/16\n"
        access = read("jobtui.toml", toml).access
        assert (str(access.url), access.proxies) == (
            "https://ops.example/team/@jobs",
            (ip_network("172.18.0.0/16"),),
        )
        assert read("app.conf", conf).access.url == access.url
        assert read("app.conf", conf).access.proxies == access.proxies

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("4", 'must be a URL in quotes, such as "https://jobs.example.org/@jobs", not 4.'),
            ('"ops.example"', "Did you mean https://ops.example?"),
            (f'"https://me:{SECRET}@ops.example"', "the URL must not contain a user name or a password."),
        ],
    )
    def test_a_wrong_url_is_an_error_with_the_line_and_what_is_allowed(
        self, error_for: ErrorFor, value: str, expected: str
    ) -> None:
        """It never shows a password."""
        message = error_for("jobtui.toml", f"jobs.pool = 1\njobs.url = {value}\n")
        assert message.startswith("jobtui.toml, line 2: jobs.url")
        assert expected in message

    def test_proxies_require_credentials(self, error_for: ErrorFor) -> None:
        """They are other machines that may connect."""
        assert error_for("jobtui.toml", 'jobs.proxies = ["172.18.0.3"]\n') == (
            "jobtui.toml, line 1: jobs.proxies lets other machines connect, so it requires "
            "jobs.auth.user and jobs.auth.pass."
        )


class TestSections:
    """Credentials in two places of a file."""

    @pytest.mark.parametrize(
        "content",
        [
            f"{USER}[dev.jobs.auth]\npass = '{SECRET}'\n[prod.jobs.auth]\npass = 'other'\n",
            f"{PASS}[dev.jobs.auth]\nuser = 'me'\n",
        ],
    )
    def test_user_and_password_may_be_at_the_top_and_in_a_section(self, read: Read, content: str) -> None:
        """Only the settings that apply together must be complete."""
        assert accepts(read("jobtui.toml", content))

    def test_credentials_must_be_complete_without_the_section_of_a_run_mode(
        self, error_for: ErrorFor
    ) -> None:
        content = f"{USER}[prod.jobs.auth]\npass = '{SECRET}'\n"
        message = "jobtui.toml, line 1: jobs.auth.user requires jobs.auth.pass."
        assert error_for("jobtui.toml", content) == message
        assert error_for("jobtui.toml", content, "DEFAULT") == message

    @pytest.mark.parametrize(
        "section",
        ["listen = '0.0.0.0:9001'", "allow = ['10.0.0.0/8']", "auth.user = 'me'", "auth.pass = '$scrypt$'"],
    )
    def test_in_toml_the_access_settings_of_every_section_are_checked(
        self, error_for: ErrorFor, section: str
    ) -> None:
        """A mistake in [prod] is found during development."""
        assert error_for("jobtui.toml", f"[prod.jobs]\n{section}\n").startswith("jobtui.toml, line 2: jobs.")

    def test_in_conf_only_the_access_settings_that_apply_are_checked(
        self, read: Read, error_for: ErrorFor
    ) -> None:
        """Other sections may need environment variables of another machine."""
        content = "[dev]\n[prod]\njobs.listen = 0.0.0.0:9001\n"
        assert read("app.conf", content) == Settings()
        assert error_for("app.conf", content, "prod").startswith("app.conf, line 3: jobs.listen")


class TestEqualityAndRepr:
    """Equality and repr of settings."""

    def test_access_settings_of_both_formats_are_equal(self, read: Read) -> None:
        """A line of app.conf is a line of TOML once its string is quoted."""
        lines = f'jobs.listen = "0.0.0.0:9001"\njobs.readonly = true\njobs.acceptproxyaddress = true\n{BOTH}'
        assert read("a.toml", lines + 'jobs.allow = ["10.0.0.0/8"]\n') == read(
            "a.conf", lines + "jobs.allow = 10.0.0.0/8\n"
        )

    @pytest.mark.parametrize("password", [SECRET, HASH])
    def test_settings_with_equal_credentials_are_equal(self, read: Read, password: str) -> None:
        """The salt of a plain password does not matter."""
        content = f'{USER}jobs.auth.pass = "{password}"\n'
        assert read("a.toml", content) == read("b.toml", content)
        assert read("a.toml", content) != read("b.toml", content.replace(password, "other"))
        assert read("a.toml", content) != read("b.toml", content.replace('"me"', '"you"'))

    @pytest.mark.parametrize("password", [SECRET, HASH])
    def test_the_repr_of_settings_shows_neither_password_nor_hash(self, read: Read, password: str) -> None:
        """Of settings, access rules and credentials."""
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
    def test_readonly_is_false_by_default(self, read: Read, name: str) -> None:
        """Only `true` makes the page read-only."""
        assert read(name, "jobs.readonly = true\n").access == AccessRules(readonly=True)
        assert read(name, "jobs.readonly = false\n").access == AccessRules()
