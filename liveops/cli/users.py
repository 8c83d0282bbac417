"""`liveops users` and `liveops token`: people and their tokens, straight in the database."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from uuid import uuid4

import typer

from liveops.cli.options import AsJson, DataDir, settings_for
from liveops.errors import NotFound
from liveops.settings import required

app = typer.Typer(help="Who may sign in.", no_args_is_help=True)
T = TypeVar("T")

Roles = Annotated[
    list[str] | None, typer.Option("--role", help="ENGINEER or MANAGER; may be given twice")
]
Password = Annotated[
    str,
    typer.Option(
        "--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Asked if absent"
    ),
]


def with_database(settings: Any, call: Callable[[Any], Awaitable[T]]) -> T:
    """What `call` gives with a database of its own."""
    from liveops.postgres.database import Database

    async def run() -> T:
        database = Database(required(settings, "database_url"), max_connections=1)
        try:
            return await call(database)
        finally:
            await database.stop()

    return asyncio.run(run())


@app.command("add")
def add(name: str, password: Password, role: Roles = None, data_dir: DataDir = None) -> None:
    """Add a user (default role MANAGER)."""
    from liveops.postgres.users import add_user
    from liveops.security.passwords import MIN_CHARS, hash_password
    from liveops.security.principal import MANAGER, ROLES, USER_NAME

    roles = role or [MANAGER]
    if not re.fullmatch(USER_NAME, name):
        raise typer.BadParameter("a name has up to 64 letters, digits, dots, dashes, _ or @")
    if not set(roles) <= set(ROLES):
        raise typer.BadParameter(f"a role is one of {', '.join(ROLES)}")
    if len(password) < MIN_CHARS:
        raise typer.BadParameter(f"a password has at least {MIN_CHARS} characters")

    async def call(database: Any) -> None:
        await add_user(database, name, await hash_password(password), roles)

    with_database(settings_for(data_dir), call)
    typer.echo(f"added {name} ({', '.join(roles)})")


@app.command("list")
def listing(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the users."""
    import json

    from liveops.postgres.users import all_users

    found = with_database(settings_for(data_dir), all_users)
    if as_json:
        typer.echo(json.dumps([user.public() for user in found]))
        return
    for user in found:
        state = "disabled" if user.disabled else "enabled"
        typer.echo(f"{user.name:24} {','.join(user.roles):20} {state}")


@app.command("passwd")
def passwd(name: str, password: Password, data_dir: DataDir = None) -> None:
    """Set a new password; ends the user's sessions."""
    from liveops.postgres.users import change_user
    from liveops.security.passwords import MIN_CHARS, hash_password

    if len(password) < MIN_CHARS:
        raise typer.BadParameter(f"a password has at least {MIN_CHARS} characters")

    async def call(database: Any) -> None:
        await change_user(database, name, password_hash=await hash_password(password))

    with_database(settings_for(data_dir), call)
    typer.echo(f"password of {name} changed")


@app.command("disable")
def disable(name: str, data_dir: DataDir = None) -> None:
    """Disable a user; ends their sessions."""
    from liveops.postgres.users import change_user

    with_database(settings_for(data_dir), lambda db: change_user(db, name, disabled=True))
    typer.echo(f"{name} is disabled")


def token_command(
    user: Annotated[str | None, typer.Option("--user", help="Access token of this user")] = None,
    ingest: Annotated[
        str | None, typer.Option("--ingest", help="Ingest token with this name")
    ] = None,
    service: Annotated[
        list[str] | None, typer.Option("--service", help="Glob of services it may write")
    ] = None,
    ttl_s: Annotated[
        int | None, typer.Option("--ttl", min=1, help="Seconds until it expires")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Print a JWT for a user or a new ingest token."""
    if (user is None) == (ingest is None):
        raise typer.BadParameter("give --user NAME or --ingest NAME")
    settings = settings_for(data_dir)
    if user is not None:
        typer.echo(_user_token(settings, user, ttl_s))
    else:
        typer.echo(_ingest_token(settings, ingest or "", service or ["*"], ttl_s))


def _user_token(settings: Any, name: str, ttl_s: int | None) -> str:
    from liveops.postgres.users import fetch_user
    from liveops.security.tokens import user_token

    user = with_database(settings, lambda db: fetch_user(db, name))
    if user is None or user.disabled:
        raise NotFound(f"no enabled user {name}")
    secret = required(settings, "jwt_secret")
    lifetime_s = ttl_s or settings.access_token_ttl_s
    return user_token(secret, name, list(user.roles), time.time(), lifetime_s)


def _ingest_token(settings: Any, name: str, services: list[str], ttl_s: int | None) -> str:
    from liveops.postgres.ingest_tokens import add_ingest_token
    from liveops.security.tokens import ingest_token

    token_id, now_s = str(uuid4()), time.time()
    expires_at_s = now_s + ttl_s if ttl_s else None
    with_database(
        settings,
        lambda db: add_ingest_token(db, token_id, name, services, "command line", expires_at_s),
    )
    return ingest_token(required(settings, "jwt_secret"), token_id, services, now_s, expires_at_s)
