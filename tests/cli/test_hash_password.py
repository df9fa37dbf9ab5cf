"""``jobtui hash-password``: with standard input from a pipe, and with a terminal."""

import os
import pty
import re
import select
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, suppress
from getpass import GetPassWarning

import pytest
from support.command_line import LIMIT

from jobtui.access.passwords import read_password
from jobtui.cli import hash_password
from jobtui.cli.main import main

COMMAND = [sys.executable, "-m", "jobtui", "hash-password"]
SECRET = "hunter22 \u00e5"


def hash_from_pipe(data: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run the command with these bytes on standard input."""
    return subprocess.run(COMMAND, input=data, capture_output=True, timeout=LIMIT, check=False)


class TestPipe:
    """Standard input is not a terminal."""

    @pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nanother line\n"])
    def test_the_first_line_is_hashed_without_its_line_ending(self, end: str) -> None:
        """Standard output has the hash and nothing else, so that it can be piped."""
        done = hash_from_pipe(SECRET.encode() + end.encode())
        assert (done.returncode, done.stderr) == (0, b"")
        output = done.stdout.decode()
        assert re.fullmatch(r"\$scrypt\$[^\s]+\n", output)
        assert read_password(output.strip()).matches(SECRET)

    def test_spaces_are_part_of_the_password(self) -> None:
        """As in a browser's prompt, where the user will type it."""
        assert read_password(hash_from_pipe(b" x \n").stdout.decode().strip()).matches(" x ")

    @pytest.mark.parametrize(
        ("data", "message"),
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
    def test_a_password_that_is_not_allowed_is_rejected_without_repeating_it(
        self, data: bytes, message: str
    ) -> None:
        """One line on standard error, nothing on standard output, and status 2."""
        done = hash_from_pipe(data)
        assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"jobtui: {message}\n")

    def test_closed_standard_input_is_an_error(self) -> None:
        """The exit status is 2."""
        done = subprocess.run(
            ["sh", "-c", f"{' '.join(COMMAND)} <&-"], capture_output=True, timeout=LIMIT, check=False
        )
        assert (done.returncode, done.stdout) == (2, b"")

    def test_a_password_in_the_arguments_is_rejected_without_repeating_it(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Other users of the machine can read the arguments of a process."""
        assert main(["hash-password", SECRET]) == 2
        assert capsys.readouterr() == (
            "",
            (
                "jobtui: the password is read from the prompt or standard input, not from an argument\n"
                "Try  jobtui hash-password --help\n"
            ),
        )


class TerminalSession:
    """The command in a terminal of its own; its standard output is a pipe.

    Attributes:
        process: The process of the command.
        screen: What the terminal has shown since the last prompt that was answered.
    """

    def __init__(self) -> None:
        self.screen = ""
        self._ours, theirs = pty.openpty()
        # Ctrl+C signals the session whose leader was the first to open the terminal.
        open_it = "import os, sys; os.open(os.ttyname(0), os.O_RDWR); os.execv(sys.argv[1], sys.argv[1:])"
        self.process = subprocess.Popen(
            [sys.executable, "-c", open_it, *COMMAND],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def answer(self, prompt: str, keys: str) -> None:
        """Wait for a prompt, then type keys."""
        while prompt not in self.screen:
            assert select.select([self._ours], [], [], LIMIT)[0], self.screen
            self.screen += os.read(self._ours, 1000).decode()
        self.screen = self.screen.partition(prompt)[2]
        os.write(self._ours, keys.encode())

    def wait(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit status, standard output, and the screen after the last prompt."""
        out, _ = self.process.communicate(timeout=LIMIT)
        with suppress(OSError):  # Linux raises it when the other end is closed
            while select.select([self._ours], [], [], 0)[0]:
                self.screen += os.read(self._ours, 1000).decode()
        return self.process.returncode, out.decode(), self.screen

    def close(self) -> None:
        """Close the terminal and kill the command."""
        os.close(self._ours)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def session() -> Iterator[TerminalSession]:
    """Return the command in a terminal; it is killed after the test."""
    with closing(TerminalSession()) as session:
        yield session


class TestTerminal:
    """Standard input is a terminal."""

    def test_the_password_is_asked_for_twice_and_not_shown(self, session: TerminalSession) -> None:
        """The hash is on standard output; the screen has only a hint for the settings."""
        session.answer("Password: ", SECRET + "\n")
        session.answer("Repeat the password: ", SECRET + "\n")
        status, out, screen = session.wait()
        assert status == 0
        assert read_password(out.strip()).matches(SECRET)
        assert re.sub(r"\s+", " ", screen) == (
            ' Put it into the settings as jobs.auth.pass = "..." together with jobs.auth.user. '
        )

    def test_two_different_passwords_are_rejected(self, session: TerminalSession) -> None:
        """One of them has a typing error."""
        session.answer("Password: ", SECRET + "\n")
        session.answer("Repeat the password: ", "hunter23\n")
        assert session.wait() == (2, "", "\r\njobtui: the two passwords differ\r\n")

    @pytest.mark.parametrize(
        ("keys", "message"),
        [("\n", "the password is empty"), ("\x04", "no password was entered")],
    )
    def test_an_empty_password_is_rejected_without_a_second_prompt(
        self, session: TerminalSession, keys: str, message: str
    ) -> None:
        """Enter alone, and Ctrl+D."""
        session.answer("Password: ", keys)
        status, out, screen = session.wait()
        assert (status, out, screen.strip()) == (2, "", f"jobtui: {message}")

    @pytest.mark.parametrize("prompts", [["Password: "], ["Password: ", "Repeat the password: "]])
    def test_ctrl_c_at_a_prompt_ends_the_command_with_130(
        self, session: TerminalSession, prompts: list[str]
    ) -> None:
        """Without a traceback."""
        for prompt in prompts[:-1]:
            session.answer(prompt, SECRET + "\n")
        session.answer(prompts[-1], "\x03")
        status, out, screen = session.wait()
        assert (status, out) == (130, "")
        assert "Traceback" not in screen

    def test_a_terminal_that_would_show_the_password_is_rejected(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The message suggests a pipe, and getpass is not allowed to continue."""

        def getpass(_prompt: str) -> str:
            warnings.warn("Can not control echo on the terminal.", GetPassWarning, stacklevel=2)
            raise AssertionError("the password would be read and shown")

        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        monkeypatch.setattr(hash_password, "getpass", getpass)
        assert main(["hash-password"]) == 2
        assert capsys.readouterr() == (
            "",
            "jobtui: this terminal would show the password; pipe it to standard input instead\n",
        )
