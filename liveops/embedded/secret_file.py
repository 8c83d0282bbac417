"""Files only their owner may read, and the secrets kept in them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

#: 32 random bytes: more than HS256 asks for.
SECRET_BYTES = 32


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step, mode 0600 from the first moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def kept_secret(directory: Path, name: str) -> str:
    """The secret `name` of this data directory; made at its first use."""
    path = directory / name
    if path.exists():
        return path.read_text(encoding="utf-8").strip()
    secret = secrets.token_urlsafe(SECRET_BYTES)
    write_private(path, secret + "\n")
    return secret
