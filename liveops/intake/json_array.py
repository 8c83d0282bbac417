"""Splits JSON arrays and lines into their items without decoding them. Pure.

An array is split in blocks, so that a caller can do something else in between and can stop
when there are too many items. An item keeps its own faults: a number that is too large, a
lone surrogate or a deep nest is found when the item is decoded, not here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_BLOCK_BYTES = 32_768
_QUOTE, _BACKSLASH, _COMMA, _SPACE = b'"'[0], b"\\"[0], b","[0], b" \t\r\n"
#: What each byte does outside of texts: brackets change the depth.
_STEP = np.zeros(256, np.int8)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1
_IS_STRUCTURE = _STEP != 0
_IS_STRUCTURE[[_QUOTE, _COMMA]] = True


class NotAnArray(ValueError):
    """The brackets of a text do not make one array."""


class ArraySplitter:
    """Finds the items of the array that begins at `start`, a `[`; `end` is behind its `]`."""

    def __init__(self, text: bytes, start: int) -> None:
        self._text = text
        self._bytes = np.frombuffer(text, np.uint8)
        self._at = start
        self._item_start = start + 1
        self._depth = 0
        self._in_text = False
        #: Whether the block before ended within an escape.
        self._escaping = False
        self.end = -1

    def blocks(self) -> Iterator[list[bytes]]:
        """The items, those of a block of the text together; raises NotAnArray."""
        while self.end < 0:
            if self._at >= len(self._text):
                raise NotAnArray("the array does not end")
            block = self._bytes[self._at : self._at + _BLOCK_BYTES]
            yield self._items(self._separators(block))
            self._at += len(block)

    def _separators(self, block: NDArray[np.uint8]) -> list[int]:
        """Places of the commas between items in a block and of the array's end."""
        places = np.flatnonzero(_IS_STRUCTURE[block])
        escaped = self._escaped(block)
        if escaped is not None:
            places = places[~escaped[places]]
        found = block[places]
        quotes = np.cumsum(found == _QUOTE) + self._in_text
        outside = quotes % 2 == 0
        if len(quotes):
            self._in_text = not outside[-1]
        places, found = places[outside], found[outside]
        depths = np.cumsum(_STEP[found], dtype=np.int64) + self._depth
        self._depth = int(depths[-1]) if len(depths) else self._depth
        ends = np.flatnonzero(depths <= 0)
        last = int(ends[0]) if len(ends) else len(places)
        commas = places[:last][(found[:last] == _COMMA) & (depths[:last] == 1)]
        separators: list[int] = (commas + self._at).tolist()
        if len(ends):
            self.end = int(places[last]) + self._at + 1
            separators.append(self.end - 1)
        return separators

    def _escaped(self, block: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
        """Which bytes stand behind an odd number of backslashes; None when none do."""
        slash = block == _BACKSLASH
        if not self._escaping and not slash.any():
            return None
        index = np.arange(len(block))
        # With an escape open the text before counts as one backslash more.
        before = np.maximum.accumulate(np.where(slash, -1 - self._escaping, index))
        odd = (index - before) % 2 == 1
        escaped = np.empty(len(block), np.bool_)
        escaped[0] = self._escaping
        escaped[1:] = odd[:-1] & slash[:-1]
        self._escaping = bool(odd[-1] and slash[-1])
        return escaped

    def _items(self, separators: list[int]) -> list[bytes]:
        items: list[bytes] = []
        for place in separators:
            items.append(self._text[self._item_start : place])
            self._item_start = place + 1
        if self.end >= 0:
            if self._text[self.end - 1 : self.end] != b"]":
                raise NotAnArray("the brackets do not match")
            if len(items) == 1 and not items[0].strip(_SPACE) and self._is_only(items[0]):
                return []
        return items

    def _is_only(self, item: bytes) -> bool:
        """Whether this last item is also the first one: `[ ]` has none."""
        return self._text[: self.end - 1 - len(item)].rstrip(_SPACE)[-1:] == b"["


def lines_of(text: bytes) -> Iterator[list[bytes]]:
    """Lines that are not blank, those of a block of the text together."""
    at = 0
    while at < len(text):
        end = text.rfind(b"\n", at, at + _BLOCK_BYTES) + 1
        if not end:
            end = text.find(b"\n", at + _BLOCK_BYTES) + 1 or len(text)
        yield [line for line in text[at:end].splitlines() if line.strip()]
        at = end
