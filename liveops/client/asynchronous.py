"""The asynchronous client."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import httpx2

from liveops.client.batches import bodies, encoded
from liveops.client.exchange import (
    NO_CONNECTION,
    Answer,
    Identity,
    MetricLike,
    Request,
    Response,
    accepted_of,
    now_s,
    rejected_of,
)
from liveops.client.patience import async_tries
from liveops.errors import SettingsError


class AsyncClient:
    """Sends with a fixed `token`, or as a user who signs in at `auth_url`.

    A call that fails for the moment is repeated with the same idempotency key for up to
    `patience_s`, so that what was sent counts once. Use within `async with`.
    """

    def __init__(
        self,
        metrics_url: str,
        *,
        token: str | None = None,
        auth_url: str = "",
        username: str = "",
        password: str = "",
        patience_s: float = 120.0,
        timeout_s: float = 30.0,
    ) -> None:
        self._url = metrics_url.rstrip("/")
        self._identity = Identity(auth_url, token, username, password)
        self._http = httpx2.AsyncClient(timeout=timeout_s)
        self.patience_s = patience_s

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def send(self, metrics: Iterable[MetricLike]) -> int:
        """Send any number of metrics in batches; returns how many were accepted: all.

        Raises InvalidInput when a batch is refused, Unavailable when patience is at its end;
        batches before it are accepted.
        """
        accepted, url = 0, f"{self._url}/api/metrics"
        for count, body in bodies(map(encoded, metrics)):
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            answer = await self._call(Request("POST", url, body, headers))
            accepted += accepted_of(answer, url, count)
        return accepted

    async def send_partial(self, body: bytes, key: str) -> list[tuple[int, str]]:
        """Send a JSON array of up to 1,000 metrics under an idempotency key.

        Returns the index and the fault of what was refused of it. Raises InvalidInput when all
        was, Unavailable when patience is at its end: then the same call may be repeated.
        """
        url = f"{self._url}/api/metrics?partial=true"
        answer = await self._call(Request("POST", url, body, {"Idempotency-Key": key}))
        accepted_of(answer, url)
        return rejected_of(answer)

    async def declare_topology(self, edges: Sequence[tuple[str, str]]) -> None:
        """Replace the declared call graph by these (caller, callee) edges."""
        body = {"edges": [{"from": caller, "to": callee} for caller, callee in edges]}
        url = f"{self._url}/api/topology"
        await self._call(Request("PUT", url, json.dumps(body).encode()))

    async def services(self) -> list[dict[str, Any]]:
        """All that `GET /api/services` lists."""
        items: list[dict[str, Any]] = []
        url = f"{self._url}/api/services?limit=500"
        cursor = ""
        while True:
            answer = await self._call(Request("GET", url + cursor))
            items += answer["items"]
            if answer["next_cursor"] is None:
                return items
            cursor = f"&cursor={answer['next_cursor']}"

    async def _call(self, request: Request) -> Answer:
        return await async_tries(self.patience_s)(self._once, request)

    async def _once(self, request: Request) -> Answer:
        exchange = self._identity.exchange(request, now_s())
        try:
            asked = next(exchange)
            while True:
                asked = exchange.send(await self._carry(asked))
        except StopIteration as done:
            answer: Answer = done.value
            return answer

    async def _carry(self, asked: Request) -> Response:
        try:
            got = await self._http.request(
                asked.method, asked.url, content=asked.body, headers=asked.headers
            )
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise SettingsError(f"{asked.url}: {error}") from error
        except httpx2.RequestError as error:
            return Response(NO_CONNECTION, {}, (str(error) or repr(error)).encode())
        return Response(got.status_code, got.headers, got.content)
