"""The screen of a terminal as a person sees it: the text that escape sequences leave in its cells."""

from __future__ import annotations

import re

from rich.cells import cell_len

_TOKEN = re.compile(
    r"\x1b\[(?P<parameters>[0-9;:?<>=]*)[ -/]*(?P<command>[@-~])"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[P_^][^\x1b]*\x1b\\"
    r"|\x1b[ -/]*[0-~]"
    r"|(?P<text>.)",
    re.DOTALL,
)


class TerminalScreen:
    """Understands what the dashboard sends: text, cursor positions, line breaks and a cleared screen.

    Args:
        width: The columns.
        height: The rows.
    """

    def __init__(self, width: int, height: int) -> None:
        self._cells: dict[tuple[int, int], str] = {}
        self.resize(width, height)
        self._x = self._y = 0

    def resize(self, width: int, height: int) -> None:
        """Change the size. What is outside is lost."""
        self._width, self._height = width, height
        self._cells = {(x, y): text for (x, y), text in self._cells.items() if x < width and y < height}

    def feed(self, received: str) -> None:
        """Write what a program sends."""
        for token in _TOKEN.finditer(received):
            if token["command"] is not None:
                self._execute(token["command"], token["parameters"])
            elif token["text"] is not None:
                self._write(token["text"])

    def _execute(self, command: str, parameters: str) -> None:
        if command == "H":
            row, _, column = parameters.partition(";")
            self._x, self._y = int(column or 1) - 1, int(row or 1) - 1
        elif command == "J" or (command == "h" and parameters == "?1049"):
            self._cells.clear()

    def _write(self, text: str) -> None:
        if text == "\n":
            self._x, self._y = 0, self._y + 1
        elif text == "\r":
            self._x = 0
        elif text.isprintable():
            if self._x < self._width and self._y < self._height:
                self._cells[self._x, self._y] = text
                if cell_len(text) == 2:
                    self._cells[self._x + 1, self._y] = ""
            self._x += cell_len(text)

    @property
    def lines(self) -> list[str]:
        """The text of each row, without blanks at its end."""
        return [
            "".join(self._cells.get((x, y), " ") for x in range(self._width)).rstrip()
            for y in range(self._height)
        ]
