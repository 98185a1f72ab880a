"""What commands print: one line a fact, tables that fit, JSON for programs."""

import json
import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from models.clock import iso
from models.money import amount
from models.untrusted import Untrusted

MARKS = {"ok": ("✓", "32"), "bad": ("✗", "31"), "warn": ("!", "33"), "busy": ("…", "36"), "info": ("·", "2")}  # sign and ANSI colour
GAP = "  "


class Screen:
    """Where lines go. Colours only on a terminal and without `NO_COLOR`; a line of progress is rewritten on a terminal and said once elsewhere."""

    def __init__(self, stream: TextIO | None = None, *, silent: bool = False) -> None:
        self._stream = stream or sys.stdout
        self._silent = silent
        self._is_terminal = self._stream.isatty()
        self._colours = self._is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._passing = False  # a line of progress stands at the bottom

    def mark(self, kind: str, text: str) -> None:
        """Print a line with a sign: ok, bad, warn, busy or info."""
        sign, colour = MARKS[kind]
        self.say(f"{self._paint(sign, colour)} {text}")

    def say(self, text: str = "") -> None:
        """Print a line."""
        if not self._silent:
            self._write(f"{self._cleared()}{text}\n")

    def progress(self, text: str, *, first: bool) -> None:
        """Show what is being waited for; elsewhere than on a terminal only the first of a row of such lines is printed."""
        if self._silent:
            return
        if self._is_terminal:
            sign, colour = MARKS["busy"]
            self._write(f"{self._cleared()}{self._paint(sign, colour)} {text}")
            self._passing = True
        elif first:
            self.mark("busy", text)

    def heading(self, text: str) -> None:
        """Print a title above a table."""
        self.say(f"\n{self._paint(text, '1')}")

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, widest: int = 60) -> None:
        """Print columns of rows; numbers to the right. A text longer than `widest` is cut."""
        if not rows:
            self.say("  none")
            return
        cells = [[cell(row.get(name), widest) for name in columns] for row in rows]
        right = [all(isinstance(row.get(name), int | float | None) for row in rows) for name in columns]
        widths = [max(_width(line[at]) for line in [list(columns), *cells]) for at in range(len(columns))]
        for at, line in enumerate([list(columns), *cells]):
            text = "  " + GAP.join(_pad(part, width, to_right) for part, width, to_right in zip(line, widths, right, strict=True)).rstrip()
            self.say(self._paint(text, "2") if at == 0 else text)

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text

    def _cleared(self) -> str:
        passing, self._passing = self._passing, False
        return "\r\x1b[2K" if passing else ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def print_json(value: Any) -> None:
    """Print a value for programs; instants (fields that end in `_at`, and `at`) become ISO strings."""
    sys.stdout.write(json.dumps(_dated(value), ensure_ascii=False, indent=2, default=str) + "\n")
    sys.stdout.flush()


def cell(value: Any, widest: int = 60) -> str:
    """Return a value as one harmless line; null is a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value)
    return Untrusted(str(value)).line(widest)


def money(cents: int | None, currency: str | None) -> str:
    """Return minor units as an amount with its currency; a dash when there is none."""
    return "–" if cents is None else f"{amount(cents, currency)} {currency or ''}".rstrip()


def when(us: int | None) -> str:
    """Return an instant to the second in UTC; a dash when there is none."""
    text = iso(us)
    return "–" if text is None else text[:19].replace("T", " ") + "Z"


def _dated(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: iso(item) if _is_instant(str(key), item) else _dated(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_dated(item) for item in value]
    return value


def _is_instant(name: str, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (name == "at" or name.endswith("_at"))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 0 if unicodedata.combining(letter) else 1 for letter in text)


def _pad(text: str, width: int, to_right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if to_right else text + space
