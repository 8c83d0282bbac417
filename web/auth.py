"""`/api/auth`: sign in, stay signed in, sign out."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from aiohttp import web

from liveops.deps import Deps
from liveops.postgres import users as store
from liveops.postgres.users import User
from liveops.security.passwords import matches
from liveops.security.throttle import Door, Throttle
from liveops.security.tokens import user_token
from web.bodies import read_model
from web.client_address import client_address
from web.models.auth import LoginBody, LogoutBody, MeAnswer, RefreshBody, TokenAnswer
from web.problems import Problem
from web.routing import Access, Route, json_response

#: Passwords checked at once: bounds memory (19 MiB each) and how many guesses can be
#: under way when a limit is reached.
CHECKS_AT_ONCE = 4
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="liveops"'}


def routes(deps: Deps) -> list[Route]:
    """Login, refresh, logout, me."""
    handlers = SessionHandlers(deps)
    return [
        Route(
            "POST",
            "/api/auth/login",
            handlers.login,
            Access.PUBLIC,
            "Sign in with name and password",
            request_model=LoginBody,
            response_model=TokenAnswer,
        ),
        Route(
            "POST",
            "/api/auth/refresh",
            handlers.refresh,
            Access.PUBLIC,
            "A new access token for a refresh token, which is replaced",
            request_model=RefreshBody,
            response_model=TokenAnswer,
        ),
        Route(
            "POST",
            "/api/auth/logout",
            handlers.logout,
            Access.READ,
            "End the session and revoke the access token",
            request_model=LogoutBody,
            status=204,
        ),
        Route(
            "GET",
            "/api/auth/me",
            handlers.me,
            Access.READ,
            "Who I am",
            response_model=MeAnswer,
        ),
    ]


class SessionHandlers:
    """The handlers."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._throttle = Throttle(deps.cache)
        self._trusted = deps.settings.trusted_networks
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def login(self, request: web.Request) -> web.StreamResponse:
        """POST /api/auth/login."""
        body = await read_model(request, LoginBody)
        async with self._checks:
            user = await self._checked(body, client_address(request, self._trusted))
        expires_at_s = self._deps.clock.now_s() + self._deps.settings.refresh_token_ttl_s
        refresh = await store.start_session(self._deps.database, user.name, expires_at_s)
        return json_response(self._session(user, refresh))

    async def _checked(self, body: LoginBody, address: str) -> User:
        """The user of a right password; raises Problem(401, 429)."""
        deps, door = self._deps, Door(address, body.username)
        user = None
        if "\x00" not in body.username:
            # Before the try is counted: that PostgreSQL is away is nobody's failure.
            user = await store.fetch_user(deps.database, body.username)
        wait_s = await self._throttle.begin(door)
        if wait_s > 0:
            raise Problem(429, "too many failed tries", retry_after_s=math.ceil(wait_s))
        known = user.password_hash if user and not user.disabled else None
        if user is None or not await matches(body.password.get_secret_value(), known):
            await self._throttle.failed(door)
            raise Problem(401, "name or password is wrong", headers=dict(_CHALLENGE))
        await self._throttle.succeeded(door)
        return user

    async def refresh(self, request: web.Request) -> web.StreamResponse:
        """POST /api/auth/refresh."""
        body = await read_model(request, RefreshBody)
        now_s = self._deps.clock.now_s()
        rotated = await store.rotate_session(
            self._deps.database,
            body.refresh_token,
            now_s,
            now_s + self._deps.settings.refresh_token_ttl_s,
        )
        user = await store.fetch_user(self._deps.database, rotated[0]) if rotated else None
        if rotated is None or user is None or user.disabled:
            raise Problem(401, "the refresh token is not good", headers=dict(_CHALLENGE))
        return json_response(self._session(user, rotated[1]))

    async def logout(self, request: web.Request) -> web.StreamResponse:
        """POST /api/auth/logout."""
        body = LogoutBody()
        if request.can_read_body:
            body = await read_model(request, LogoutBody)
        principal = request["principal"]
        if body.refresh_token is not None:
            await store.end_session(self._deps.database, body.refresh_token)
        else:
            await store.end_sessions(self._deps.database, principal.subject)
        async with self._deps.database.transaction() as con:
            await store.revoke_token(con, principal.jti, principal.expires_at_s)
        # The other workers learn it from Kafka; this one need not wait for that.
        self._deps.config.revoked[principal.jti] = principal.expires_at_s
        return web.Response(status=204)

    async def me(self, request: web.Request) -> web.StreamResponse:
        """GET /api/auth/me."""
        principal = request["principal"]
        return json_response({"username": principal.subject, "roles": sorted(principal.roles)})

    def _session(self, user: User, refresh_token: str) -> dict[str, Any]:
        settings = self._deps.settings
        roles = list(user.roles)
        return {
            "access_token": user_token(
                settings.jwt_secret or "",
                user.name,
                roles,
                self._deps.clock.now_s(),
                settings.access_token_ttl_s,
            ),
            "token_type": "Bearer",
            "expires_in": settings.access_token_ttl_s,
            "refresh_token": refresh_token,
            "roles": roles,
        }
