"""The tree of commands; implementations are imported when they are called."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from liveops.cli import (
    backtest,
    bench,
    demo,
    doctor,
    notify,
    rca,
    replay,
    rules,
    schema,
    send,
    status,
    topology,
    up,
    users,
)
from liveops.cli.options import DataDir, settings_for
from liveops.settings import required

app = typer.Typer(
    help="LiveOps AI: real-time monitoring and incident intelligence on Kafka.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(up.command)
app.command("status")(status.command)
app.command("doctor")(doctor.command)
app.command("send")(send.command)
app.command("backtest")(backtest.command)
app.command("replay")(replay.command)
app.command("rca")(rca.command)
app.command("demo")(demo.command)
app.command("schema")(schema.command)
app.add_typer(users.app, name="users")
app.add_typer(rules.app, name="rules")
app.add_typer(topology.app, name="topology")
app.add_typer(notify.app, name="notify")
app.add_typer(bench.app, name="bench")
app.command("token")(users.token_command)


@app.command("worker")
def worker(
    name: Annotated[str, typer.Argument(help="auth, metrics, incidents, analysis or archive")],
    data_dir: DataDir = None,
) -> None:
    """Run one worker process."""
    from liveops.cli.worker import run_worker
    from liveops.settings import load_settings

    run_worker(name, load_settings({"data_dir": data_dir}))


@app.command("migrate")
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database schema up to date; repeating it changes nothing.

    With LIVEOPS_ADMIN_PASSWORD set, the user `admin` is added if there is none. The role
    `reader` signs in with LIVEOPS_READER_PASSWORD; without it nobody does.
    """
    from liveops.postgres.migrate import migrate as apply
    from liveops.security.bootstrap import ensure_users

    settings = settings_for(data_dir)
    dsn = required(settings, "database_url")
    applied = asyncio.run(apply(dsn, settings.reader_password))
    typer.echo("\n".join(f"applied {name}" for name in applied) or "schema is up to date")
    if settings.admin_password:
        first = {"admin": {"password": settings.admin_password}}
        for name in asyncio.run(ensure_users(dsn, first)):
            typer.echo(f"added {name}")


@app.command("topics")
def topics(data_dir: DataDir = None) -> None:
    """Create missing topics and set retentions; repeating it changes nothing."""
    from liveops.kafka.topics import check_topics, ensure_topics

    settings = settings_for(data_dir)
    created = asyncio.run(ensure_topics(settings))
    typer.echo("\n".join(f"created {name}" for name in created) or "all topics are there")
    for fault in asyncio.run(check_topics(settings)):
        typer.echo(fault, err=True)
