"""The one tree of errors; each says whether trying again can help.

    LiveOpsError
    ├── SettingsError        a setting is unknown, malformed or missing
    ├── StartError           a part cannot start; the message is one clear line
    ├── InvalidInput         what came from outside breaks the contract
    │   └── BadCursor        a page cursor that was not made by us
    ├── NotFound             no object with that id
    ├── IllegalChange        a change the object's state does not allow
    ├── StaleVersion         `If-Match` names an older version
    ├── Refused              the broker will never take a record: too large, or not well formed
    ├── OffsetMoved          another owner has written meanwhile (retryable)
    └── Unavailable          a broker, store or model does not answer now (retryable)

HTTP statuses are given at the edge only (`web/problems.py`).
"""

from __future__ import annotations

from typing import ClassVar


class LiveOpsError(Exception):
    """Base of all errors raised by LiveOps on purpose."""

    retryable: ClassVar[bool] = False


class SettingsError(LiveOpsError):
    """A setting is unknown, malformed or missing; the message names it."""


class StartError(LiveOpsError):
    """A part cannot start; the message is one line for the operator."""


class InvalidInput(LiveOpsError):
    """Input breaks the contract; `issues` lists where and why."""

    def __init__(self, message: str, issues: list[Issue] | None = None) -> None:
        super().__init__(message)
        self.issues: list[Issue] = issues or []


class BadCursor(InvalidInput):
    """A page cursor that this product did not hand out."""


class NotFound(LiveOpsError):
    """No object with that id exists."""


class IllegalChange(LiveOpsError):
    """The object's present state does not allow the change."""


class StaleVersion(LiveOpsError):
    """The caller's version of the object is older than the stored one."""


class Refused(LiveOpsError):
    """A record that the broker will never take, however often it is sent."""


class OffsetMoved(LiveOpsError):
    """Another owner has written since this one read the stored offset."""

    retryable: ClassVar[bool] = True


class Unavailable(LiveOpsError):
    """A dependency does not answer now; the same call may succeed later.

    `wait_s` is how long it asks to be left alone, in seconds.
    """

    retryable: ClassVar[bool] = True

    def __init__(self, part: str, message: str = "", *, wait_s: float = 0.0) -> None:
        super().__init__(message or f"{part} does not answer")
        self.part = part
        self.wait_s = wait_s


class Issue:
    """One fault of an input: where (`loc`, path from the root) and what (`msg`)."""

    __slots__ = ("loc", "msg")

    def __init__(self, loc: list[str | int], msg: str) -> None:
        self.loc = loc
        self.msg = msg

    def __repr__(self) -> str:
        return f"Issue({self.loc!r}, {self.msg!r})"

    def as_dict(self) -> dict[str, object]:
        """JSON form used in problem documents and dead letters."""
        return {"loc": self.loc, "msg": self.msg}
