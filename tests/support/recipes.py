"""Copy a recipe of the documentation, start its programs, and talk to them as a user does."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from queue import Empty
from types import TracebackType
from typing import Self
from urllib.error import HTTPError

import pytest

from support.command_line import LIMIT
from support.doc_pages import ROOT
from support.headless_process import PipeLines

RECIPES = ROOT / "docs" / "recipes"
REQUIRED = os.environ.get("JOBTUI_RECIPES") == "required"
_PYTHON = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip a test where a program is not installed; with JOBTUI_RECIPES=required let it fail there."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(
        bool(missing) and not REQUIRED,
        reason=f"not installed: {', '.join(missing)} (an error with JOBTUI_RECIPES=required)",
    )


def copy_recipe(name: str, folder: Path) -> Path:
    """Copy the files of a recipe into a folder, and return the copy."""
    ignored = shutil.ignore_patterns("__pycache__", "*.db*", "*.sqlite3", "backups")
    return shutil.copytree(RECIPES / name, folder / name, ignore=ignored)


def link_jobtui(folder: Path) -> None:
    """Make a program ``jobtui`` in a folder, which runs this checkout, as pip does."""
    folder.mkdir(parents=True)
    program = folder / "jobtui"
    program.write_text(f"#!{sys.executable}\nfrom jobtui.cli.main import main\nraise SystemExit(main())\n")
    program.chmod(0o755)


def replace_in(path: Path, *pairs: tuple[str, str]) -> None:
    """Replace texts in a file, each of which it must have."""
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text, f"{path.name} has no {old!r}"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def get(url: str, *, login: str = "", data: bytes | None = None) -> tuple[int, str]:
    """Request a URL, or post data to it. Return the status and the body.

    Args:
        url: The URL.
        login: User name and password, with a colon between them; "" for none.
        data: The data.
    """
    request = urllib.request.Request(url, data=data)
    if login:
        request.add_header("Authorization", f"Basic {b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Program:
    """A program, and what it prints line by line; it is killed with its children at the end of the block.

    Args:
        *command: The program and its arguments.
        folder: Its current folder, where it also has its home.
        **environment: Additional environment variables.

    Attributes:
        output: Its standard output and its standard error.
    """

    def __init__(self, *command: str, folder: Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"HOME": str(folder), **_PYTHON} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.output = PipeLines(self._process.stdout)

    def __enter__(self) -> Self:
        """Return the program, which runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill the program and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(LIMIT)
        self.output.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_for(self, word: str) -> str:
        """Read until a line has a word, and return that line."""
        try:
            return self.output.wait_for(word)
        except Empty:
            pytest.fail(f"no line has {word!r}:\n{self.output.text}")

    def wait_for_url(self) -> str:
        """Read until a line has a URL, and return it without a slash at its end."""
        found = re.search(r"http://[\w.:/@]+", self.wait_for("http://"))
        assert found is not None
        return found[0].rstrip("/")

    def wait_for_process(self, words: str) -> int:
        """Read until a line has some words, and return the process id at its end."""
        return int(self.wait_for(words).split()[-1])

    def wait(self) -> int:
        """Read the output to its end, and return the exit status."""
        self.output.read_all()
        return self._process.wait(LIMIT)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, read the output to its end, and return the exit status."""
        self._process.send_signal(number)
        return self.wait()


def python(*arguments: str, folder: Path, **environment: str) -> Program:
    """Start Python with the interpreter of the tests."""
    return Program(sys.executable, *arguments, folder=folder, **environment)
