"""The command line: `liveops <command>`. Each command lives in a module of its name."""

from __future__ import annotations

import sys

from liveops.errors import LiveOpsError


def main() -> None:
    """Run the command line; an expected error is one line and exit code 1."""
    from liveops.cli.commands import app

    try:
        app(prog_name="liveops")
    except LiveOpsError as error:
        print(f"liveops: {error}", file=sys.stderr)
        sys.exit(1)
