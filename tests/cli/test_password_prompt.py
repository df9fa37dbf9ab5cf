"""``jobtui hash-password``: asked for in a terminal, or read from standard input."""

import os
import pty
import re
import select
import subprocess
import sys
import warnings
from collections.abc import Iterator
from getpass import GetPassWarning

import pytest

from jobtui.access.passwords import read_password
from jobtui.cli import hash_password
from jobtui.cli.main import main

LIMIT = 20.0  # seconds; only a hang takes so long
COMMAND = [sys.executable, "-m", "jobtui", "hash-password"]
SECRET = "hunter22 \u00e5"


def piped(given: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run the command with something on standard input."""
    return subprocess.run(COMMAND, input=given, capture_output=True, timeout=LIMIT, check=False)


class TestPiped:
    """Standard input is no terminal."""

    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nanother line\n"])
    def test_one_line_is_hashed(self, end: str) -> None:
        """The hash alone is on standard output, to be piped on; the line's end is no part of the password."""
        done = piped(SECRET.encode() + end.encode())
        assert (done.returncode, done.stderr) == (0, b"")
        made = done.stdout.decode()
        assert re.fullmatch(r"\$scrypt\$[^\s]+\n", made)
        assert read_password(made.strip()).matches(SECRET)

    def test_spaces_are_part_of_it(self) -> None:
        """As they are where it is typed."""
        assert read_password(piped(b" x \n").stdout.decode().strip()).matches(" x ")

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (b"", "the password is empty"),
            (b"\n", "the password is empty"),
            (b"hunter\xff\n", "the password on standard input is not UTF-8"),
            (
                b"hunter\t\n",
                "the password contains line breaks or other characters that cannot be typed",
            ),
            (b"x" * 100_000, "the password has more than 1024 characters"),
        ],
    )
    def test_what_cannot_be_one(self, given: bytes, said: str) -> None:
        """A line on standard error, which does not repeat it, nothing on standard output, and status 2."""
        done = piped(given)
        assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"jobtui: {said}\n")

    def test_with_standard_input_closed(self) -> None:
        """There is nobody to ask, and nothing to read."""
        done = subprocess.run(
            ["sh", "-c", f"{' '.join(COMMAND)} <&-"], capture_output=True, timeout=LIMIT, check=False
        )
        assert (done.returncode, done.stdout) == (2, b"")

    def test_it_is_no_argument(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Other users of the machine could read it there; it is not repeated."""
        assert main(["hash-password", SECRET]) == 2
        assert capsys.readouterr() == (
            "",
            (
                "jobtui: the password is read from the prompt or standard input, not from an argument\n"
                "Try  jobtui hash-password --help\n"
            ),
        )


class Typist:
    """Somebody at a terminal of their own, with the command in it; its standard output is a pipe."""

    def __init__(self) -> None:
        self.screen = ""
        self._ours, theirs = pty.openpty()
        # The first terminal that the leader of a session opens is the one that Ctrl+C comes from.
        open_it = "import os, sys; os.open(os.ttyname(0), os.O_RDWR); os.execv(sys.argv[1], sys.argv[1:])"
        self.process = subprocess.Popen(
            [sys.executable, "-c", open_it, *COMMAND],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def type(self, prompt: str, keys: str) -> None:
        """Wait for a prompt, and answer."""
        while prompt not in self.screen:
            assert select.select([self._ours], [], [], LIMIT)[0], self.screen
            self.screen += os.read(self._ours, 1000).decode()
        self.screen = self.screen.partition(prompt)[2]
        os.write(self._ours, keys.encode())

    def end(self) -> tuple[int, str, str]:
        """Wait for the end. Returns the exit status, standard output, and what came after the last prompt."""
        out, _ = self.process.communicate(timeout=LIMIT)
        try:
            while select.select([self._ours], [], [], 0)[0]:
                self.screen += os.read(self._ours, 1000).decode()
        except OSError:  # Linux says so where the other end is closed
            pass
        return self.process.returncode, out.decode(), self.screen

    def leave(self) -> None:
        """Close the terminal."""
        os.close(self._ours)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def typist() -> Iterator[Typist]:
    """Give somebody at a terminal."""
    somebody = Typist()
    yield somebody
    somebody.leave()


class TestTyped:
    """Standard input is a terminal."""

    def test_it_is_asked_for_twice_and_not_shown(self, typist: Typist) -> None:
        """The hash is on standard output; the screen has a hint for the settings, and not the password."""
        typist.type("Password: ", SECRET + "\n")
        typist.type("Repeat the password: ", SECRET + "\n")
        status, out, screen = typist.end()
        assert status == 0
        assert read_password(out.strip()).matches(SECRET)
        assert re.sub(r"\s+", " ", screen) == (
            ' Put it into the settings as jobs.auth.pass = "..." together with jobs.auth.user. '
        )

    def test_two_that_differ(self, typist: Typist) -> None:
        """Nobody knows which of them is the right one."""
        typist.type("Password: ", SECRET + "\n")
        typist.type("Repeat the password: ", "hunter23\n")
        assert typist.end() == (2, "", "\r\njobtui: the two passwords differ\r\n")

    @pytest.mark.parametrize(
        ("keys", "said"),
        [("\n", "the password is empty"), ("\x04", "no password was entered")],
    )
    def test_none(self, typist: Typist, keys: str, said: str) -> None:
        """Enter alone, or Ctrl+D: it is not asked for again."""
        typist.type("Password: ", keys)
        status, out, screen = typist.end()
        assert (status, out, screen.strip()) == (2, "", f"jobtui: {said}")

    @pytest.mark.parametrize("prompts", [["Password: "], ["Password: ", "Repeat the password: "]])
    def test_ctrl_c(self, typist: Typist, prompts: list[str]) -> None:
        """Status 130, and no traceback."""
        for prompt in prompts[:-1]:
            typist.type(prompt, SECRET + "\n")
        typist.type(prompts[-1], "\x03")
        status, out, screen = typist.end()
        assert (status, out) == (130, "")
        assert "Traceback" not in screen

    def test_a_terminal_that_would_show_it(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Then it is not asked for at all."""

        def getpass(_prompt: str) -> str:
            warnings.warn("Can not control echo on the terminal.", GetPassWarning, stacklevel=2)
            raise AssertionError("it went on")

        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        monkeypatch.setattr(hash_password, "getpass", getpass)
        assert main(["hash-password"]) == 2
        assert capsys.readouterr() == (
            "",
            "jobtui: this terminal would show the password; pipe it to standard input instead\n",
        )
