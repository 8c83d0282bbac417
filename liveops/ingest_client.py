"""Client of `POST /api/metrics` that does not lose or double anything.

Each batch carries an `Idempotency-Key`; 401 signs in again, 409, 429, 503 and broken
connections are tried again with the same key until they succeed or time is up.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from liveops.errors import InvalidInput, SettingsError, Unavailable
from liveops.runtime.retry import retrying

MAX_BATCH = 1000
_RETRY_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 15.0


def read_password(data_dir: Path, username: str) -> str:
    """Password of a user from `credentials.json`; SettingsError when it is not there."""
    path = data_dir / "credentials.json"
    try:
        password = json.loads(path.read_text(encoding="utf-8"))[username]["password"]
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing; is `liveops up` running?") from None
    except (KeyError, TypeError, ValueError):
        raise SettingsError(f"{path} has no password of user {username}") from None
    return str(password)


class IngestClient:
    """Sends as one user (`username`, `password`) or with a fixed `token`."""

    def __init__(
        self,
        auth_url: str,
        metrics_url: str,
        *,
        token: str | None = None,
        username: str = "",
        password: str = "",
        patience_s: float = 120.0,
    ) -> None:
        self._auth_url = auth_url.rstrip("/")
        self._metrics_url = metrics_url.rstrip("/")
        self._token = token
        self._user = None if token else {"username": username, "password": password}
        self._patience_s = patience_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, metrics: Sequence[dict[str, Any]]) -> int:
        """Send up to 1,000 metrics; returns how many were accepted.

        Raises InvalidInput when refused, Unavailable when patience is at its end.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        url = f"{self._metrics_url}/api/metrics"
        answer = await self._call("POST", url, orjson.dumps(list(metrics)), headers)
        return int(answer["accepted"])

    async def send_partial(self, body: bytes, key: str) -> list[tuple[int, str]]:
        """Send a JSON array of up to 1,000 metrics under an idempotency key.

        Returns the index and the fault of what was refused of it; raises InvalidInput when all
        was, Unavailable when patience is at its end: then the same call may be repeated.
        """
        url = f"{self._metrics_url}/api/metrics?partial=true"
        answer = await self._call("POST", url, body, {"Idempotency-Key": key})
        return [
            (int(item["index"]), "; ".join(fault["msg"] for fault in item["errors"]))
            for item in answer.get("rejected", ())
        ]

    async def declare_topology(self, edges: Sequence[tuple[str, str]]) -> None:
        """Replace the declared call graph by these (caller, callee) edges."""
        body = {"edges": [{"from": caller, "to": callee} for caller, callee in edges]}
        await self._call("PUT", f"{self._metrics_url}/api/topology", orjson.dumps(body), {})

    async def services(self) -> list[dict[str, Any]]:
        """All that `GET /api/services` lists."""
        items: list[dict[str, Any]] = []
        url = f"{self._metrics_url}/api/services?limit=500"
        cursor = ""
        while True:
            answer = await self._call("GET", url + cursor, None, {})
            items += answer["items"]
            if answer["next_cursor"] is None:
                return items
            cursor = f"&cursor={answer['next_cursor']}"

    async def _call(
        self, method: str, url: str, data: bytes | None, headers: dict[str, str]
    ) -> dict[str, Any]:
        """Tries with the same headers until it succeeds or patience is at its end."""
        policy = retrying(
            first_s=_FIRST_DELAY_S, longest_s=_LONGEST_DELAY_S, within_s=self._patience_s
        )
        return await policy(self._once, method, url, data, headers)

    async def _once(
        self, method: str, url: str, data: bytes | None, headers: dict[str, str]
    ) -> dict[str, Any]:
        status, answer, wait_s = await self._try(method, url, data, headers)
        if 200 <= status < 300:
            return answer
        detail = answer.get("detail", answer)
        if status == 401 and self._user is not None:
            self._token = None
        elif status not in _RETRY_STATUSES and status != 0:
            raise InvalidInput(f"{method} {url}: {status} {detail}")
        await asyncio.sleep(min(wait_s, self._patience_s))
        raise Unavailable("LiveOps", f"{method} {url}: {status or 'no connection'}: {detail}")

    async def _try(
        self, method: str, url: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any], float]:
        """Status (0: no connection), JSON answer and the wait the server asks for."""
        if self._token is None:
            status, answer, wait_s = await self._request(
                "POST", f"{self._auth_url}/api/auth/login", orjson.dumps(self._user), {}
            )
            if status != 200:
                return (403 if status == 401 else status), answer, wait_s
            self._token = str(answer["access_token"])
        signed = headers | {"Authorization": f"Bearer {self._token}"}
        return await self._request(method, url, data, signed)

    async def _request(
        self, method: str, url: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any], float]:
        if self._session is None:
            raise RuntimeError("IngestClient is used outside `async with`")
        sent = headers | {"Content-Type": "application/json"}
        try:
            async with self._session.request(method, url, data=data, headers=sent) as response:
                text = await response.read()
                wait = response.headers.get("Retry-After", "0")
                return response.status, _json(text), float(wait) if wait.isdigit() else 0.0
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, {"detail": str(error)}, 0.0


def _json(text: bytes) -> dict[str, Any]:
    try:
        plain = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        return {"detail": text[:200].decode(errors="replace")}
    return plain if isinstance(plain, dict) else {"items": plain}
