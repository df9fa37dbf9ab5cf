"""``jobtui attach``: which URLs it accepts, where it gets the credentials, and what it says if it fails."""

from __future__ import annotations

import io
import shlex
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest
from support.command_line import SetTerminal, run_python

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules
from jobtui.access.rules import Credentials as Login
from jobtui.cli.attach import CannotAttachError, attach, attach_all, connect, parse_url
from jobtui.cli.main import main
from jobtui.cli.parsers import PARSERS
from jobtui.frontend.backend import Backend
from jobtui.frontend.local_backend import LocalBackend
from jobtui.frontend.registry import Entry, Registration
from jobtui.remote.http_client import ServerAddress
from jobtui.tui.display import Display
from jobtui.web.server import Server

RULES = AccessRules(credentials=Login("ada", read_password("lovelace")))


class TypedAnswers:
    """Answers of a user who sits at a terminal.

    Attributes:
        prompts: The prompts that the user has seen.
    """

    def __init__(self, *answers: str) -> None:
        self.prompts: list[str] = []
        self._answers = list(answers)

    def ask(self, prompt: str = "") -> str:
        """Return the next answer; raise EOFError after the last."""
        self.prompts.append(prompt)
        if not self._answers:
            raise EOFError
        return self._answers.pop(0)


class Terminal(io.StringIO):
    """A standard input that is a terminal."""

    def isatty(self) -> bool:
        """Return that it is a terminal."""
        return True


TypeIn = Callable[..., TypedAnswers]
Serve = Callable[..., Server]


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> TypeIn:
    """Return a function that makes standard input a terminal at which these answers are typed."""

    def type_in(*answers: str) -> TypedAnswers:
        user = TypedAnswers(*answers)
        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("builtins.input", user.ask)
        monkeypatch.setattr("jobtui.cli.attach.getpass", user.ask)
        return user

    return type_in


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove credentials from the environment; standard input is empty and not a terminal."""
    monkeypatch.delenv("JOBTUI_USER", raising=False)
    monkeypatch.delenv("JOBTUI_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a server for a scheduler with one job."""
    with ExitStack() as cleanup:
        scheduler = cleanup.enter_context(Scheduler(tz="UTC"))
        scheduler.schedule("@yearly", print, name="a")

        def serve(address: str = "127.0.0.1:0", access: AccessRules | None = None) -> Server:
            backend = LocalBackend(scheduler, "jobs.py")
            return cleanup.enter_context(Server(backend, parse_address(address), access=access))

        yield serve


def count_jobs(backend: Backend) -> int:
    """Stand in for the dashboard; return an exit status that depends on the scheduler's jobs."""
    return 40 + len(backend.snapshot().jobs)


def assert_disconnected() -> None:
    """Assert that the client's thread has ended."""
    assert not [thread for thread in threading.enumerate() if thread.name == "jobtui-remote"]


# --- URLs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("127.0.0.1:9001", "http://127.0.0.1:9001"),
        ("localhost:9001", "http://localhost:9001"),
        ("LOCALHOST:9001/", "http://localhost:9001"),
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001"),
        ("http://127.0.0.1:9001/", "http://127.0.0.1:9001"),
        ("http://127.0.0.1:9001/@jobs", "http://127.0.0.1:9001"),
        ("http://127.0.0.1:9001/@jobs/", "http://127.0.0.1:9001"),
        ("127.0.0.1:9001/@jobs", "http://127.0.0.1:9001"),
        ("[::1]:9001", "http://[::1]:9001"),
        ("HTTP://[::1]:9001/@jobs", "http://[::1]:9001"),
        ("https://jobs.example", "https://jobs.example"),
        ("https://jobs.example:8443/@jobs", "https://jobs.example:8443"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
    ],
)
def test_a_url_may_omit_the_scheme_and_the_path(text: str, origin: str) -> None:
    """The scheme is then http."""
    assert parse_url(text) == (ServerAddress(origin=origin), "", "")


@pytest.mark.parametrize("path", ["/team/a/@jobs", "/jobs"])
def test_a_url_may_have_another_path(path: str) -> None:
    """A proxy or a web application decides at which path the page is."""
    address, _, _ = parse_url(f"https://jobs.example{path}/")
    assert str(address) == f"https://jobs.example{path}"


def test_a_unix_socket_is_written_as_for_listen() -> None:
    """``unix:PATH``, and the path may contain spaces."""
    target, _, _ = parse_url("unix:/run/my jobs.sock")
    assert target.socket == Path("/run/my jobs.sock")
    assert str(target) == "unix:/run/my jobs.sock"


