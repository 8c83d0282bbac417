"""JSON that is well formed and still beyond the fast reader: read, so that one item is bad. Pure.

Numbers beyond a double become infinite, halves of surrogate pairs stay, and what is nested
deeper than `MAX_DEPTH` becomes a text no field takes: `read_metric` then names the item.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import numpy as np

MAX_DEPTH = 64
#: NUL is refused in every text of a metric.
_TOO_DEEP = b'"\\u0000 nested too deeply"'


class NotJson(ValueError):
    """The text is not well formed."""


def _refuse(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse, parse_int=float)


def parse(value: bytes) -> Any:
    """The plain value of UTF-8 JSON; raises UnicodeDecodeError or NotJson."""
    try:
        return _decoder.decode(cut_deep(value).decode())
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None


def cut_deep(value: bytes) -> bytes:
    """The text with what is nested too deeply replaced; one pass in columns."""
    plain = value.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
    signs = np.frombuffer(plain, np.uint8)
    outside = np.cumsum(signs == ord('"')) % 2 == 0
    step = np.zeros(len(signs), np.int64)
    step[outside & ((signs == ord("[")) | (signs == ord("{")))] = 1
    step[outside & ((signs == ord("]")) | (signs == ord("}")))] = -1
    deep = np.cumsum(step) > MAX_DEPTH
    if not deep.any():
        return value
    edges = np.flatnonzero(np.diff(deep, prepend=False, append=False)).tolist()
    pieces, done = [], 0
    for low, high in zip(edges[::2], edges[1::2], strict=True):
        pieces += [value[done:low], _TOO_DEEP]
        done = high + 1  # with the bracket that ends it
    return b"".join([*pieces, value[done:]])


def has_lone_surrogate(plain: object) -> bool:
    """Whether a text in it is half of a surrogate pair, which UTF-8 cannot hold."""
    try:
        json.dumps(plain, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
