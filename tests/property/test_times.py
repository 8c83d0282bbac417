"""A time is the same as text, in PostgreSQL and back."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from liveops.postgres.raw_copy import pack, plain_ids
from schema.times import format_time, parse_time_s, to_datetime


@example(1_764_133_000.0000005)
@given(st.floats(0, 4e9))
def test_text_and_database_round_alike(time_s: float) -> None:
    text = format_time(time_s)
    assert format_time(to_datetime(time_s).timestamp()) == text
    assert format_time(parse_time_s(text)) == text


@example(1_795_680_180.4834264)
@given(st.floats(0, 4e9))
def test_rows_of_the_archive_round_as_well(time_s: float) -> None:
    (row,) = pack(plain_ids([bytes(16)]), np.zeros(1), np.array([time_s]), [b""])
    (us,) = struct.unpack(">q", row[-8:])
    assert datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=us) == to_datetime(time_s)
