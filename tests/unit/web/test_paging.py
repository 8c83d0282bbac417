"""Pages: limits, cursors, and lists that change between two pages."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from liveops.errors import BadCursor, InvalidInput
from web.paging import decode_cursor, encode_cursor, limit_of, page_of


@pytest.mark.parametrize(("query", "limit"), [("", 50), ("?limit=1", 1), ("?limit=500", 500)])
def test_good_limits(query: str, limit: int) -> None:
    assert limit_of(make_mocked_request("GET", "/x" + query)) == limit


@pytest.mark.parametrize("text", ["0", "501", "-1", "1.5", "x", "", "٣", "9" * 5000])
def test_bad_limits(text: str) -> None:
    with pytest.raises(InvalidInput):
        limit_of(make_mocked_request("GET", f"/x?limit={text}"))


@pytest.mark.parametrize("text", ["", "x", "!!", "bnVsbA", "WzFd", "eyJhIjoxfQ", "é"])
def test_a_cursor_of_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(make_mocked_request("GET", f"/x?cursor={text}"))


def test_a_cursor_comes_back_as_it_went() -> None:
    cursor = encode_cursor(["1700000000.25", "ä/?"])
    got = decode_cursor(make_mocked_request("GET", f"/x?cursor={cursor}"))
    assert got == ["1700000000.25", "ä/?"]


def test_pages_hold_everything_once_while_the_list_changes() -> None:
    names = ["d", "a", "c", "b", "e"]
    first, cursor = page_of(make_mocked_request("GET", "/x?limit=2"), names, lambda name: [name])
    assert first == ["a", "b"]
    names.remove("b")
    names.append("aa")
    request = make_mocked_request("GET", f"/x?limit=3&cursor={cursor}")
    assert page_of(request, names, lambda name: [name]) == (["c", "d", "e"], None)
