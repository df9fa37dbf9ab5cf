"""From what the user typed to a connection: addresses, credentials, and what is said where it fails."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobtui import Scheduler
from jobtui.access.addresses import parse_address
from jobtui.access.passwords import read_password
from jobtui.access.rules import AccessRules
from jobtui.access.rules import Credentials as Login
from jobtui.cli import attach as attaching
from jobtui.cli.attach import CannotAttachError, attach, connect, parse_target
from jobtui.frontend.backend import Backend, LocalBackend
from jobtui.remote.http_client import ServerAddress
from jobtui.web.server import Server

RULES = AccessRules(credentials=Login("ada", read_password("lovelace")))


class Answers:
    """What the user types at the prompts.

    Attributes:
        prompts: What was asked for.
    """

    def __init__(self, *answers: str) -> None:
        self.prompts: list[str] = []
        self._answers = list(answers)

    def ask(self, prompt: str = "") -> str:
        """The next answer; at the end, the end of the input."""
        self.prompts.append(prompt)
        if not self._answers:
            raise EOFError
        return self._answers.pop(0)


class Terminal(io.StringIO):
    """A standard input that is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


Type = Callable[..., Answers]


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Type:
    """Lets a user sit at a terminal and type."""

    def type_in(*answers: str) -> Answers:
        user = Answers(*answers)
        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("builtins.input", user.ask)
        monkeypatch.setattr(attaching, "getpass", user.ask)
        return user

    return type_in


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has put credentials anywhere, and nobody sits at a terminal."""
    monkeypatch.delenv("JOBTUI_USER", raising=False)
    monkeypatch.delenv("JOBTUI_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Serves a scheduler with one job."""
    with ExitStack() as cleanup:
        scheduler = cleanup.enter_context(Scheduler(tz="UTC"))
        scheduler.schedule("@yearly", print, name="a")

        def serve(address: str = "127.0.0.1:0", access: AccessRules | None = None) -> Server:
            source = LocalBackend(scheduler, "jobs.py")
            return cleanup.enter_context(Server(source, parse_address(address), access=access))

        yield serve


def show(source: Backend) -> int:
    """Look at it, and leave with a status of one's own."""
    return 40 + len(source.snapshot().jobs)


# --- what can be typed ----------------------------------------------------------------------------


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
def test_addresses(text: str, origin: str) -> None:
    """With or without the scheme and the page's path."""
    assert parse_target(text) == (ServerAddress(origin=origin), "", "")


def test_a_socket() -> None:
    """As ``--listen`` takes it."""
    target, _, _ = parse_target("unix:/run/my jobs.sock")
    assert target.socket == Path("/run/my jobs.sock")
    assert str(target) == "unix:/run/my jobs.sock"


def test_credentials_in_the_url() -> None:
    """Whatever a password is made of, it can be written there."""
    assert parse_target("https://ada:p%40ss%3A%20w%C3%B6rd@host")[1:] == ("ada", "p@ss: wörd")
    assert parse_target("http://ada@127.0.0.1:9001")[1:] == ("ada", "")


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
        ("http://127.0.0.1:9001/jobs", "only the path /@jobs is allowed after the address"),
        ("http://127.0.0.1:9001/@jobs?x=1", "only the path /@jobs is allowed after the address"),
        ("http://127.0.0.1:9001/#x", "only the path /@jobs is allowed after the address"),
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
def test_a_bad_address_is_rejected_in_one_line_that_does_not_repeat_the_password(
    text: str, words: str
) -> None:
    """The message suggests what may have been meant."""
    with pytest.raises(CannotAttachError) as caught:
        attach(text, show)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert "secret" not in message
    assert caught.value.status == 2


# --- connecting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["port", "socket"])
def test_it_is_shown_and_left(serve: Callable[..., Server], tmp_path: Path, kind: str) -> None:
    """The status is that of who shows it; afterwards nothing is left of the connection."""
    server = serve("127.0.0.1:0" if kind == "port" else f"unix:{tmp_path / 's'}")
    assert attach(str(server.address), show) == 41
    assert not [thread for thread in threading.enumerate() if thread.name == "jobtui-remote"]


def test_the_connection_ends_with_an_error_too(serve: Callable[..., Server]) -> None:
    """Whatever happens to the screen."""

    def fail(_source: Backend) -> int:
        raise KeyError

    address = str(serve().address)
    with pytest.raises(KeyError):
        attach(address, fail)
    assert not [thread for thread in threading.enumerate() if thread.name == "jobtui-remote"]


