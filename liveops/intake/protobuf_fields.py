"""The fields of a protobuf message, one after the other, without reading what is in them. Pure.

A body of megabytes that is read at once holds the event loop for tens of milliseconds. So its
containers are walked field by field here, and only what they hold (a series, a point) is read by
the classes that protobuf generates, each for itself.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _BYTES = 0, 2
#: Bytes of the kinds whose size does not vary.
_FIXED_SIZES = {1: 8, 5: 4}
#: The largest number of a field.
_MAX_NUMBER = (1 << 29) - 1
#: A number of 64 bits has at most so many bytes.
_MAX_VARINT_BYTES = 10


class Malformed(ValueError):
    """The bytes are no protobuf message."""


def fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Number and content of each field in the order they are written: an int, or bytes.

    Raises Malformed when it comes to what is no field, among it the groups of proto 1.
    """
    at, end = 0, len(data)
    try:
        while at < end:
            # Most numbers are of one byte, which is read here: this is the hottest loop there is.
            key = data[at]
            key, at = (key, at + 1) if key < 0x80 else _varint(data, at)
            number, kind = key >> 3, key & 7
            if not 0 < number <= _MAX_NUMBER:
                raise Malformed("a field has no number that may be")
            if kind == _BYTES:
                size = data[at]
                size, at = (size, at + 1) if size < 0x80 else _varint(data, at)
            elif kind == _VARINT:
                value, at = _varint(data, at)
                yield number, value
                continue
            else:
                size = _FIXED_SIZES[kind]
            if size > end - at:
                raise Malformed("a field reaches beyond the message")
            yield number, data[at : at + size]
            at += size
    except (IndexError, KeyError):
        raise Malformed("the message ends within a field, or a field is of no kind") from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends."""
    number = data[at]
    if number < 0x80:
        return number, at + 1
    number = 0
    for place in range(_MAX_VARINT_BYTES):
        byte = data[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80 and number < 1 << 64:
            return number, at + place + 1
    raise Malformed("a number of more than 64 bits")
