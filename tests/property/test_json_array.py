"""Splitting arrays without decoding agrees with a decoder, wherever the blocks end."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveops.intake import json_array
from liveops.intake.json_array import ArraySplitter, NotAnArray, lines_of

TEXTS = st.text(alphabet='ab",\\[]{}: é\n', max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(
    items=st.lists(VALUES, max_size=6),
    block=st.integers(1, 40),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    tail=st.sampled_from([b"", b" ", b"]", b',"x"]']),
)
def test_items_are_those_of_a_decoder(
    items: list[object], block: int, ascii_only: bool, indent: int | None, tail: bytes
) -> None:
    text = json.dumps(items, ensure_ascii=ascii_only, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_array, "_BLOCK_BYTES", block)
        splitter = ArraySplitter(b"12 " + text + tail, 3)
        found = [item for part in splitter.blocks() for item in part]
    expected = msgspec.json.decode(text, type=list[msgspec.Raw])
    assert [item.strip() for item in found] == [bytes(item).strip() for item in expected]
    assert splitter.end == 3 + len(text)


@given(items=st.lists(VALUES, max_size=4), cut=st.integers(1, 5), block=st.integers(1, 40))
def test_half_an_array_is_refused(items: list[object], cut: int, block: int) -> None:
    text = json.dumps(items).encode()[:-cut]
    if not text.startswith(b"["):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_array, "_BLOCK_BYTES", block)
        with pytest.raises(NotAnArray):
            list(ArraySplitter(text, 0).blocks())


@given(text=st.text(alphabet="a \r\n", max_size=30), block=st.integers(1, 10))
def test_lines_are_those_that_are_not_blank(text: str, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_array, "_BLOCK_BYTES", block)
        found = [line for part in lines_of(text.encode()) for line in part]
    assert found == [line for line in text.encode().splitlines() if line.strip()]
