"""`/api/receivers`: who is told of incidents. For ENGINEERs only: receivers hold secrets."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from aiohttp import web

from liveops.deps import Deps
from liveops.errors import InvalidInput, Issue
from liveops.notify import apprise_urls
from liveops.notify.addresses import RefusedAddress, check_host
from liveops.notify.receiver import Hours, Receiver
from liveops.notify.sender import Sender
from liveops.notify.trial import trial_notices
from liveops.postgres import receivers as store
from liveops.postgres.receivers import Health
from web.bodies import read_model
from web.ids import id_of
from web.models.receivers import ReceiverAnswer, ReceiverBody, ReceiverPage, TrialAnswer
from web.paging import PAGE, page_of
from web.routing import Access, Route, json_response
from web.versions import etag, expected_version


def routes(deps: Deps, sender: Sender) -> list[Route]:
    """List, read, create, replace, delete and try receivers."""
    handlers = ReceiverHandlers(deps, sender)
    path, one = "/api/receivers", "/api/receivers/{id}"
    return [
        Route(
            "GET",
            path,
            handlers.listing,
            Access.WRITE,
            "Receivers of notifications by name, each with its last failure",
            response_model=ReceiverPage,
            query=PAGE,
        ),
        Route(
            "POST",
            path,
            handlers.create,
            Access.WRITE,
            "Add a receiver; addresses that are not public are 422 unless "
            "LIVEOPS_NOTIFY_ALLOW_PRIVATE allows them",
            request_model=ReceiverBody,
            response_model=ReceiverAnswer,
            status=201,
        ),
        Route(
            "GET", one, handlers.read, Access.WRITE, "One receiver", response_model=ReceiverAnswer
        ),
        Route(
            "PUT",
            one,
            handlers.replace,
            Access.WRITE,
            "Put another receiver in its place, whole but for a secret that is left out; "
            "If-Match is honoured",
            request_model=ReceiverBody,
            response_model=ReceiverAnswer,
        ),
        Route("DELETE", one, handlers.delete, Access.WRITE, "Remove a receiver", status=204),
        Route(
            "POST",
            one + "/test",
            handlers.test,
            Access.WRITE,
            "Send a test message now; PagerDuty and Alertmanager are told its end as well",
            response_model=TrialAnswer,
        ),
    ]


class ReceiverHandlers:
    """The handlers."""

    def __init__(self, deps: Deps, sender: Sender) -> None:
        self._deps = deps
        self._sender = sender

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """By name."""
        found = await store.all_receivers(self._deps.database)
        page, cursor = page_of(request, found, lambda pair: [pair[0].name, pair[0].id])
        return json_response({"items": [_public(*pair) for pair in page], "next_cursor": cursor})

    async def create(self, request: web.Request) -> web.StreamResponse:
        """201 with Location."""
        body = await read_model(request, ReceiverBody)
        receiver = await self._checked(body, str(uuid4()))
        await store.add_receiver(self._deps.database, receiver)
        return await self._answer(receiver.id, 201)

    async def read(self, request: web.Request) -> web.StreamResponse:
        """One."""
        return await self._answer(id_of(request))

    async def replace(self, request: web.Request) -> web.StreamResponse:
        """The whole receiver; without `secret` the stored one stays."""
        receiver_id, expected = id_of(request), expected_version(request)
        body = await read_model(request, ReceiverBody)
        old, _ = await store.fetch_receiver(self._deps.database, receiver_id)
        receiver = await self._checked(body, receiver_id, _kept(old, body))
        await store.replace_receiver(
            self._deps.database,
            receiver,
            keep_secret=body.secret is None and receiver.secret == old.secret,
            expected_version=expected,
        )
        return await self._answer(receiver_id)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """204."""
        await store.delete_receiver(self._deps.database, id_of(request))
        return web.Response(status=204)

    async def test(self, request: web.Request) -> web.StreamResponse:
        """Send and say what became of it."""
        receiver, _ = await store.fetch_receiver(self._deps.database, id_of(request))
        detail = ""
        for notice in trial_notices(receiver, str(uuid4()), self._deps.clock.now_s()):
            outcome = await self._sender.send(receiver, notice)
            detail = outcome.detail
            if not outcome.delivered:
                break
        fault = "" if outcome.delivered else detail
        await store.note_trial(self._deps.database, receiver.id, fault)
        return json_response({"delivered": outcome.delivered, "detail": detail})

    async def _checked(self, body: ReceiverBody, receiver_id: str, kept: str = "") -> Receiver:
        """The receiver, its address looked at; raises InvalidInput."""
        try:
            receiver = body.receiver(receiver_id, kept)
            host = _host(receiver)
            if host is not None:
                await check_host(host, allow_private=self._deps.settings.notify_allow_private)
        except RefusedAddress as error:
            raise _invalid(f"{error}; LIVEOPS_NOTIFY_ALLOW_PRIVATE allows it") from None
        except ValueError as error:
            raise _invalid(str(error)) from None
        return receiver

    async def _answer(self, receiver_id: str, status: int = 200) -> web.Response:
        receiver, health = await store.fetch_receiver(self._deps.database, receiver_id)
        headers = etag(receiver.version)
        if status == 201:
            headers |= {"Location": f"/api/receivers/{receiver.id}"}
        return json_response(_public(receiver, health), status, headers)


def _kept(old: Receiver, body: ReceiverBody) -> str:
    """The stored secret; one that is sent as it is goes nowhere but where it was meant to go."""
    moved = (old.kind, old.url) != (body.kind, body.url)
    signs = old.kind == body.kind == "webhook"
    if body.secret is None and old.secret and moved and not signs:
        why = "must be given again when kind or url change"
        raise InvalidInput(f"secret {why}", [Issue(["secret"], why)])
    return old.secret


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(f"url: {why}", [Issue(["url"], why)])


def _host(receiver: Receiver) -> str | None:
    """The host that will be called; of services with a fixed one, none of ours to check."""
    if receiver.kind != "apprise":
        return urlsplit(receiver.address).hostname or ""
    return apprise_urls.mail_host(apprise_urls.plugin_of(receiver.address))


def _public(receiver: Receiver, health: Health) -> dict[str, Any]:
    """JSON form; the secret is not in it."""
    failed_at, delivered_at = health.last_failed_at, health.last_delivered_at
    return {
        "id": receiver.id,
        "name": receiver.name,
        "kind": receiver.kind,
        "url": receiver.url,
        "has_secret": bool(receiver.secret),
        "match": {
            "service": receiver.match.service,
            "severities": list(receiver.match.severities),
            "hours": _public_hours(receiver.match.hours),
        },
        "after_s": receiver.after_s,
        "enabled": receiver.enabled,
        "silences": receiver.silences,
        "version": receiver.version,
        "failing": failed_at is not None and (delivered_at is None or failed_at > delivered_at),
        "last_delivered_at": delivered_at,
        "last_failure": failed_at and {"at": failed_at, "detail": health.last_error},
    }


def _public_hours(hours: Hours | None) -> dict[str, Any] | None:
    if hours is None:
        return None
    return {
        "from": f"{hours.start // 60:02}:{hours.start % 60:02}",
        "to": f"{hours.end // 60:02}:{hours.end % 60:02}",
        "days": list(hours.days),
        "zone": hours.zone,
    }
