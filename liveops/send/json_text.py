"""JSON text to its items: one a line, pretty-printed, concatenated or in an array."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

#: A text with its quotes (JSON's texts end within their line), or a sign of structure.
_TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*"?|[\[\]{},]')
#: Lines that are looked at to tell items a line from items over several lines.
_LOOKED_AT = 20


def is_by_line(head: str) -> bool:
    """Whether every line of the text that begins so holds a value of its own."""
    lines = [line.strip() for line in head.split("\n", 4 * _LOOKED_AT)]
    shown = [line for line in lines if line][:_LOOKED_AT]
    if not shown or _is_whole(shown[0]):
        return True
    whole = sum(_is_whole(line) and line[0] == "{" for line in shown)
    return shown[0][0] == "{" and 2 * whole >= len(shown)


def _is_whole(line: str) -> bool:
    """Whether a line is one object or array from its first sign to its last."""
    depth = 0
    for token in _TOKEN.finditer(line):
        sign = token.group()[0]
        depth += (sign in "[{") - (sign in "]}")
        if not depth:
            return sign in "]}" and token.end() == len(line)
    return False


def by_line(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(line, text) of what is not blank."""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text:
            yield number, text


def by_brackets(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(line, text) of the values of a text, and of the items of arrays at its top.

    What does not end is given as it is; whether an item is JSON is found when it is read.
    """
    splitter = _Splitter()
    for number, line in enumerate(lines, start=1):
        yield from splitter.feed(number, line)
    yield from splitter.cut()


class _Splitter:
    """Cuts at commas and closing brackets at the top, texts left out."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._line = 1
        self._depth = 0
        self._in_array = False

    def feed(self, number: int, line: str) -> Iterator[tuple[int, str]]:
        begin = 0
        for token in _TOKEN.finditer(line):
            sign = token.group()[0]
            if sign == '"' or (sign == "," and self._depth):
                continue
            cut = None  # where the item ends
            if sign in "[{":
                if sign == "[" and not self._depth and not self._in_array:
                    self._in_array, cut = True, token.start()
                else:
                    self._depth += 1
            elif sign == ",":
                cut = token.start()
            elif self._depth:
                self._depth -= 1
                cut = None if self._depth or self._in_array else token.end()
            else:
                self._in_array, cut = False, token.start()
            if cut is not None:
                self._add(number, line[begin:cut])
                yield from self.cut()
                begin = token.end()
        self._add(number, line[begin:])

    def _add(self, number: int, piece: str) -> None:
        """An item begins with its first sign that is not blank."""
        if not self._parts:
            piece = piece.lstrip()
            self._line = number
        if piece:
            self._parts.append(piece)

    def cut(self) -> Iterator[tuple[int, str]]:
        """The item up to here, unless it is blank."""
        text = "".join(self._parts).rstrip()
        self._parts.clear()
        if text:
            yield self._line, text
