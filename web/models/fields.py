"""Field types that several request bodies share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

#: PostgreSQL text cannot hold NUL.
NO_NUL = r"^[^\x00]*$"
Severity = Literal["critical", "high", "medium", "low"]
ServiceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]
#: Pattern of shell style that chooses names.
Glob = Annotated[str, Field(min_length=1, max_length=128, pattern=NO_NUL)]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_NUL)
]
#: A time that every part of the product can represent, whatever its offset.
Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(1971, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC)),
]
