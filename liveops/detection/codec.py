"""Stored form of detector state: one MessagePack value a series and one for presence."""

from __future__ import annotations

from msgspec import Struct, msgpack

from liveops.detection.state import Presence, SeriesState


class StoredSeries(Struct, array_like=True):
    """A series with the number of its form, so that a later one can be told apart."""

    form: int
    state: SeriesState


class StoredPresence(Struct, array_like=True):
    """Presence likewise; `offsets` holds the last applied source offset by topic."""

    form: int
    presence: Presence
    offsets: dict[str, int]


_FORM = 1


def encode_series(state: SeriesState) -> bytes:
    """Value of one series."""
    return msgpack.encode(StoredSeries(_FORM, state))


def decode_series(value: bytes) -> SeriesState:
    """Inverse of `encode_series`; msgspec.MsgspecError on foreign bytes."""
    return msgpack.decode(value, type=StoredSeries).state


def encode_presence(presence: Presence, offsets: dict[str, int]) -> bytes:
    """Value of a service's presence."""
    return msgpack.encode(StoredPresence(_FORM, presence, offsets))


def decode_presence(value: bytes) -> tuple[Presence, dict[str, int]]:
    """Inverse of `encode_presence`."""
    stored = msgpack.decode(value, type=StoredPresence)
    return stored.presence, stored.offsets
