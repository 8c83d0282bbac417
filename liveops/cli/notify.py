"""`liveops notify`: receivers of notifications from the command line."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import typer

from liveops.cli.options import DataDir, settings_for
from liveops.cli.users import with_database
from liveops.errors import NotFound

app = typer.Typer(help="Receivers of notifications.", no_args_is_help=True)


@app.command("test")
def trial(
    receiver: Annotated[str, typer.Argument(help="Name or id of the receiver")],
    data_dir: DataDir = None,
) -> None:
    """Send a test message to a receiver; exit code 1 when it was not delivered."""
    settings = settings_for(data_dir)

    async def call(database: Any) -> tuple[bool, str]:
        return await _try(database, receiver, allow_private=settings.notify_allow_private)

    delivered, detail = with_database(settings, call)
    typer.echo(f"{receiver}: {detail}", err=not delivered)
    raise typer.Exit(0 if delivered else 1)


async def _try(database: Any, wanted: str, *, allow_private: bool) -> tuple[bool, str]:
    from liveops.clock import SystemClock
    from liveops.notify.sender import Sender
    from liveops.notify.trial import trial_notices
    from liveops.postgres.receivers import all_receivers, note_trial

    known = [one for one, _ in await all_receivers(database) if wanted in (one.id, one.name)]
    if not known:
        raise NotFound(f"no receiver is called {wanted}")
    sender = Sender(allow_private=allow_private)
    try:
        for notice in trial_notices(known[0], str(uuid4()), SystemClock().now_s()):
            outcome = await sender.send(known[0], notice)
            if not outcome.delivered:
                break
    finally:
        await sender.stop()
    await note_trial(database, known[0].id, "" if outcome.delivered else outcome.detail)
    return outcome.delivered, outcome.detail
