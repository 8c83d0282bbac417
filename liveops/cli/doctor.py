"""`liveops doctor`: asks every dependency the questions that matter, and how to mend them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from liveops.cli import probes
from liveops.cli.options import AsJson, DataDir, settings_for
from liveops.cli.recreated import Shortfall, forget, shortfalls
from liveops.errors import LiveOpsError
from liveops.settings import Settings

CHECK_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check; `mend` is empty when all is well."""

    check: str
    ok: bool
    detail: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A question: `ask` returns what it saw, or raises with what is wrong."""

    name: str
    ask: Callable[[Settings], Awaitable[str]]
    mend: str


CHECKS = (
    Check(
        "broker offsets",
        probes.end_offsets,
        "use a broker whose end offsets are exact (Apache Kafka 4, Redpanda), "
        "start it or set LIVEOPS_BROKER_URL: tables lose state without",
    ),
    Check(
        "topics",
        probes.topics,
        "run `liveops topics`; a partition count cannot be changed: set LIVEOPS_PARTITIONS to it",
    ),
    Check(
        "recreated topics",
        probes.recreated,
        "restore the topics, or run `liveops doctor --forget-recreated` and restart the workers: "
        "what is remembered of the old topics goes, stored history stays",
    ),
    Check("broker clock", probes.broker_clock, "synchronise the clocks (NTP) of broker and host"),
    Check("migrations", probes.migrations, "run `liveops migrate` or set LIVEOPS_DATABASE_URL"),
    Check("database clock", probes.database_clock, "synchronise the clocks (NTP) of both hosts"),
    Check("redis", probes.redis, "start it or set LIVEOPS_REDIS_URL (Redis 7 or Valkey)"),
    Check(
        "language model",
        probes.language_model,
        "check OPENAI_API_KEY, OPENAI_BASE_URL and LIVEOPS_OPENAI_MODEL; "
        "analyses use the fallback text until then",
    ),
)


Forget = Annotated[
    bool,
    typer.Option(
        "--forget-recreated",
        help="First forget offsets and window state of topics that were recreated since.",
    ),
]


def command(
    as_json: AsJson = False, data_dir: DataDir = None, forget_recreated: Forget = False
) -> None:
    """Check every dependency and say how to mend what fails; exit code 1 if anything does."""
    settings = settings_for(data_dir)
    if forget_recreated:
        for item in asyncio.run(_forget(settings)):
            typer.echo(f"forgotten: {item}", err=True)
    findings = asyncio.run(examine(settings))
    if as_json:
        ok = all(finding.ok for finding in findings)
        typer.echo(json.dumps({"ok": ok, "checks": [asdict(f) for f in findings]}))
    else:
        for finding in findings:
            typer.echo(_line(finding))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


async def _forget(settings: Settings) -> list[Shortfall]:
    try:
        found = await shortfalls(settings)
        await forget(settings, found)
    except probes.ERRORS as error:
        raise LiveOpsError(f"not all could be forgotten: {error}") from error
    return found


async def examine(settings: Settings) -> list[Finding]:
    """Run all checks at once."""
    return list(await asyncio.gather(*(_run(check, settings) for check in CHECKS)))


async def _run(check: Check, settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(CHECK_DEADLINE_S):
            detail = await check.ask(settings)
    except TimeoutError:
        return Finding(check.name, False, f"no answer in {CHECK_DEADLINE_S:.0f} s", check.mend)
    except (LiveOpsError, *probes.ERRORS) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Finding(check.name, False, detail, check.mend)
    return Finding(check.name, True, detail)


def _line(finding: Finding) -> str:
    mark = "ok  " if finding.ok else "FAIL"
    mend = f"\n       mend: {finding.mend}" if finding.mend else ""
    return f"{mark}  {finding.check}: {finding.detail}{mend}"
