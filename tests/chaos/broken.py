"""`python -m tests.chaos.broken`: does the chaos run notice an engine that is wrong?

Each broken build is a copy of the tree with one safeguard taken out. The same run, same
seed, must fail on every one of them; exit code 1 when one passes.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "*.egg-info")
_SEEN = "            is_fresh = offset > known\n"
_STORE = """        waiting = owned.windows.write()
        async with asyncio.timeout(_CHANGELOG_DEADLINE_S):
            await self._agent.table.written([number])
        await self._send_pending(number, owned.windows, waiting)
"""
_SEND_FIRST = """        from tables.pending import Pending
        windows = owned.windows
        for name, outputs in windows._fresh.items():
            windows.pending.setdefault(name, Pending()).add(outputs)
        windows._fresh = {}
        named = {name for name, pending in windows.pending.items() if pending.pieces}
        ready = [s for s in windows.state.services.values() if s.name in named]
        await self._send_pending(number, windows, ready)
        await asyncio.sleep(0.5)  # a kill finds the wrong order in ten kills, not in hundreds
        windows.write()
        await self._agent.table.written([number])
"""
_COMMIT = """        event.ack()
        await event.app.consumer.commit()  # else one kill in five falls between commit and store
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """One safeguard less: `old` in `file` becomes `new`."""

    name: str
    file: str
    old: str
    new: str


BUILDS = (
    Broken(
        "offset check removed",
        "liveops/windows/replay.py",
        _SEEN,
        _SEEN.replace("fresh = ", "fresh = origin == partition.home or "),
    ),
    Broken(
        "origin check removed",
        "liveops/windows/replay.py",
        _SEEN,
        _SEEN.replace("fresh = ", "fresh = origin != partition.home or "),
    ),
    Broken("output sent before state", "agents/windows/checkpoint.py", _STORE, _SEND_FIRST),
    Broken(
        "commit without changelog ack",
        "agents/windows/agent.py",
        "        owned.unacknowledged.append(event)\n",
        _COMMIT,
    ),
)


def build(broken: Broken, folder: Path) -> None:
    """A copy of the tree in `folder`, with the safeguard taken out."""
    shutil.copytree(TREE, folder, ignore=_LEFT_OUT)
    path = folder / broken.file
    text = path.read_text("utf-8")
    if text.count(broken.old) != 1:
        raise SystemExit(f"{broken.name}: {broken.file} no longer reads as expected")
    path.write_text(text.replace(broken.old, broken.new), "utf-8")


def is_caught(broken: Broken, arguments: list[str]) -> bool:
    """Run chaos on the broken build and show what it says; whether it failed by a difference."""
    with tempfile.TemporaryDirectory(prefix="liveops-broken-") as place:
        folder = Path(place) / "tree"
        build(broken, folder)
        command = [sys.executable, "-m", "tests.chaos", *arguments]
        ended = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    print("\n".join(ended.stdout.splitlines()[-40:]), flush=True)
    differences = re.search(r"^differences: (\d+)", ended.stdout, re.MULTILINE)
    return differences is not None and int(differences[1]) > 0


def main() -> int:
    """0 when every broken build is caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.broken", description=__doc__)
    parser.add_argument("--only", help="part of a build's name")
    parser.add_argument("--seed", default="7")
    parser.add_argument("--kills", default="10")
    parser.add_argument("--minutes", default="2")
    parser.add_argument("--rate", default="1000")
    given = parser.parse_args()
    arguments = ["--seed", given.seed, "--kills", given.kills, "--minutes", given.minutes]
    missed = 0
    for broken in BUILDS:
        if given.only is None or given.only in broken.name:
            caught = is_caught(broken, [*arguments, "--rate", given.rate, "--no-scaling"])
            missed += not caught
            print(f"== {broken.name}: {'caught' if caught else 'NOT CAUGHT'}\n", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