def test_a_url_may_contain_percent_encoded_credentials() -> None:
    """The password may be missing."""
    assert parse_url("https://ada:p%40ss%3A%20w%C3%B6rd@host")[1:] == ("ada", "p@ss: wörd")
    assert parse_url("http://ada@127.0.0.1:9001")[1:] == ("ada", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the URL has no host"),
        ("9001", "did you mean 127.0.0.1:9001?"),
        ("localhost", "did you mean localhost:9001?"),
        (":9001", "the URL has no host"),
        ("http://", "the URL has no host"),
        ("ftp://127.0.0.1", "'ftp' is not http, https or unix"),
        ("127.0.0.1:90010", "the port is not a number from 0 to 65535"),
        ("127.0.0.1:http", "the port is not a number from 0 to 65535"),
        ("http://127.0.0.1:9001/a/../@jobs", "only the path of the status page is allowed"),
        ("http://127.0.0.1:9001/@jobs?x=1", "only the path of the status page is allowed"),
        ("http://127.0.0.1:9001/#x", "only the path of the status page is allowed"),
        ("http://a b:9001", "must not contain spaces, backslashes or control characters"),
        ("http://a\nb:9001", "must not contain spaces, backslashes or control characters"),
        ("http://[::1:9001", "this is not an address"),
        ("http://a<b:9001", "'a<b' is not a host name"),
        ("http://a..b:9001", "invalid host name"),
        ("http://a%3Ab:secret@127.0.0.1:9001", "a user name must not contain a colon"),
        ("http://ada:secret@:9001", "the URL has no host"),
        ("http://ada:secret@127.0.0.1:x", "the port is not a number"),
        ("unix:", "unix: must be followed by the path of a socket"),
        ("unix:/" + "x" * 200, "bytes"),
    ],
)
def test_a_bad_url_is_rejected_in_one_line_that_does_not_repeat_the_password(text: str, words: str) -> None:
    """The exit status is 2."""
    with pytest.raises(CannotAttachError) as caught:
        attach(text, count_jobs)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert "secret" not in message
    assert caught.value.status == 2


# --- connecting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["port", "socket"])
def test_attach_returns_the_status_of_the_dashboard_and_disconnects(
    serve: Serve, tmp_path: Path, kind: str
) -> None:
    """Over TCP and over a Unix socket."""
    server = serve("127.0.0.1:0" if kind == "port" else f"unix:{tmp_path / 's'}")
    assert attach(str(server.address), count_jobs) == 41
    assert_disconnected()


def test_a_path_without_a_status_page_is_rejected_with_the_usual_one(serve: Serve) -> None:
    address = str(serve().address)
    with pytest.raises(CannotAttachError) as caught:
        attach(address.replace("@jobs", "jobs"), count_jobs)
    assert str(caught.value).endswith(f"/jobs; did you mean {address}?")


def test_attach_disconnects_if_the_dashboard_raises(serve: Serve) -> None:
    """The exception is passed on."""

    def fail(_backend: Backend) -> int:
        raise KeyError

    address = str(serve().address)
    with pytest.raises(KeyError):
        attach(address, fail)
    assert_disconnected()


def test_an_address_where_nothing_listens_is_named_in_the_error(tmp_path: Path) -> None:
    """A closed port, a missing socket file, and a file that is not a socket."""
    with Server(LocalBackend(Scheduler(), "x"), parse_address("127.0.0.1:0")) as server:
        address = str(server.address)
    with pytest.raises(CannotAttachError, match=rf"^nothing listens at {address} \(connection refused\)$"):
        connect(address)
    with pytest.raises(CannotAttachError, match=r"^nothing listens at unix:.*/s \(no such file"):
        connect(f"unix:{tmp_path / 's'}")
    (tmp_path / "s").touch()
    with pytest.raises(CannotAttachError, match=r"^nothing listens at unix:.*/s \(connection refused"):
        connect(f"unix:{tmp_path / 's'}")


def test_an_unknown_host_is_named_in_the_error() -> None:
    """The resolver's own message would only give an error number."""
    with pytest.raises(CannotAttachError, match=r"unknown host 'no\.such\.host\.invalid'"):
        connect("http://no.such.host.invalid:9001")


def test_https_to_a_server_that_speaks_only_http_is_an_error_that_says_so(serve: Serve) -> None:
    """The error of the TLS library would not name the cause."""
    address = str(serve().address).replace("http:", "https:")
    with pytest.raises(CannotAttachError, match="does not speak https"):
        connect(address)


# --- credentials ----------------------------------------------------------------------------------


