"""`liveops up` with fake workers on any free ports: `python -m tests.fake_up DATA_DIR`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from liveops.cli.up import run_until_stopped, say
from liveops.embedded.supervisor import Options, Supervisor
from liveops.errors import LiveOpsError
from liveops.settings import load_settings
from tests.stack import AnyPort, clean_environment

FAKE = (sys.executable, "-m", "tests.fake_worker")


def main() -> None:
    settings = load_settings({"data_dir": Path(sys.argv[1])}, environment=clean_environment())
    options = Options(
        scale={"metrics": 2}, ports=AnyPort, sync=False, program=FAKE, liveness_patience_s=2.0
    )
    try:
        asyncio.run(run_until_stopped(Supervisor(settings, options, say), say))
    except LiveOpsError as error:
        sys.exit(f"liveops: {error}")


if __name__ == "__main__":
    main()
