"""Ending tasks for certain: a cancellation can be swallowed on its way.

`asyncio.wait_for` of Python 3.11 does so when what it waits for ends in the same turn of the
loop, and libraries still call it. A task that loops for ever then never ends, and who waits
for it hangs.
"""

from __future__ import annotations

import asyncio
from typing import Any

#: A task that goes on for so long after being cancelled is cancelled again.
_AGAIN_AFTER_S = 5.0


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until all have ended; what they raise stays with them."""
    going_on = {task for task in tasks if not task.done()}
    while going_on:
        for task in going_on:
            task.cancel()
        _, going_on = await asyncio.wait(going_on, timeout=_AGAIN_AFTER_S)
