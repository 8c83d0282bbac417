"""What the fast reader calls malformed is so by the grammar of JSON, whatever the text."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from liveops.intake.item import NotJson, check_json, read_item
from liveops.intake.record import decode_record, fault_of_text

TEXTS = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
).map(json.dumps)
BROKEN = st.builds(
    lambda text, at, piece: text[: at % (len(text) + 1)] + piece + text[at % (len(text) + 1) :],
    TEXTS,
    st.integers(0, 60),
    st.sampled_from([*'"\\{}[],:0e1-+. tu\n\x00', "\\ud800", "1e400", "NaN", '"\\x"']),
)


@given(TEXTS | BROKEN | st.text(max_size=8))
def test_both_readers_agree_on_what_is_json(text: str) -> None:
    try:
        sent = text.encode()
    except UnicodeEncodeError:
        return
    try:
        read_item(sent, 0.0, 1.0)
    except NotJson:
        with pytest.raises(NotJson):
            check_json(sent)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
@settings(max_examples=500)
@example(b"2026-11-25 ERROR")
@example(b"[1,")
@example(b'"\\ud800" x')
@example(b"1e400 x")
def test_the_quick_verdict_on_a_line_of_text_is_the_careful_one(value: bytes) -> None:
    quick = fault_of_text(value)
    careful = decode_record(value, 0.0, 1.0)
    if quick is not None:
        assert [fault.reason for fault in careful.faults] == ["not_json"]
        assert not careful.metrics
