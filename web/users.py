"""`/api/auth/users` and `/api/auth/ingest-tokens`: administration for engineers."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from aiohttp import web

from liveops.deps import Deps
from liveops.errors import InvalidInput, Issue, NotFound
from liveops.postgres import ingest_tokens, users
from liveops.security.passwords import hash_password
from liveops.security.tokens import ingest_token
from web.bodies import read_model
from web.ids import id_of
from web.models.auth import (
    IngestTokenBody,
    IngestTokenMade,
    IngestTokenPage,
    UserAnswer,
    UserBody,
    UserPage,
    UserPatch,
)
from web.paging import PAGE, page_of
from web.routing import Access, Route, json_response


def routes(deps: Deps) -> list[Route]:
    """Users and ingest tokens."""
    handlers = AdministrationHandlers(deps)
    people, tokens = "/api/auth/users", "/api/auth/ingest-tokens"
    write = Access.WRITE
    return [
        Route(
            "GET",
            people,
            handlers.list_users,
            write,
            "All users",
            response_model=UserPage,
            query=PAGE,
        ),
        Route(
            "POST",
            people,
            handlers.add_user,
            write,
            "Add a user",
            request_model=UserBody,
            response_model=UserAnswer,
            status=201,
        ),
        Route(
            "PATCH",
            people + "/{name}",
            handlers.change_user,
            write,
            "Change password, roles or the disabled flag; ends their sessions",
            request_model=UserPatch,
            response_model=UserAnswer,
        ),
        Route(
            "DELETE",
            people + "/{name}",
            handlers.delete_user,
            write,
            "Remove a user; the ingest tokens they made end too",
            status=204,
        ),
        Route(
            "GET",
            tokens,
            handlers.list_tokens,
            write,
            "Ingest tokens that are in force",
            response_model=IngestTokenPage,
            query=PAGE,
        ),
        Route(
            "POST",
            tokens,
            handlers.add_token,
            write,
            "Make an ingest token; it is shown this once",
            request_model=IngestTokenBody,
            response_model=IngestTokenMade,
            status=201,
        ),
        Route(
            "DELETE", tokens + "/{id}", handlers.revoke, write, "Revoke an ingest token", status=204
        ),
    ]


class AdministrationHandlers:
    """The handlers."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def list_users(self, request: web.Request) -> web.StreamResponse:
        """GET /api/auth/users."""
        found = await users.all_users(self._deps.database)
        page, cursor = page_of(request, found, lambda user: [user.name])
        return json_response({"items": [user.public() for user in page], "next_cursor": cursor})

    async def add_user(self, request: web.Request) -> web.StreamResponse:
        """POST /api/auth/users."""
        body = await read_model(request, UserBody)
        hashed = await hash_password(body.password.get_secret_value())
        roles = list(dict.fromkeys(body.roles))
        await users.add_user(self._deps.database, body.username, hashed, list(roles))
        headers = {"Location": f"/api/auth/users/{body.username}"}
        return json_response(await self._public(body.username), 201, headers)

    async def change_user(self, request: web.Request) -> web.StreamResponse:
        """PATCH /api/auth/users/{name}."""
        body = await read_model(request, UserPatch)
        name = _name(request)
        password = body.password
        await users.change_user(
            self._deps.database,
            name,
            password_hash=await hash_password(password.get_secret_value()) if password else None,
            roles=None if body.roles is None else [str(role) for role in body.roles],
            disabled=body.disabled,
        )
        return json_response(await self._public(name))

    async def _public(self, name: str) -> dict[str, Any]:
        user = await users.fetch_user(self._deps.database, name)
        if user is None:
            raise NotFound("no user of this name")
        return user.public()

    async def delete_user(self, request: web.Request) -> web.StreamResponse:
        """DELETE /api/auth/users/{name}."""
        await users.delete_user(self._deps.database, _name(request))
        return web.Response(status=204)

    async def list_tokens(self, request: web.Request) -> web.StreamResponse:
        """GET /api/auth/ingest-tokens."""
        items = await ingest_tokens.all_ingest_tokens(self._deps.database)
        page, cursor = page_of(request, items, lambda item: [item["name"], item["id"]])
        return json_response({"items": page, "next_cursor": cursor})

    async def add_token(self, request: web.Request) -> web.StreamResponse:
        """POST /api/auth/ingest-tokens."""
        body = await read_model(request, IngestTokenBody)
        now_s = self._deps.clock.now_s()
        expires_at_s = body.expires_at.timestamp() if body.expires_at else None
        if expires_at_s is not None and expires_at_s <= now_s:
            raise InvalidInput("already expired", [Issue(["expires_at"], "must be in the future")])
        token_id = str(uuid4())
        await ingest_tokens.add_ingest_token(
            self._deps.database,
            token_id,
            body.name,
            body.services,
            request["principal"].subject,
            expires_at_s,
        )
        secret = self._deps.settings.jwt_secret or ""
        token = ingest_token(secret, token_id, body.services, now_s, expires_at_s)
        return json_response({"id": token_id, "name": body.name, "token": token}, 201)

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """DELETE /api/auth/ingest-tokens/{id}."""
        await ingest_tokens.revoke_ingest_token(self._deps.database, id_of(request))
        return web.Response(status=204)


def _name(request: web.Request) -> str:
    name = request.match_info["name"]
    if "\x00" in name:
        raise NotFound("no user of this name")
    return name
