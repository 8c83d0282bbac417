"""What is asked of LiveOps and what its answers mean, whatever carries them. Pure.

An exchange is a generator of requests that is sent the response to each and returns the
answer, so that the blocking and the asynchronous client are the same but for how they wait.
"""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from liveops.errors import InvalidInput, SettingsError, Unavailable

#: A metric as `POST /api/metrics` takes it.
MetricLike = Mapping[str, Any]
Answer = dict[str, Any]
#: The same call may succeed later.
RETRY_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
#: In the place of a status: there was no answer.
NO_CONNECTION = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    url: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """Its response; header names are in lower case, `body` says why there is none."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Exchange = Generator[Request, Response, Answer]


class Identity:
    """Who calls: a fixed `token`, or a user, signed in when it is needed."""

    def __init__(self, auth_url: str, token: str | None, username: str, password: str) -> None:
        if not token and not (auth_url and username):
            raise SettingsError("a client needs a token, or auth_url, username and password")
        self._url = f"{auth_url.rstrip('/')}/api/auth/login"
        self._token = token
        self._user = None if token else {"username": username, "password": password}

    def exchange(self, request: Request, now_s: float) -> Exchange:
        """One try. Raises InvalidInput where repeating cannot help, else Unavailable."""
        if self._token is None:
            body = json.dumps(self._user).encode()
            asked = Request("POST", self._url, body, _JSON)
            answer = judged(asked, (yield asked), now_s)
            self._token = str(answer.get("access_token", ""))
        signed = request.headers | {"Authorization": f"Bearer {self._token}"}
        if request.body is not None:
            signed |= _JSON
        response = yield Request(request.method, request.url, request.body, signed)
        if response.status == 401 and self._user is not None:
            self._token = None
            raise Unavailable("LiveOps", f"{request.url}: the token is no longer valid")
        return judged(request, response, now_s)


_JSON = {"Content-Type": "application/json"}


def judged(request: Request, response: Response, now_s: float) -> Answer:
    """The answer of a response that is a success; raises InvalidInput or Unavailable."""
    status, answer = response.status, _json(response.body)
    if 200 <= status < 300:
        return answer
    what = f"{request.method} {request.url}: "
    detail = answer.get("detail", answer)
    if status == NO_CONNECTION:
        raise Unavailable("LiveOps", f"{what}no connection: {detail}")
    if status not in RETRY_STATUSES:
        raise InvalidInput(f"{what}{status} {detail}")
    wait_s = retry_after_s(response.headers.get("retry-after", ""), now_s)
    raise Unavailable("LiveOps", f"{what}{status}: {detail}", wait_s=wait_s)


def accepted_of(answer: Answer, url: str, sent: int | None = None) -> int:
    """How many metrics an answer says were accepted; InvalidInput when it does not say.

    `sent` is how many there were: every one is accepted or rejected.
    """
    accepted, rejected = answer.get("accepted"), answer.get("rejected", [])
    if not isinstance(accepted, int) or not isinstance(rejected, list):
        raise InvalidInput(
            f"POST {url}: the answer does not say how many were accepted; is this LiveOps?"
        )
    if sent is not None and accepted + len(rejected) != sent:
        raise InvalidInput(f"POST {url}: of {sent} metrics {accepted} were accepted")
    return accepted


def rejected_of(answer: Answer) -> list[tuple[int, str]]:
    """Index and fault of what was refused of a batch."""
    return [
        (int(item["index"]), "; ".join(str(fault["msg"]) for fault in item["errors"]))
        for item in answer.get("rejected", ())
    ]


def retry_after_s(text: str, now_s: float) -> float:
    """The wait that `Retry-After` asks for, in seconds: a number or an HTTP date; else 0."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now_s)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def now_s() -> float:
    """The wall clock, to compare with dates."""
    return time.time()


def _json(text: bytes) -> Answer:
    try:
        plain = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {"detail": text[:200].decode(errors="replace")}
    return plain if isinstance(plain, dict) else {"items": plain}
