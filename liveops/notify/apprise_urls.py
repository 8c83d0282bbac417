"""Which URLs of the `apprise` library are taken: those that lead to a fixed host, and e-mail.

The library makes its connections itself, so nothing else may choose where they go.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from liveops.notify.digest import Digest
from liveops.notify.message import Notice, headline, lines

MAIL = frozenset({"mailto", "mailtos"})
#: Schemes whose hosts are written in the library.
FIXED = frozenset({
    "discord", "gchat", "jira", "mailgun", "opsgenie", "pbul", "pover", "sendgrid", "signl4",
    "splunk", "tgram", "twilio", "victorops", "webex", "wxteams",
})  # fmt: skip
#: Workflows of Microsoft Teams name their host, which ends like this.
TEAMS = frozenset({"workflow", "workflows"})
_TEAMS_HOSTS = (".logic.azure.com", ".api.powerplatform.com")
_TYPES = {"resolved": "success", "acknowledged": "info", "changed": "warning",
          "silence_begun": "info", "silence_ended": "info"}  # fmt: skip


class BadUrl(ValueError):
    """The URL is none that the library may be given."""


def plugin_of(url: str) -> Any:
    """The library's object for a URL; raises BadUrl, which never quotes the URL."""
    import apprise

    scheme = url.partition("://")[0].lower()
    if scheme not in MAIL | FIXED | TEAMS:
        allowed = ", ".join(sorted(MAIL | FIXED | TEAMS))
        raise BadUrl(f"the scheme must be one of {allowed}")
    if scheme in TEAMS and not (urlsplit(url).hostname or "").endswith(_TEAMS_HOSTS):
        raise BadUrl("the host of a Teams workflow must be one of Microsoft's")
    asset = apprise.AppriseAsset(storage_mode="memory", app_id="LiveOps AI")
    found = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if found is None:
        raise BadUrl("the URL is none that apprise understands")
    return found


def mail_host(plugin: Any) -> str | None:
    """The SMTP server that a plugin will call; None for other services."""
    host = getattr(plugin, "smtp_host", None)
    return str(host) if host else None


def send(plugin: Any, notice: Notice | Digest) -> bool:
    """Send, blocking; whether the service took it."""
    if isinstance(notice, Digest):
        return bool(plugin.notify(title=notice.title, body="\n".join(notice.lines)))
    kind = _TYPES.get(notice.event, "failure")
    body = "\n".join([*lines(notice), f"Delivery: {notice.delivery_id}"])
    return bool(plugin.notify(title=headline(notice), body=body, notify_type=kind))
