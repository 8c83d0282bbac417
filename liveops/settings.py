"""Settings: `faust.cfg` (INI, section `[liveops]`) < environment < command line.

Names are the same everywhere: `broker_url` in the file is `LIVEOPS_BROKER_URL`
in the environment, or `LIVEOPS_BROKER_URL_FILE` the path of a file that holds
the value, as secrets are mounted. Unknown names and malformed values stop the
start with one line that names the setting.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from liveops.addresses import Network, networks_of
from liveops.errors import SettingsError

PREFIX = "LIVEOPS_"
#: Variables of other products that we honour under their own names.
FOREIGN = {"OPENAI_API_KEY": "openai_api_key", "OPENAI_BASE_URL": "openai_base_url"}
#: At the end of a variable's name: it names a file, and the file holds the value.
FILE_SUFFIX = "_FILE"
#: Read by the settings module itself, not settings.
CONFIG_FILE_VARIABLE = "LIVEOPS_CONFIG"
#: Read by the commands that send, not settings.
_OF_COMMANDS = frozenset({CONFIG_FILE_VARIABLE, "LIVEOPS_TOKEN"})


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/liveops`, else `~/.local/share/liveops`."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "liveops"


class Settings(BaseModel):
    """All settings of every process; frozen after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data_dir: Path = Field(default_factory=default_data_dir)
    broker_url: str | None = None
    database_url: str | None = None
    redis_url: str | None = None
    jwt_secret: str | None = Field(default=None, min_length=32, repr=False)
    admin_password: str | None = Field(default=None, min_length=8, repr=False)
    reader_password: str | None = Field(default=None, min_length=8, repr=False)
    bind_host: str = "127.0.0.1"
    partitions: int = Field(default=8, ge=1, le=1024)
    replication: int = Field(default=1, ge=1, le=7)
    worker_port: int | None = Field(default=None, ge=0, le=65535)
    worker_index: int = Field(default=1, ge=1)
    auth_url: str = "http://127.0.0.1:8080"
    metrics_url: str = "http://127.0.0.1:8081"
    incidents_url: str = "http://127.0.0.1:8082"
    analysis_url: str = "http://127.0.0.1:8083"
    cors_origins: str = ""
    trusted_proxies: str = ""
    log_format: str = Field(default="console", pattern="^(console|json)$")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    access_token_ttl_s: int = Field(default=900, ge=5)
    refresh_token_ttl_s: int = Field(default=7 * 86400, ge=60)
    lateness_s: float = Field(default=10.0, ge=0)
    allowed_lateness_s: float = Field(default=300.0, ge=0)
    emit_interval_s: float = Field(default=0.25, gt=0)
    checkpoint_interval_s: float = Field(default=0.25, gt=0)
    max_series_per_service: int = Field(default=5000, ge=1)
    max_series: int = Field(default=200_000, ge=1)
    max_services: int = Field(default=20_000, ge=1)
    raw_retention_days: int = Field(default=7, ge=1)
    max_ingest_requests: int = Field(default=1000, ge=1)
    max_ingest_bytes: int = Field(default=64 * 1024 * 1024, ge=16 * 1024 * 1024)
    service_labels: str = "service,job,app,instance"
    counter_names: str = ""
    gauge_names: str = ""
    window_retention_days: int = Field(default=90, ge=1)
    rollup_retention_days: int = Field(default=365, ge=1)
    notify_allow_private: bool = False
    public_url: str = Field(default="", pattern=r"^(https?://[^\s]+)?$")
    openai_api_key: str | None = Field(default=None, repr=False)
    openai_base_url: str | None = None
    openai_model: str = "gpt-4o"
    openai_timeout_s: float = Field(default=25.0, gt=0)
    llm_masking: bool = True
    llm_tokens_per_day: int = Field(default=2_000_000, ge=0)
    llm_usd_per_day: float = Field(default=20.0, ge=0)
    llm_tokens_per_service: int = Field(default=500_000, ge=0)
    llm_usd_per_service: float = Field(default=5.0, ge=0)
    llm_tokens_per_incident: int = Field(default=100_000, ge=0)
    llm_usd_per_incident: float = Field(default=1.0, ge=0)
    demo: bool = False

    @field_validator("broker_url")
    @classmethod
    def _strip_scheme(cls, value: str | None) -> str | None:
        return value.removeprefix("kafka://") if value else None

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, value: str) -> str:
        networks_of(value)
        return value

    @field_validator("service_labels")
    @classmethod
    def _check_labels(cls, value: str) -> str:
        if not listed(value):
            raise ValueError("names no label")
        return value

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """The proxies whose word about the client's address is taken."""
        return networks_of(self.trusted_proxies)

    @property
    def bootstrap_servers(self) -> list[str]:
        """Broker addresses `host:port`; raises SettingsError when unset."""
        return required(self, "broker_url").split(",")


def listed(text: str) -> tuple[str, ...]:
    """The parts of a setting that is a list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def required(settings: Settings, name: str) -> str:
    """A setting that this process cannot run without."""
    value = getattr(settings, name)
    if not value:
        raise SettingsError(f"{PREFIX}{name.upper()} is not set")
    return str(value)


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    config_file: Path | None = None,
) -> Settings:
    """Merge file, environment and `overrides` (None values are ignored).

    Raises SettingsError with one line that names the setting at fault.
    """
    env = os.environ if environment is None else environment
    path = config_file or Path(env.get(CONFIG_FILE_VARIABLE, "faust.cfg"))
    values = _read_file(path) | _read_environment(env)
    values |= {k: v for k, v in (overrides or {}).items() if v is not None}
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        verdict = "is unknown" if first["type"] == "extra_forbidden" else first["msg"]
        raise SettingsError(f"setting {name} ({PREFIX}{name.upper()}): {verdict}") from None


def _read_file(path: Path) -> dict[str, Any]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if not parser.read(path, encoding="utf-8"):
            return {}
    except (configparser.Error, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {str(error).splitlines()[0]}") from None
    strangers = [name for name in parser.sections() if name != "liveops"]
    if strangers:
        raise SettingsError(f"{path}: unknown section [{strangers[0]}]")
    return dict(parser["liveops"]) if parser.has_section("liveops") else {}


def _read_environment(env: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in env.items():
        plain = name.removesuffix(FILE_SUFFIX)
        setting = _setting_of(plain)
        if setting is None or value == "" or name in _OF_COMMANDS:
            continue
        if plain != name:
            if env.get(plain):
                raise SettingsError(f"{plain} and {name} are both set")
            value = _read_value(name, Path(value))
        if value != "":
            values[setting] = value
    return values


def _setting_of(variable: str) -> str | None:
    if variable.startswith(PREFIX):
        return variable.removeprefix(PREFIX).lower()
    return FOREIGN.get(variable)


def _read_value(name: str, path: Path) -> str:
    """What the file holds, without the line's end; an empty file sets nothing."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: {path} is not text") from None
