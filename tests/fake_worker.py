"""A stand-in for `python -m liveops`: a worker that only answers its readiness.

Lets the supervisor be tested without the product. `worker NAME` serves until
SIGTERM; `demo` sleeps until then.
"""

from __future__ import annotations

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Readiness(BaseHTTPRequestHandler):
    """200 for everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing for each request."""


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"fake {' '.join(sys.argv[1:])} copy {os.environ['LIVEOPS_WORKER_INDEX']}", flush=True)
    HTTPServer(("127.0.0.1", int(os.environ["LIVEOPS_WORKER_PORT"])), Readiness).serve_forever()


if __name__ == "__main__":
    main()
