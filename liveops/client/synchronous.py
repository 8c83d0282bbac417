"""The blocking client."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import Self

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
from liveops.client.patience import tries
from liveops.errors import SettingsError


class Client:
    """Sends with a fixed `token`, or as a user who signs in at `auth_url`.

    A call that fails for the moment is repeated with the same idempotency key for up to
    `patience_s`, so that what was sent counts once. Safe for threads.
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
        self._url = f"{metrics_url.rstrip('/')}/api/metrics"
        self._identity = Identity(auth_url, token, username, password)
        self._http = httpx2.Client(timeout=timeout_s)
        self.patience_s = patience_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connections."""
        self._http.close()

    def send(self, metrics: Iterable[MetricLike]) -> int:
        """Send any number of metrics in batches; returns how many were accepted: all.

        Raises InvalidInput when a batch is refused, Unavailable when patience is at its end;
        batches before it are accepted.
        """
        accepted = 0
        for count, body in bodies(map(encoded, metrics)):
            accepted += accepted_of(self._post(body, str(uuid.uuid4())), self._url, count)
        return accepted

    def send_partial(
        self, body: bytes, key: str, *, until: threading.Event | None = None
    ) -> list[tuple[int, str]]:
        """Send a JSON array of up to 1,000 metrics under an idempotency key.

        Returns the index and the fault of what was refused of it. Raises InvalidInput when all
        was, Unavailable when patience is at its end or `until` is set: then the same call may be
        repeated.
        """
        answer = self._post(body, key, "?partial=true", until)
        accepted_of(answer, self._url)
        return rejected_of(answer)

    def _post(
        self, body: bytes, key: str, query: str = "", until: threading.Event | None = None
    ) -> Answer:
        request = Request("POST", self._url + query, body, {"Idempotency-Key": key})
        return tries(self.patience_s, until or threading.Event())(self._once, request)

    def _once(self, request: Request) -> Answer:
        exchange = self._identity.exchange(request, now_s())
        try:
            asked = next(exchange)
            while True:
                asked = exchange.send(self._carry(asked))
        except StopIteration as done:
            answer: Answer = done.value
            return answer

    def _carry(self, asked: Request) -> Response:
        try:
            got = self._http.request(
                asked.method, asked.url, content=asked.body, headers=asked.headers
            )
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise SettingsError(f"{asked.url}: {error}") from error
        except httpx2.RequestError as error:
            return Response(NO_CONNECTION, {}, (str(error) or repr(error)).encode())
        return Response(got.status_code, got.headers, got.content)
