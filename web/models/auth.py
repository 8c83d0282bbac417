"""Sign-in, users and ingest tokens as clients write them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from liveops.security.passwords import MIN_CHARS
from liveops.security.principal import USER_NAME
from web.models.fields import Glob, Line, Moment

Role = Literal["ENGINEER", "MANAGER"]
UserName = Annotated[str, Field(pattern=USER_NAME)]
Password = Annotated[SecretStr, Field(min_length=MIN_CHARS, max_length=1024)]


class LoginBody(BaseModel):
    """Name and password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    username: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=1024)]


class RefreshBody(BaseModel):
    """The refresh token, good once."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    refresh_token: Annotated[str, Field(min_length=1, max_length=512)]


class LogoutBody(BaseModel):
    """The refresh token to end with the access token; without it all sessions end."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    refresh_token: Annotated[str, Field(min_length=1, max_length=512)] | None = None


class TokenAnswer(BaseModel):
    """A signed-in session."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    roles: list[Role]


class UserBody(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    username: UserName
    password: Password
    roles: list[Role] = Field(min_length=1, max_length=2)


class UserPatch(BaseModel):
    """What changes of a user; ends their sessions and tokens."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    password: Password | None = None
    roles: list[Role] | None = Field(default=None, min_length=1, max_length=2)
    disabled: bool | None = None


class IngestTokenBody(BaseModel):
    """A token that can only write metrics of the services named by globs."""

    model_config = ConfigDict(extra="forbid")

    name: Line
    services: list[Glob] = Field(default=["*"], min_length=1, max_length=100)
    expires_at: Moment | None = None


class MeAnswer(BaseModel):
    """The caller."""

    username: str
    roles: list[Role]


class UserAnswer(BaseModel):
    """A user."""

    username: str
    roles: list[Role]
    disabled: bool
    created_at: datetime


class UserPage(BaseModel):
    """Users by name."""

    items: list[UserAnswer]
    next_cursor: str | None


class IngestTokenMade(BaseModel):
    """A new ingest token, shown this once."""

    id: UUID
    name: str
    token: str


class IngestTokenAnswer(BaseModel):
    """What is known of an ingest token."""

    id: UUID
    name: str
    services: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None


class IngestTokenPage(BaseModel):
    """Ingest tokens by name."""

    items: list[IngestTokenAnswer]
    next_cursor: str | None
