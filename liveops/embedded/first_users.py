"""The first users of a new installation and the file that holds their passwords."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from liveops.embedded.layout import Layout
from liveops.embedded.secret_file import write_private
from liveops.errors import SettingsError, StartError

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


def read_password(data_dir: Path, username: str) -> str:
    """Password of a user from `credentials.json`; SettingsError when it is not there."""
    path = data_dir / "credentials.json"
    try:
        password = json.loads(path.read_text(encoding="utf-8"))[username]["password"]
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing; is `liveops up` running?") from None
    except (KeyError, TypeError, ValueError):
        raise SettingsError(f"{path} has no password of user {username}") from None
    return str(password)
