"""What answers mean: waits as numbers and as dates, and what bodies the server takes."""

from __future__ import annotations

import email.utils

import pytest

from liveops.client.batches import MAX_BATCH, MAX_BODY_BYTES, bodies
from liveops.client.exchange import retry_after_s

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("7", 7.0),
        (email.utils.formatdate(NOW_S + 30, usegmt=True), 30.0),
        (email.utils.formatdate(NOW_S - 30, usegmt=True), 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("Wed, 99 Foo 2023 00:00:00 GMT", 0.0),
    ],
)
def test_a_wait_is_a_number_or_a_date(text: str, wait_s: float) -> None:
    assert retry_after_s(text, NOW_S) == wait_s


def test_bodies_are_of_a_size_that_the_server_takes() -> None:
    small = [b"{}"] * (2 * MAX_BATCH + 1)
    assert [count for count, _ in bodies(small)] == [MAX_BATCH, MAX_BATCH, 1]
    large = [b"x" * (MAX_BODY_BYTES // 3)] * 4
    assert [count for count, _ in bodies(large)] == [2, 2]
    assert all(len(body) <= MAX_BODY_BYTES + 2 for _, body in bodies(large))
    assert list(bodies([])) == []
