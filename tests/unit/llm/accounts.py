"""An account of the language model in memory, for tests without PostgreSQL."""

from __future__ import annotations

from uuid import UUID, uuid4

from liveops.errors import Unavailable
from liveops.llm.budget import SPENT, About, Amount

ABOUT = About("7d0ad6d2-7d5c-4d53-8f3c-94f0f0e3a001", "front")


class Account:
    """Notes what was reserved and settled; `calls` may be made, then it is spent."""

    def __init__(self, calls: int = 100) -> None:
        self.calls = calls
        self.reserved: dict[UUID, Amount] = {}
        self.settled: list[Amount] = []

    async def reserve(self, about: About, most: Amount, expires_s: float) -> UUID:
        if self.calls == 0:
            raise Unavailable("llm", SPENT["day"])
        self.calls -= 1
        made = uuid4()
        self.reserved[made] = most
        return made

    async def settle(self, reservation: UUID, spent: Amount) -> None:
        del self.reserved[reservation]
        self.settled.append(spent)
