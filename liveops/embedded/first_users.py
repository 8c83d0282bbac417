"""The first users of a new installation and the file that holds their passwords."""

from __future__ import annotations

import json
import secrets

from liveops.embedded.layout import Layout
from liveops.embedded.secret_file import write_private
from liveops.errors import StartError

#: Who exists from the start, without and with `--demo`.
ALONE = ("admin",)
DEMO = ("admin", "engineer", "manager")
Credentials = dict[str, dict[str, str]]
PASSWORD_BYTES = 15


def ensure_credentials(
    layout: Layout, admin_password: str | None, names: tuple[str, ...]
) -> Credentials:
    """`{"admin":{"password":..},..}`; what is missing is generated and kept, mode 0600."""
    known = _read(layout)
    wanted = dict(known)
    if admin_password:
        wanted["admin"] = {"password": admin_password}
    for name in names:
        wanted.setdefault(name, {"password": secrets.token_urlsafe(PASSWORD_BYTES)})
    if wanted != known:
        write_private(layout.credentials, json.dumps(wanted, indent=1) + "\n")
    return wanted


def _read(layout: Layout) -> Credentials:
    try:
        found = json.loads(layout.credentials.read_text(encoding="utf-8"))
        return {str(name): {"password": str(user["password"])} for name, user in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        raise StartError(f"{layout.credentials} is damaged: mend it or move it away") from None