def test_nothing_listens(serve: Callable[..., Server], tmp_path: Path) -> None:
    """Neither at a port nor at a socket."""
    with Server(LocalBackend(Scheduler(), "x"), parse_address("127.0.0.1:0")) as server:
        address = str(server.address)
    with pytest.raises(CannotAttachError, match=rf"^nothing listens at {address} \(connection refused\)$"):
        connect(address)
    with pytest.raises(CannotAttachError, match=r"^nothing listens at unix:.*/s \(no such file"):
        connect(f"unix:{tmp_path / 's'}")
    (tmp_path / "s").touch()
    with pytest.raises(CannotAttachError, match=r"^nothing listens at unix:.*/s \(connection refused"):
        connect(f"unix:{tmp_path / 's'}")


def test_a_host_that_does_not_exist() -> None:
    """It is named."""
    with pytest.raises(CannotAttachError, match=r"unknown host 'no\.such\.host\.invalid'"):
        connect("http://no.such.host.invalid:9001")


def test_https_where_there_is_none(serve: Callable[..., Server]) -> None:
    """The scheme was wrong, and that is said."""
    address = str(serve().address).replace("http:", "https:")
    with pytest.raises(CannotAttachError, match="does not speak https"):
        connect(address)


# --- who is asking --------------------------------------------------------------------------------


def test_credentials_from_the_url(serve: Callable[..., Server]) -> None:
    """They are used, and never shown."""
    url = str(serve(access=RULES).address).replace("//", "//ada:lovelace@")
    source = connect(url)
    assert "lovelace" not in source.address
    source.close()


def test_credentials_from_the_environment(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the URL has none; one part may come from here and the other from there."""
    address = str(serve(access=RULES).address)
    monkeypatch.setenv("JOBTUI_PASSWORD", "lovelace")
    connect(address.replace("//", "//ada@")).close()
    monkeypatch.setenv("JOBTUI_USER", "ada")
    connect(address).close()
    monkeypatch.setenv("JOBTUI_USER", "charles")
    connect(address.replace("//", "//ada:lovelace@")).close()
    with pytest.raises(CannotAttachError, match="wrong user or password"):
        connect(address)


def test_the_user_is_asked(
    serve: Callable[..., Server], type_in: Type, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only where the server wants to know, and until it is right."""
    user = type_in()
    connect(str(serve().address)).close()
    assert user.prompts == []
    user = type_in("charles", "babbage", "ada", "lovelace")
    address = str(serve(access=RULES).address)
    connect(address).close()
    assert user.prompts == ["user: ", "password: "] * 2
    assert capsys.readouterr().err.splitlines() == [
        f"jobtui: {address} requires a user name and a password",
        "jobtui: wrong user or password",
    ]


def test_a_user_in_the_url_is_not_asked_for(serve: Callable[..., Server], type_in: Type) -> None:
    """Only the password is."""
    user = type_in("lovelace")
    connect(str(serve(access=RULES).address).replace("//", "//ada@")).close()
    assert user.prompts == ["password: "]


def test_three_attempts(serve: Callable[..., Server], type_in: Type) -> None:
    """Then it is enough, long before the server locks the machine out."""
    user = type_in(*("ada", "guess") * 5)
    with pytest.raises(CannotAttachError, match=r"^wrong user or password$"):
        connect(str(serve(access=RULES).address))
    assert len(user.prompts) == 6


def test_no_answer(serve: Callable[..., Server], type_in: Type) -> None:
    """Who has nothing to say at the prompt stays outside."""
    type_in("ada")
    with pytest.raises(CannotAttachError, match=r"^this server requires a user name and a password$"):
        connect(str(serve(access=RULES).address))


def test_nobody_to_ask(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal it is said where the credentials belong, also where standard input is closed."""
    address = str(serve(access=RULES).address)
    for stdin in (io.StringIO("ada\nlovelace\n"), None):
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(CannotAttachError, match="set JOBTUI_USER and JOBTUI_PASSWORD"):
            connect(address)


def test_too_many_attempts(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own words say that one has to wait."""
    address = str(serve(access=RULES).address)
    for _ in range(5):
        with pytest.raises(CannotAttachError, match="wrong user or password"):
            connect(address.replace("//", "//ada:guess@"))
    with pytest.raises(
        CannotAttachError, match="refuses the connection: too many wrong passwords; wait a minute"
    ):
        connect(address.replace("//", "//ada:lovelace@"))
