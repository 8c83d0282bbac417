"""`POST /api/metrics` without servers: one verdict for every form of a body, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from liveops.deps import Deps
from liveops.errors import Refused, Unavailable
from liveops.postgres import idempotency
from tests.unit.web.doubles import (
    Client,
    Sends,
    admission,
    bearer,
    deps_without_stores,
    edge,
    ingest_bearer,
)
from web import ingest

GOOD = b'{"service_name":"a","metric_type":"m","value":1}'
FORMS = ("array", "wrapped", "ndjson")


class NoDatabase:
    """PostgreSQL is away."""

    def connection(self) -> Any:
        raise Unavailable("postgres")


@asynccontextmanager
async def metrics_edge() -> AsyncIterator[tuple[Client, Sends]]:
    """The ingestion route and what it sends."""
    deps, broker = cast(Any, deps_without_stores()), Sends()
    deps.database = NoDatabase()
    routes = ingest.routes(cast(Deps, deps), admission(broker))
    async with edge(*routes, deps=deps) as client:
        yield client, broker


def body_of(form: str, items: list[bytes]) -> tuple[bytes, str]:
    """A body in one of the forms, and its content type."""
    if form == "ndjson":
        return b"\n".join(items), "application/x-ndjson"
    array = b"[" + b",".join(items) + b"]"
    return array if form == "array" else b'{"metrics": ' + array + b"}", "application/json"


async def post(
    client: Client, body: tuple[bytes, str], query: str = "", **headers: str
) -> tuple[int, Any]:
    data, content_type = body
    sent = bearer() | {"Content-Type": content_type} | headers
    async with client.post("/api/metrics" + query, data=data, headers=sent) as response:
        return response.status, await response.json(content_type=None)


#: JSON that is no metric, each for a reason of its own.
BAD = {
    "no object": b"1",
    "an array": b"[1]",
    "beyond a double": b'{"service_name":"a","metric_type":"m","value":1e400}',
    "a time beyond": b'{"service_name":"a","metric_type":"m","value":1,"timestamp":-1e999}',
    "half a surrogate": b'{"service_name":"a","metric_type":"m","value":1,"tags":{"t":"\\ud800"}}',
    "half a key": b'{"service_name":"a","metric_type":"m","value":1,"\\udc00":1}',
    "deep": b'{"service_name":"a","metric_type":"m","value":' + b"[" * 9000 + b"]" * 9000 + b"}",
    "deep and long": b"[" * 90_000 + b"]" * 90_000,
    "long": b'{"service_name":"a","metric_type":"m","value":1,"tags":{"t":"'
    + b"x" * 140_000
    + b'"}}',
    "reserved": b'{"service_name":"a","metric_type":"m","value":1,"tags":{"liveops_overflow":"x"}}',
    "NUL": b'{"service_name":"a","metric_type":"m","value":1,"tags":{"t":"\\u0000"}}',
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", BAD)
async def test_one_bad_item_is_one_fault_in_every_form(form: str, name: str) -> None:
    body = body_of(form, [GOOD, BAD[name], GOOD])
    async with metrics_edge() as (client, broker):
        status, problem = await post(client, body)
        assert (status, len(broker.items)) == (422, 0)
        assert [error["loc"][0] for error in problem["errors"]] == [1]
        status, answer = await post(client, body, "?partial=true")
        assert (status, answer["accepted"], len(broker.items)) == (202, 2, 2)
        assert [item["index"] for item in answer["rejected"]] == [1]


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_metric_alone_is_422(name: str) -> None:
    async with metrics_edge() as (client, _):
        assert (await post(client, (BAD[name], "application/json")))[0] == 422


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "broken", [b"{", b"NaN", b"01", b'{"a":tru}', b'{"service_name":5,"value":tru}', b'"\t"', b"1}"]
)
async def test_what_is_not_json_is_400_in_every_form(form: str, broken: bytes) -> None:
    async with metrics_edge() as (client, broker):
        for query in ("", "?partial=true"):
            body = body_of(form, [GOOD, broken, BAD["deep"]])
            assert (await post(client, body, query))[0] == 400
        assert not broker.records


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 422),
        (b"[ \n]", 422),
        (b' {"metrics" : [ ] } ', 422),
        (b'{"metrics":5}', 422),
        (b'{"metrics":5', 400),
        (b'{"metrics":[],"more":1}', 422),
        (b'{"metrics":[]', 400),
        (b'{"metrics":[]}]', 400),
        (b"[" + GOOD + b",]", 400),
        (b"[" + GOOD + b"]]", 400),
        (b"[" + GOOD, 400),
        (b"[" + GOOD + b"}", 400),
        (b"", 400),
        (b"\xef\xbb\xbf[]", 400),
        (b" [" + GOOD + b" ,\n" + GOOD + b"]\n", 202),
        (b'\t{ "metrics"\n: [ ' + GOOD + b" ] }", 202),
    ],
)
async def test_the_frame_of_a_body(body: bytes, status: int) -> None:
    async with metrics_edge() as (client, _):
        assert (await post(client, (body, "application/json")))[0] == status


@pytest.mark.parametrize("form", FORMS)
async def test_a_body_holds_ten_thousand_items(form: str) -> None:
    async with metrics_edge() as (client, broker):
        assert await post(client, body_of(form, [GOOD] * 10_000)) == (202, {"accepted": 10_000})
        assert len(broker.items) == 10_000
        for item in (GOOD, b"1"):
            assert (await post(client, body_of(form, [item] * 10_001), "?partial=true"))[0] == 413


@pytest.mark.parametrize("form", FORMS)
async def test_of_many_faults_twenty_are_named_and_all_counted(form: str) -> None:
    async with metrics_edge() as (client, _):
        status, problem = await post(client, body_of(form, [b"1"] * 9_000))
        assert (status, len(problem["errors"])) == (422, 20)
        assert "9000" in problem["detail"]
        status, answer = await post(client, body_of(form, [b"1"] * 9_000), "?partial=true")
        assert (status, answer["accepted"], len(answer["rejected"])) == (202, 0, 9_000)


@pytest.mark.parametrize("form", FORMS)
async def test_others_have_their_turn_while_a_body_is_read(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveops.slices.SLICE_S", 0.0)
    body, content_type = body_of(form, [GOOD] * 5_000)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with metrics_edge() as (client, _):
        counting = asyncio.create_task(count())
        assert (await post(client, (body, content_type)))[0] == 202
        counting.cancel()
    assert turns > 5_000


@pytest.mark.parametrize("key", ["é", "\udcff", "", "x" * 256, "a\tb"])
async def test_a_key_that_is_not_printable_ascii_is_422(key: str) -> None:
    head = (
        f"POST /api/metrics HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer()['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(GOOD)}\r\nIdempotency-Key: {key}"
    )
    async with metrics_edge() as (client, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
        writer.write(head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + GOOD)
        assert b" 422 " in await reader.readline()
        writer.close()


async def test_what_is_no_json_is_told_before_a_bad_parameter() -> None:
    async with metrics_edge() as (client, _):
        for text, status in ((b"{", 400), (GOOD, 422)):
            body = (text, "application/json")
            assert (await post(client, body, "?partial=perhaps"))[0] == status
            assert (await post(client, body, **{"Idempotency-Key": "x" * 256}))[0] == status


async def test_a_good_key_works_without_postgres() -> None:
    async with metrics_edge() as (client, broker):
        status, _ = await post(client, body_of("array", [GOOD]), **{"Idempotency-Key": "a b~!"})
        assert (status, "id" in broker.items[0]) == (202, True)


async def test_a_token_writes_its_services_only() -> None:
    async with metrics_edge() as (client, broker):
        status, answer = await post(client, body_of("array", [GOOD]), **ingest_bearer(["b*"]))
        assert (status, answer["errors"][0]["loc"]) == (422, [0, "service_name"])
        assert (await post(client, body_of("array", [GOOD]), **ingest_bearer(["a*"])))[0] == 202
        assert len(broker.items) == 1


@pytest.mark.parametrize(
    ("error", "status"), [(Refused("too large"), 413), (Unavailable("k"), 503)]
)
async def test_a_key_of_a_failed_call_may_be_used_again(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    abandoned: list[str] = []

    async def claim(*_: Any) -> Any:
        return SimpleNamespace(state="new")

    async def abandon(_: Any, subject: str, key: str) -> None:
        abandoned.append(key)

    monkeypatch.setattr(idempotency, "claim", claim)
    monkeypatch.setattr(idempotency, "abandon", abandon)
    async with metrics_edge() as (client, broker):
        broker.failure = error
        headers = bearer() | {"Content-Type": "application/json", ingest.KEY_HEADER: "k1"}
        async with client.post("/api/metrics", data=GOOD, headers=headers) as response:
            assert (response.status, abandoned) == (status, ["k1"])
