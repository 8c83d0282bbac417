"""The one sender: a receiver and what it is told, in; what became of it, out.

Redirects are not followed, and the address is looked at when the connection is made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

from liveops import __version__
from liveops.notify import alertmanager, apprise_urls, pagerduty, slack, webhook
from liveops.notify.addresses import NOT_PUBLIC, check_host, socket_factory
from liveops.notify.digest import Digest
from liveops.notify.message import Notice, Request
from liveops.notify.receiver import Receiver

#: A receiver has so long to take a message and answer.
DEADLINE_S = 10.0
_ANSWER_BYTES = 64 * 1024
_DETAIL_CHARS = 300
#: Besides 5xx, answers after which a further try can help.
_AGAIN = frozenset({408, 429})
_REQUESTS: dict[str, Callable[[Receiver, Notice], Request]] = {
    "webhook": webhook.request,
    "slack": slack.request,
    "pagerduty": pagerduty.request,
    "alertmanager": alertmanager.request,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`detail` in one line; `again` when a further try can help, after `wait_s` if asked for."""

    delivered: bool
    detail: str
    again: bool = False
    wait_s: float | None = None
    reference: str = ""


class Sender:
    """Holds the connections; any number of deliveries at once."""

    def __init__(self, *, allow_private: bool, deadline_s: float = DEADLINE_S) -> None:
        self._allow_private = allow_private
        self._deadline_s = deadline_s
        self._session: aiohttp.ClientSession | None = None

    async def stop(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, receiver: Receiver, notice: Notice | Digest) -> Outcome:
        """Send within the deadline; never raises what the receiver is to blame for."""
        try:
            async with asyncio.timeout(self._deadline_s):
                if receiver.kind == "apprise":
                    return await self._send_by_library(receiver, notice)
                if isinstance(notice, Digest):
                    return await self._post(receiver, slack.digest_request(receiver, notice))
                return await self._post(receiver, _REQUESTS[receiver.kind](receiver, notice))
        except TimeoutError:
            return Outcome(False, f"no answer within {self._deadline_s:g} s", again=True)
        except aiohttp.InvalidURL:
            return Outcome(False, "the URL is not valid")
        except (aiohttp.ClientError, OSError) as error:
            return _broken(error)

    async def _post(self, receiver: Receiver, request: Request) -> Outcome:
        headers = {"User-Agent": f"LiveOps/{__version__}", **request.headers}
        async with self._opened().post(
            request.url, data=request.body, headers=headers, allow_redirects=False
        ) as response:
            text = await response.content.read(_ANSWER_BYTES)
            return _judged(receiver, response, text)

    async def _send_by_library(self, receiver: Receiver, notice: Notice | Digest) -> Outcome:
        """The library blocks, so it has a thread; one that is late goes on unheard."""
        try:
            plugin = apprise_urls.plugin_of(receiver.address)
        except apprise_urls.BadUrl as error:
            return Outcome(False, str(error))
        host = apprise_urls.mail_host(plugin)
        if host is not None:
            await check_host(host, allow_private=self._allow_private)
        if await asyncio.to_thread(apprise_urls.send, plugin, notice):
            return Outcome(True, "delivered")
        return Outcome(False, "the service did not take it", again=True)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                socket_factory=socket_factory(allow_private=self._allow_private),
                limit=100,
                use_dns_cache=False,
            )
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def _judged(receiver: Receiver, response: aiohttp.ClientResponse, text: bytes) -> Outcome:
    status = response.status
    if 200 <= status < 300:
        return _accepted(receiver, text)
    if 300 <= status < 400:
        return Outcome(False, f"answered {status}; redirects are not followed")
    again = status in _AGAIN or status >= 500
    said = " ".join(text[:_DETAIL_CHARS].decode("utf-8", "replace").split()).replace("\x00", "")
    wait_s = _asked(response.headers.get("Retry-After")) if again else None
    return Outcome(False, f"answered {status}: {said}".rstrip(": "), again, wait_s)


def _accepted(receiver: Receiver, text: bytes) -> Outcome:
    if receiver.kind != "slack":
        return Outcome(True, "delivered")
    answer = _decoded(text)
    fault, again = slack.fault_of(answer)
    if fault:
        return Outcome(False, fault, again)
    return Outcome(True, "delivered", reference=slack.reference_of(answer))


def _decoded(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None  # an incoming webhook answers `ok`


def _asked(header: str | None) -> float | None:
    """Seconds of a Retry-After header: a number, or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def _broken(error: BaseException) -> Outcome:
    """A connection that was not made or broke; one that we refuse to make is not tried again."""
    reason = str(getattr(error, "os_error", None) or error)
    if NOT_PUBLIC in reason:
        return Outcome(False, f"{reason} (LIVEOPS_NOTIFY_ALLOW_PRIVATE)")
    return Outcome(False, f"{type(error).__name__}: {reason}"[:_DETAIL_CHARS], again=True)
