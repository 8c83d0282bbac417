"""Slack: Block Kit; with a bot's token one message an incident, updated in place. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import orjson

from liveops.notify.digest import Digest
from liveops.notify.message import Notice, Request, headline, is_of_silence, lines
from liveops.notify.receiver import Receiver

#: How a bot's token begins; any other secret belongs into the URL of an incoming webhook.
BOT_TOKEN = "xoxb-"  # noqa: S105 - the beginning of one, not a secret
#: The API answers 200 with these where trying again can help.
_PASSING = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error",
                      "service_unavailable", "request_timeout"})  # fmt: skip
_HEADER_CHARS, _SECTION_CHARS = 150, 3000


def is_bot(receiver: Receiver) -> bool:
    """Whether messages can be updated in place."""
    return receiver.secret.startswith(BOT_TOKEN)


def channel_of(url: str) -> str | None:
    """The channel that the URL of a bot's receiver names: `https://slack.com/api?channel=C1`."""
    return next(iter(parse_qs(urlsplit(url).query).get("channel", [])), None)


def request(receiver: Receiver, notice: Notice) -> Request:
    """The message, or the newer text for it where `reference` names one."""
    title = headline(notice)
    blocks = _blocks(title, [line for line in lines(notice) if line != notice.link])
    if notice.link:
        what = "See the silences" if is_of_silence(notice) else "Open the incident"
        blocks.append(_section(f"<{notice.link}|{what}>"))
    return _request(receiver, {"text": _escaped(title), "blocks": blocks}, notice.reference)


def digest_request(receiver: Receiver, digest: Digest) -> Request:
    """Many events as one message."""
    blocks = _blocks(digest.title, list(digest.lines))
    return _request(receiver, {"text": _escaped(digest.title), "blocks": blocks}, "")


def reference_of(answer: Any) -> str:
    """`channel/ts` of the message that an answer of the API names, or ""."""
    if isinstance(answer, dict) and answer.get("channel") and answer.get("ts"):
        return f"{answer['channel']}/{answer['ts']}"
    return ""


def fault_of(answer: Any) -> tuple[str, bool]:
    """What an answer of the API says went wrong ("" for nothing), and whether it can pass."""
    if isinstance(answer, dict) and answer.get("ok") is False:
        error = str(answer.get("error", "unknown"))[:100]
        return f"slack says {error}", error in _PASSING
    return "", False


def _request(receiver: Receiver, content: dict[str, Any], reference: str) -> Request:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if not is_bot(receiver):
        return Request(receiver.address, orjson.dumps(content), headers)
    parts = urlsplit(receiver.address)
    channel, _, ts = reference.partition("/")
    method = "chat.update" if ts else "chat.postMessage"
    content = {"channel": channel or channel_of(receiver.address), **content}
    if ts:
        content["ts"] = ts
    url = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{method}", query=""))
    headers["Authorization"] = f"Bearer {receiver.secret}"
    return Request(url, orjson.dumps(content), headers)


def _blocks(title: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    head = {"type": "header", "text": {"type": "plain_text", "text": title[:_HEADER_CHARS]}}
    return [head, _section(_escaped("\n".join(texts)))]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:_SECTION_CHARS]}}


def _escaped(text: str) -> str:
    """Slack's three control characters as text: no mention or link is made by a title."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
