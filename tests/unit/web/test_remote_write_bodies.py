"""`POST /api/v1/write` without servers: who may write, and what a body may be."""

from __future__ import annotations

import cramjam
import pytest

from tests.remote_write import (
    HEADERS_1,
    packed,
    request_1,
)
from tests.unit.web.doubles import bearer, ingest_bearer
from tests.unit.web.test_remote_write import now_ms, post, receiver, refused, sample
from tests.wire.prometheus_pb2 import WriteRequest


async def test_what_a_token_may_not_write_is_a_bad_item() -> None:
    at = now_ms()
    before = refused("not_allowed")
    body = request_1(sample("a", 1.0, at), ({"__name__": "a", "job": "other"}, [(1.0, at)]))
    async with receiver() as (client, broker):
        assert (await post(client, body, **ingest_bearer(["no*"])))[0] == 204
        assert (await post(client, body, **bearer("MANAGER")))[0] == 403
        assert (await post(client, body, Authorization=""))[0] == 401
    assert [item["service_name"] for item in broker.items] == ["node"]
    assert refused("not_allowed") - before == 1


async def test_a_broker_that_is_away_is_asked_again() -> None:
    async with receiver() as (client, broker):
        broker.is_away = True
        body = packed(request_1(sample("a", 1.0, now_ms())))
        sent = bearer() | HEADERS_1
        async with client.post("/api/v1/write", data=body, headers=sent) as response:
            assert response.status == 503
            assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v3.Request"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "identity"},
    ],
)
async def test_other_formats_are_415(headers: dict[str, str]) -> None:
    async with receiver() as (client, broker):
        assert (await post(client, request_1(sample("a", 1.0, now_ms())), **headers))[0] == 415
    assert not broker.records


_NAMED_1 = {"Content-Type": 'application/x-protobuf; proto="prometheus.WriteRequest"'}


async def test_1_may_be_named_and_metadata_alone_is_fine() -> None:
    body = WriteRequest()
    body.metadata.add(type=1, metric_family_name="a")
    async with receiver() as (client, broker):
        assert (await post(client, body, **_NAMED_1))[0] == 204
        assert (await post(client, packed(WriteRequest())))[0] == 204
    assert not broker.records


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xff\xff\xff\xff\xff", 400),
        (b"\xff\xff\xff\xff\x0f\x00", 413),  # it says that it holds 4 GiB
        (b"\x81\x80\x80\x04\x00", 413),  # one byte over 8 MiB
        (b"\x80\x80\x40\x00", 400),
        (bytes(cramjam.snappy.compress_raw(bytes(9 * 1024 * 1024))), 413),
        (bytes(cramjam.snappy.compress_raw(b"\x0a\x05abc")), 400),
        (bytes(cramjam.snappy.compress_raw(b"\x0b\x0c")), 400),
        (b"x" * (8 * 1024 * 1024 + 1), 413),
    ],
)
async def test_what_is_no_request_is_refused(body: bytes, status: int) -> None:
    async with receiver() as (client, broker):
        assert (await post(client, body))[0] == status
    assert not broker.records