def test_credentials_in_the_url_are_used_and_not_part_of_the_address_that_is_shown(serve: Serve) -> None:
    """The dashboard shows the address in its title."""
    url = str(serve(access=RULES).address).replace("//", "//ada:lovelace@")
    backend = connect(url)
    assert "lovelace" not in backend.address
    backend.close()


def test_credentials_that_the_url_lacks_are_read_from_the_environment(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User name and password each: one may be in the URL and the other in the environment."""
    address = str(serve(access=RULES).address)
    monkeypatch.setenv("JOBTUI_PASSWORD", "lovelace")
    connect(address.replace("//", "//ada@")).close()
    monkeypatch.setenv("JOBTUI_USER", "ada")
    connect(address).close()
    monkeypatch.setenv("JOBTUI_USER", "charles")
    connect(address.replace("//", "//ada:lovelace@")).close()
    with pytest.raises(CannotAttachError, match="wrong user name or password"):
        connect(address)


def test_credentials_are_asked_for_until_the_server_accepts_them(
    serve: Serve, type_in: TypeIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless the server requires none."""
    user = type_in()
    connect(str(serve().address)).close()
    assert user.prompts == []
    user = type_in("charles", "babbage", "ada", "lovelace")
    address = str(serve(access=RULES).address)
    connect(address).close()
    assert user.prompts == ["user: ", "password: "] * 2
    assert capsys.readouterr().err.splitlines() == [
        f"jobtui: {address} requires a user name and a password",
        "jobtui: wrong user name or password",
    ]


def test_a_user_name_in_the_url_is_not_asked_for(serve: Serve, type_in: TypeIn) -> None:
    """Only the password is."""
    user = type_in("lovelace")
    connect(str(serve(access=RULES).address).replace("//", "//ada@")).close()
    assert user.prompts == ["password: "]


def test_credentials_are_asked_for_at_most_three_times(serve: Serve, type_in: TypeIn) -> None:
    """After more of them the server would lock out the machine."""
    user = type_in(*("ada", "guess") * 5)
    with pytest.raises(CannotAttachError, match=r"^wrong user name or password$"):
        connect(str(serve(access=RULES).address))
    assert len(user.prompts) == 6


def test_end_of_input_at_the_prompt_ends_the_attempt(serve: Serve, type_in: TypeIn) -> None:
    """Ctrl+D at the password prompt."""
    type_in("ada")
    with pytest.raises(CannotAttachError, match=r"^the user name or the password was not entered$"):
        connect(str(serve(access=RULES).address))


def test_without_a_terminal_the_error_names_the_environment_variables(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if standard input is closed."""
    address = str(serve(access=RULES).address)
    for stdin in (io.StringIO("ada\nlovelace\n"), None):
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(CannotAttachError, match="set JOBTUI_USER and JOBTUI_PASSWORD"):
            connect(address)


def test_after_too_many_wrong_passwords_the_error_says_to_wait(serve: Serve) -> None:
    """The sentence is the server's."""
    address = str(serve(access=RULES).address)
    for _ in range(5):
        with pytest.raises(CannotAttachError, match="wrong user name or password"):
            connect(address.replace("//", "//ada:guess@"))
    with pytest.raises(
        CannotAttachError, match=r"cannot attach to http://\S+: too many wrong passwords; wait a minute"
    ):
        connect(address.replace("//", "//ada:guess@"))
    connect(address.replace("//", "//ada:lovelace@")).close()


# --- several schedulers ---------------------------------------------------------------------------


def describe(*backends: Backend) -> int:
    """Stand in for the dashboard: print what each tab would show."""
    for backend in backends:
        print(backend.connection_error or f"{len(backend.snapshot().jobs)} job")
    return 0


def free_address() -> str:
    """Return an address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_several_schedulers_are_shown_in_the_order_of_their_addresses(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them are disconnected afterwards."""
    addresses = [str(serve().address) for _ in range(3)]
    shown: list[str] = []

    def show(*backends: Backend) -> int:
        shown.extend(each.address for each in backends)
        return describe(*backends)

    assert attach_all(addresses, show) == 0
    assert shown == addresses
    assert capsys.readouterr().out == "1 job\n" * 3
    assert_disconnected()


def test_a_scheduler_that_cannot_be_shown_does_not_concern_the_others(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tab says why, and tries again: nothing listens, or the password is wrong."""
    guarded = str(serve(access=RULES).address).replace("//", "//ada:guess@")
    assert attach_all([free_address(), str(serve().address), guarded], describe) == 0
    assert capsys.readouterr().out.splitlines() == [
        "no connection (connection refused); trying again",
        "1 job",
        "no connection (wrong user name or password); trying again every 120 s",
    ]
    assert_disconnected()


def test_without_any_connection_the_command_fails_and_says_why_for_each(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dashboard of nothing is of no use."""
    free = free_address()
    guarded = str(serve(access=RULES).address)
    with pytest.raises(CannotAttachError) as caught:
        attach_all([free, guarded.replace("//", "//ada:guess@")], describe)
    assert str(caught.value).splitlines() == [
        "none of 2 schedulers can be shown:",
        f"  nothing listens at http://{free}/@jobs (connection refused)",
        f"  {guarded}: wrong user name or password",
    ]
    assert capsys.readouterr().out == ""
    assert_disconnected()


@pytest.mark.parametrize("second", ["{}", "http://{}", "http://ada:lovelace@{}/@jobs/"])
def test_an_address_given_twice_is_an_error_without_the_password(second: str) -> None:
    """However it is written."""
    with pytest.raises(CannotAttachError) as caught:
        attach_all(["127.0.0.1:9001", "127.0.0.1:9002", second.format("127.0.0.1:9001")], describe)
    assert str(caught.value) == "http://127.0.0.1:9001/@jobs is given twice; name each scheduler once"


def test_a_wrong_address_among_several_is_named_by_its_number() -> None:
    """It may contain a password."""
    with pytest.raises(
        CannotAttachError, match=r"^address 2: the port is missing; did you mean localhost:9001"
    ):
        attach_all(["127.0.0.1:9001", "localhost"], describe)


def test_each_address_has_variables_of_its_own_before_the_common_ones(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user name and the password each."""
    other = AccessRules(credentials=Login("bob", read_password("babbage!")))
    monkeypatch.setenv("JOBTUI_USER", "ada")
    monkeypatch.setenv("JOBTUI_PASSWORD", "lovelace")
    monkeypatch.setenv("JOBTUI_USER_2", "bob")
    monkeypatch.setenv("JOBTUI_PASSWORD_2", "babbage!")
    addresses = [str(serve(access=access).address) for access in (RULES, other, RULES)]
    assert attach_all(addresses, describe) == 0
    assert capsys.readouterr().out == "1 job\n" * 3


def test_the_prompt_for_credentials_names_the_address(
    serve: Serve, type_in: TypeIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the schedulers that require some are asked about, one after the other."""
    user = type_in("ada", "lovelace")
    guarded = str(serve(access=RULES).address)
    assert attach_all([str(serve().address), guarded], describe) == 0
    assert user.prompts == ["user: ", "password: "]
    out, err = capsys.readouterr()
    assert err == f"jobtui: {guarded} requires a user name and a password\n"
    assert out == "1 job\n" * 2


def test_credentials_that_are_not_entered_concern_only_their_own_tab(
    serve: Serve, type_in: TypeIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tab says what the server said."""
    type_in()
    assert attach_all([str(serve().address), str(serve(access=RULES).address)], describe) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 job",
        "no connection (authentication required: user name and password); trying again every 120 s",
    ]


@pytest.fixture
def two_schedulers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register two schedulers of the user."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # schedulers of the user may be registered there
    places = [Registration(tmp_path / "jobtui") for _ in range(2)]
    for number, place in enumerate(places, start=1):
        place.publish(Entry(pid=number, title=f"{number}.py", address=f"http://127.0.0.1:900{number}"))
    yield
    for place in places:
        place.remove()


@pytest.mark.usefixtures("two_schedulers")
def test_without_an_address_the_command_lists_the_schedulers_that_run_here_and_all_in_tabs(
    set_terminal: SetTerminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """If there is more than one."""
    set_terminal(stdin=True, stdout=True)
    assert main(["attach"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "jobtui: 2 schedulers run here; name one:",
        "  jobtui attach http://127.0.0.1:9001   # 1.py, process 1",
        "  jobtui attach http://127.0.0.1:9002   # 2.py, process 2",
        "  jobtui attach http://127.0.0.1:9001 http://127.0.0.1:9002   # all, in tabs",
    ]


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        ("pause leap --for 2h --note 'disk full'", "pause ADDRESS leap --for 2h --note 'disk full'"),
        ("run leap a=5 --wait", "run ADDRESS leap a=5 --wait"),
        ("history --failed -n 2 timeout", "history ADDRESS --failed -n 2 timeout"),
        ("forecast --for 1h --json", "forecast ADDRESS --for 1h --json"),
        ("attach --ascii", "attach ADDRESS --ascii"),
    ],
)
@pytest.mark.usefixtures("two_schedulers")
def test_the_list_of_schedulers_repeats_the_whole_command(
    given: str, listed: str, set_terminal: SetTerminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pasted, each line does what was asked, at one of the schedulers."""
    set_terminal(stdin=True, stdout=True)
    assert main(shlex.split(given)) == 2
    command = capsys.readouterr().err.splitlines()[1].strip().partition("   # ")[0]
    assert command == f"jobtui {listed.replace('ADDRESS', 'http://127.0.0.1:9001')}"
    parsed = PARSERS[given.partition(" ")[0]]().parse(shlex.split(command)[2:])
    assert parsed.address == "http://127.0.0.1:9001"


# --- the command ----------------------------------------------------------------------------------


class FakeConnection:
    """A backend that only records whether it has been closed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.closed = False

    def close(self) -> None:
        """Record that it is closed."""
        self.closed = True


def test_the_command_shows_the_dashboard_of_the_url_and_returns_its_status(
    set_terminal: SetTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is open until the dashboard ends, and closed afterwards."""
    connections: list[FakeConnection] = []
    shown: list[FakeConnection] = []

    def connect(url: str) -> FakeConnection:
        connections.append(FakeConnection(url))
        return connections[-1]

    def run_attached(connection: FakeConnection, *, display: Display) -> int:
        assert not connection.closed
        assert display.ascii == connection.url.startswith("unix")
        shown.append(connection)
        return 5

    app = ModuleType("jobtui.tui.run_app")
    app.run_attached = run_attached  # type: ignore[attr-defined] # a module made by hand
    monkeypatch.setitem(sys.modules, "jobtui.tui.run_app", app)
    monkeypatch.setattr("jobtui.cli.attach.connect", connect)
    set_terminal(stdin=True, stdout=True)
    assert main(["attach", "http://me@127.0.0.1:9001"]) == 5
    assert main(["attach", "unix:/run/x", "--ascii"]) == 5
    assert shown == connections
    assert [connection.url for connection in connections] == ["http://me@127.0.0.1:9001", "unix:/run/x"]
    assert all(connection.closed for connection in connections)


def test_ctrl_c_at_the_password_prompt_ends_the_command_with_130(
    set_terminal: SetTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after Ctrl+C in a shell."""

    def attach(_url: str, _show: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("jobtui.cli.attach.attach", attach)
    set_terminal(stdin=True, stdout=True)
    assert main(["attach", "127.0.0.1:9001"]) == 130


def test_the_command_reports_in_one_line_that_nothing_listens(
    set_terminal: SetTerminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 2."""
    set_terminal(stdin=True, stdout=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert main(["attach", f"127.0.0.1:{port}"]) == 2
    assert capsys.readouterr().err.startswith(f"jobtui: nothing listens at http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("stdin", "stdout", "missing"), [(True, False, "standard output"), (False, True, "standard input")]
)
def test_attach_without_a_terminal_is_rejected(
    set_terminal: SetTerminal, capsys: pytest.CaptureFixture[str], *, stdin: bool, stdout: bool, missing: str
) -> None:
    """On standard input and on standard output."""
    set_terminal(stdin=stdin, stdout=stdout)
    assert main(["attach", "127.0.0.1:9001"]) == 2
    assert capsys.readouterr().err == f"jobtui: the dashboard needs a terminal, but {missing} is not one\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["http://me:hunter22@a"] * 10, "at most 9 addresses are allowed; there are 10"),
        (["127.0.0.1:9001", "--headless"], "unrecognized arguments: --headless"),
    ],
)
def test_a_mistake_in_the_arguments_is_reported_without_the_password(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """One line says what is wrong, another names the help."""
    assert main(["attach", *words]) == 2
    assert capsys.readouterr() == ("", f"jobtui: {message}\nTry  jobtui attach --help\n")


def test_the_help_names_the_environment_variables(capsys: pytest.CaptureFixture[str]) -> None:
    """They are the safe way to give a password to a command."""
    assert main(["attach", "--help"]) == 0
    assert "JOBTUI_USER and JOBTUI_PASSWORD" in capsys.readouterr().out


def test_without_the_web_extra_attach_says_what_to_install() -> None:
    """The client needs aiohttp."""
    done = run_python(
        "-c",
        "import io, sys; sys.modules['aiohttp'] = None\n"
        "sys.stdin = sys.stdout = type('Terminal', (io.StringIO,), {'isatty': lambda self: True})()\n"
        "from jobtui.cli.main import main; sys.exit(main(['attach', '127.0.0.1:9001']))",
    )
    assert done.returncode == 2
    assert done.stderr.startswith("jobtui: jobtui attach needs the extra 'web': pip install 'jobtui[web]'  (")
