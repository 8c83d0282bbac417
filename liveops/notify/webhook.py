"""The webhook of contract §7: body and signature. Pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import orjson

from liveops.notify.message import Notice, Request, is_of_silence, merged_into
from liveops.notify.receiver import Receiver
from schema.times import format_time

SIGNATURE = "X-LiveOps-Signature"


def request(receiver: Receiver, notice: Notice) -> Request:
    """The POST; signed when the receiver has a secret."""
    about: dict[str, Any] = dict(notice.incident)
    target = None if is_of_silence(notice) else merged_into(about)
    if target:
        about["merged_into"] = target
    body = orjson.dumps(
        {
            "version": 1,
            "event": notice.event,
            "delivery_id": notice.delivery_id,
            "sent_at": format_time(notice.sent_at_s),
            "silence" if is_of_silence(notice) else "incident": about,
        }
    )
    headers = {"Content-Type": "application/json"}
    if receiver.secret:
        headers[SIGNATURE] = signature(receiver.secret, int(notice.sent_at_s), body)
    return Request(receiver.address, body, headers)


def signature(secret: str, at_s: int, body: bytes) -> str:
    """`t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    signed = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256)
    return f"t={at_s},v1={signed.hexdigest()}"
