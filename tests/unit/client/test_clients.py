"""Both clients try again with the same key, count what was accepted, and give up with one line."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from aiohttp import web

from liveops.client import MAX_BATCH
from liveops.errors import InvalidInput, SettingsError, Unavailable
from tests.unit.client.doubles import KINDS, Answer, accepted, busy, fake, no_connection

METRIC = {"service_name": "a", "metric_type": "m", "value": 1}
BODY = orjson.dumps([METRIC])

pytestmark = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.parametrize("trouble", [busy, no_connection])
async def test_the_same_call_is_repeated_until_it_succeeds(kind: Any, trouble: Answer) -> None:
    async with fake(trouble, accepted) as server, kind(server.url, token="t") as client:
        assert await client.send_partial(BODY, "key") == []
        assert server.calls == [("key", BODY, "partial=true")] * 2


async def test_a_batch_keeps_its_key_and_another_has_its_own(kind: Any) -> None:
    async with fake(busy, accepted) as server, kind(server.url, token="t") as client:
        assert await client.send([METRIC] * (MAX_BATCH + 1)) == MAX_BATCH + 1
    first, again, second = server.calls
    assert first == again
    assert first[0] != second[0]
    assert [len(orjson.loads(call[1])) for call in server.calls] == [MAX_BATCH, MAX_BATCH, 1]


async def test_patience_has_an_end(kind: Any) -> None:
    async with fake(busy) as server, kind(server.url, token="t", patience_s=0) as client:
        with pytest.raises(Unavailable, match="503: kafka does not answer"):
            await client.send_partial(BODY, "key")
        assert len(server.calls) == 1


async def test_a_wait_beyond_patience_is_not_waited_for(kind: Any) -> None:
    def later(_: int) -> web.Response:
        return web.json_response({}, status=429, headers={"Retry-After": "3600"})

    async with fake(later) as server, kind(server.url, token="t") as client:
        with pytest.raises(Unavailable, match="429") as caught:
            await client.send([METRIC])
        assert caught.value.wait_s == 3600
        assert len(server.calls) == 1


async def test_a_refusal_is_not_repeated(kind: Any) -> None:
    def refuse(_: int) -> web.Response:
        return web.json_response({"detail": "no"}, status=403)

    async with fake(refuse) as server, kind(server.url, token="t") as client:
        with pytest.raises(InvalidInput, match="403 no"):
            await client.send_partial(BODY, "key")
        assert len(server.calls) == 1


async def test_what_was_refused_of_a_batch_is_named(kind: Any) -> None:
    def partly(_: int) -> web.Response:
        fault = {"loc": ["service_name"], "msg": "not yours"}
        return web.json_response(
            {"accepted": 1, "rejected": [{"index": 1, "errors": [fault]}]}, status=202
        )

    async with fake(partly) as server, kind(server.url, token="t") as client:
        assert await client.send_partial(BODY, "key") == [(1, "not yours")]


@pytest.mark.parametrize(
    "body", ["<html>sign in</html>", "{}", '{"accepted":"1"}', '{"accepted":0}', "[]"]
)  # fmt: skip
async def test_a_success_that_accepts_nothing_is_told(kind: Any, body: str) -> None:
    async with (
        fake(lambda _: web.Response(text=body)) as server,
        kind(server.url, token="t") as client,
    ):
        with pytest.raises(InvalidInput, match="accepted"):
            await client.send([METRIC])
        assert len(server.calls) == 1


async def test_a_user_signs_in_and_again_when_the_token_is_over(kind: Any) -> None:
    async with fake(accepted) as server:
        user = {"auth_url": server.url, "username": "u", "password": "right"}
        async with kind(server.url, **user) as client:
            assert await client.send([METRIC]) == 1
            server.token = "other"
            assert await client.send([METRIC]) == 1
    assert (server.logins, len(server.calls)) == (2, 2)


async def test_a_wrong_password_is_told_at_once(kind: Any) -> None:
    async with fake(accepted) as server:
        user = {"auth_url": server.url, "username": "u", "password": "wrong"}
        async with kind(server.url, **user) as client:
            with pytest.raises(InvalidInput, match="401 wrong name or password"):
                await client.send([METRIC])
    assert server.logins == 1


async def test_what_is_no_json_is_told_before_it_is_sent(kind: Any) -> None:
    async with fake(accepted) as server, kind(server.url, token="t") as client:
        with pytest.raises(InvalidInput, match="no JSON"):
            await client.send([METRIC | {"value": float("nan")}])
        assert server.calls == []


async def test_without_a_name_or_with_a_wrong_address_nothing_begins(kind: Any) -> None:
    with pytest.raises(SettingsError, match="needs a token"):
        kind("http://127.0.0.1")
    async with kind("127.0.0.1:8081", token="t") as client:
        with pytest.raises(SettingsError):
            await client.send([METRIC])
