"""kill -9 of the sending process at each step: nothing is lost, at most one repeat."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.notified import World, done, notifying, settings_of
from tests.receiver_server import receiver_server
from tests.stack import TestServers

pytestmark = pytest.mark.integration
_ROOT = Path(__file__).parents[3]
#: Runs one copy that stops for good at a step, and says so.
_COPY = """
import asyncio, sys, threading
from pathlib import Path
from agents.notify import choosing, delivering, service
from liveops.notify.sender import Sender
from liveops.postgres import deliveries
from tests.notified import notifying, settings_of

step, url, folder = sys.argv[1:]

async def forever(*_, **__):
    print("reached", flush=True)
    await asyncio.Event().wait()

def before(owner, name):
    setattr(owner, name, forever)

def after(owner, name):
    call = getattr(owner, name)
    async def then_stop(*given, **named):
        await call(*given, **named)
        await forever()
    setattr(owner, name, then_stop)

{
    "before choosing": lambda: before(service, "choose"),
    "chosen, not committed": lambda: after(deliveries, "write_plan"),
    "chosen": lambda: after(service, "choose"),
    "before the claim": lambda: before(deliveries, "claim"),
    "claimed": lambda: after(deliveries, "claim"),
    "before sending": lambda: before(Sender, "_post"),
    "sent": lambda: after(Sender, "_post"),
    "before the record": lambda: before(deliveries, "record_delivered"),
    "recorded": lambda: after(deliveries, "record_delivered"),
}[step]()

async def main():
    async with notifying(settings_of(url, Path(folder))):
        await asyncio.Event().wait()

asyncio.run(main())
"""
STEPS = {
    "before choosing": 1,
    "chosen, not committed": 1,
    "chosen": 1,
    "before the claim": 1,
    "claimed": 1,
    "before sending": 1,
    "sent": 2,
    "before the record": 2,
    "recorded": 1,
}


#: What is told when the process dies → the changes of status that lead there.
LIVES: dict[str, tuple[str, ...]] = {
    "opened": (),
    "acknowledged": ("acknowledged",),
    "resolved": ("resolved",),
    "reopened": ("resolved", "open"),
}


@pytest.mark.parametrize("event", LIVES)
@pytest.mark.parametrize("step", STEPS)
async def test_nothing_is_lost_and_at_most_one_is_repeated_with_its_id(
    world: World, own: TestServers, tmp_path: Path, step: str, event: str
) -> None:
    settings, statuses = settings_of(own.database_url, tmp_path), LIVES[event]
    before = ["opened", *statuses[:-1]] if statuses else []
    async with receiver_server() as server:
        receiver = await world.receiver(server.url)
        name = await world.opened(receiver.id)
        if statuses:
            async with notifying(settings):
                await done(world, receiver, [("opened", "delivered")])
                for status in statuses[:-1]:
                    await world.change(name, status=status)
                await done(world, receiver, [(one, "delivered") for one in before])
            await world.change(name, status=statuses[-1])
        await asyncio.to_thread(_run_until, step, own.database_url, tmp_path)
        async with world.database.connection() as con:  # the lease of the dead one is over
            await con.execute(
                "UPDATE deliveries SET lease_until = now() - interval '1 s' WHERE state = 'waiting'"
            )
        async with notifying(settings, copies=2):
            await done(world, receiver, [(one, "delivered") for one in (*before, event)])
            after = "reopened" if event == "resolved" else "resolved"
            await world.change(name, status="open" if event == "resolved" else "resolved")
            await server.until(len(before) + STEPS[step] + 1)
    ids = Counter(one.body["delivery_id"] for one in server.received)
    assert list(ids.values()) == [*[1] * len(before), STEPS[step], 1]
    assert await world.told(name) == [("notified", one) for one in (*before, event, after)]


def _run_until(step: str, url: str, folder: Path) -> None:
    """Start the copy, and kill it where it stops."""
    command = [sys.executable, "-c", _COPY, step, url, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=_ROOT) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.strip() == b"reached":
                    break
            else:
                pytest.fail("the copy ended by itself")
        finally:
            process.send_signal(signal.SIGKILL)
