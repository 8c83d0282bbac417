"""A time is the same as text, in PostgreSQL and back."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from schema.times import format_time, parse_time_s, to_datetime


@example(1_764_133_000.0000005)
@given(st.floats(0, 4e9))
def test_text_and_database_round_alike(time_s: float) -> None:
    text = format_time(time_s)
    assert format_time(to_datetime(time_s).timestamp()) == text
    assert format_time(parse_time_s(text)) == text
