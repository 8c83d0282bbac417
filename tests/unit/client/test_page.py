"""docs/client.md runs as it stands."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import orjson

from tests.snippets import snippets
from tests.unit.client.doubles import accepted, fake


def run(heading: str, url: str, names: dict[str, Any]) -> None:
    """The Python blocks below a heading, one after the other."""
    for language, text in snippets("client.md", heading):
        if language == "python":
            exec(text.replace("http://127.0.0.1:8081", url), names)  # noqa: S102 - our own page


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_every_block_of_the_page_runs() -> None:
    async with fake(accepted) as server:
        names: dict[str, Any] = {"TOKEN": "t", "app": application, "fetch": list}
        await asyncio.to_thread(run, "Batches", server.url, names)
        assert names["count"] == 2
        await names["main"]()
        await asyncio.to_thread(run, "A queue that never waits", server.url, names)
        (asgi, *others) = [t for lang, t in snippets("client.md", "Requests, errors, durations")
                           if lang == "python"]  # fmt: skip
        exec(asgi, names)  # noqa: S102 - our own page
        transport = httpx2.ASGITransport(names["app"])
        async with httpx2.AsyncClient(transport=transport, base_url="http://app") as client:
            await client.get("/")
        for text in others:
            exec(text, names)  # noqa: S102 - our own page
        await (await names["outgoing"]()).close()
        await asyncio.to_thread(names["queue"].close)
    sent = [item["metric_type"] for _, body, _ in server.calls for item in orjson.loads(body)]
    assert {"latency_ms", "queue_length", "http_requests", "call_requests"} <= {*sent}
    assert names["queue"].dropped == 0
