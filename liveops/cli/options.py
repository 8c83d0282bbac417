"""Options that every command takes, and the settings that follow from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from liveops.embedded.components import read
from liveops.embedded.layout import Layout
from liveops.embedded.secret_file import kept_secret
from liveops.settings import Settings, load_settings

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where data, logs and credentials are kept."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]

#: Which component of `liveops up` stands in for which unset setting.
_STAND_INS = {
    "broker_url": "kafka",
    "database_url": "postgres",
    "redis_url": "valkey",
    "auth_url": "auth",
    "metrics_url": "metrics",
    "incidents_url": "incidents",
    "analysis_url": "analysis",
}


def settings_for(data_dir: Path | None, **overrides: Any) -> Settings:
    """Settings, completed from what `liveops up` runs in the data directory."""
    settings = load_settings({"data_dir": data_dir, **overrides})
    layout = Layout(settings.data_dir)
    running = {item.name: item.url for item in read(layout)}
    found: dict[str, Any] = {
        setting: running[component]
        for setting, component in _STAND_INS.items()
        if setting not in settings.model_fields_set and running.get(component)
    }
    if settings.jwt_secret is None and (layout.secrets / "jwt").exists():
        found["jwt_secret"] = kept_secret(layout.secrets, "jwt")
    return settings.model_copy(update=found)
