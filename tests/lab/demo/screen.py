# SPDX-License-Identifier: Apache-2.0
"""What a person sees: plain lines of at most ``WIDTH`` columns, coloured on a terminal only."""

import os
import shlex
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

WIDTH: Final = 98

BOLD, DIM, RED, GREEN, YELLOW, CYAN = "1", "2", "31", "32", "33", "36"

_INDENT: Final = "   "
_SOURCE_WIDTH: Final = 6
_TIME_WIDTH: Final = 11


class Screen:
    """Where everything is printed, each line at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = stream.isatty() and "NO_COLOR" not in os.environ

    def line(self, text: str = "", style: str = "") -> None:
        """Print one line as it is."""
        print(self._paint(text, style), file=self._stream, flush=True)

    def text(self, words: str, style: str = "") -> None:
        """Print a paragraph."""
        for line in textwrap.wrap(words, WIDTH - len(_INDENT)):
            self.line(_INDENT + line, style)

    def bullet(self, words: str) -> None:
        """Print a paragraph of a list."""
        self._marked("·", words)

    def heading(self, words: str) -> None:
        """Begin a part."""
        self.line()
        self.line(f"── {words} ".ljust(WIDTH, "─"), BOLD)

    def step(self, words: str, took_s: float | None = None) -> None:
        """Tell what has been done, and how long it took."""
        took = "" if took_s is None else f"{took_s:.1f} s"
        self.line(f"{words:<{WIDTH - len(took)}}{took}".rstrip(), BOLD)

    def command(self, words: Sequence[str]) -> None:
        """Show a command that can be copied, over several lines if need be."""
        for line in command_lines(words, WIDTH - len(_INDENT)):
            self.line(_INDENT + line, CYAN)

    def block(self, text: str) -> None:
        """Show what a command printed."""
        for line in text.rstrip().splitlines():
            self.line((_INDENT + line).rstrip(), DIM)

    def event(self, time_ms: float, source: str, words: str, detail: str, style: str) -> None:
        """Show an event of a timeline, its detail on lines of its own."""
        time = f"{time_ms:+,.1f} ms" if time_ms else "0 ms"
        head = f"{_INDENT}{time:>{_TIME_WIDTH}}  {source:<{_SOURCE_WIDTH}}  "
        self.line(head + self._paint(words, style))
        for line in textwrap.wrap(detail, WIDTH - len(head)):
            self.line(" " * len(head) + line)

    def verdict(self, holds: bool, words: str, found: str) -> None:
        """Show whether an expectation was met, and by what."""
        mark = self._paint("✓", GREEN) if holds else self._paint("✗", RED)
        self._marked(mark, f"{words}: {found}")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print columns: the first aligned to the left, all others to the right.

        Cells beyond the headings are remarks: aligned to the left again.
        """
        lines = [list(headings), *map(list, rows)]
        count = len(headings)
        widths = [max(len(line[n]) for line in lines) for n in range(count)]
        for number, line in enumerate(lines):
            first, *others = (
                f"{cell:<{width}}" if n == 0 else f"{cell:>{width}}"
                for n, (cell, width) in enumerate(zip(line[:count], widths, strict=True))
            )
            text = _INDENT + "  ".join([first, *others, *line[count:]])
            if len(text) > WIDTH:
                text = text[: WIDTH - 1].rstrip() + "…"
            self.line(text.rstrip(), "" if number else BOLD)

    def _marked(self, mark: str, words: str) -> None:
        first, *more = textwrap.wrap(words, WIDTH - len(_INDENT) - 2)
        self.line(f"{_INDENT}{mark} {first}")
        for line in more:
            self.line(f"{_INDENT}  {line}")

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if style and text and self._colour else text


def command_lines(words: Sequence[str], width: int) -> list[str]:
    """A shell command, broken before options so that no line is wider than ``width``."""
    parts: list[list[str]] = []
    for word in words:
        if word.startswith("--") or not parts:
            parts.append([word])
        else:
            parts[-1].append(word)
    lines = [""]
    for part in map(shlex.join, parts):
        if lines[-1] and len(lines[-1]) + len(part) + len("  \\") > width:
            lines[-1] += " \\"
            lines.append("    " + part)
        else:
            lines[-1] += f" {part}" if lines[-1] else part
    return lines
