"""Records of `liveops.detections`: detections as they were, and marks apart from them."""

from __future__ import annotations

import msgspec
import pytest

from schema.incidents import Mark, read_detection, write_mark
from tests.aggregates import detection


def test_a_mark_is_told_apart_from_a_detection() -> None:
    mark = Mark(3, "2023-11-14T22:13:20.500000Z", live=7, silent_s=2.5)
    value = write_mark(mark)
    assert msgspec.json.decode(value) == {
        "mark": {
            "partition": 3, "watermark": "2023-11-14T22:13:20.500000Z", "live": 7, "silent_s": 2.5,
        }
    }  # fmt: skip
    assert read_detection(value) == mark
    assert mark.watermark_s == 1_700_000_000.5


def test_a_mark_without_counts_is_one_of_the_former_version() -> None:
    value = b'{"mark":{"partition":3,"watermark":"2023-11-14T22:13:20.500000Z"}}'
    assert read_detection(value) == Mark(3, "2023-11-14T22:13:20.500000Z")


def test_detections_read_as_before() -> None:
    item = detection("svc")
    assert read_detection(msgspec.json.encode(item)) == item


@pytest.mark.parametrize(
    "value",
    [b"", b"[]", b"{}", b"\xff", b'{"mark":1}', b'{"mark":{"partition":1}}',
     b'{"mark":{"partition":1,"watermark":"soon"}}'],
)  # fmt: skip
def test_what_is_neither_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which one, the decoder knows
        read_detection(value)
