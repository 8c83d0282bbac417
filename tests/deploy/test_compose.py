"""The compose file is valid, and says what the code reads and the services offer."""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from liveops.services import PORTS
from liveops.settings import FILE_SUFFIX, FOREIGN, PREFIX, Settings, load_settings
from tests.deploy.shipped import DOCKER, PROMETHEUS, ROOT, compose, read_yaml

SCHEMA = ROOT / "tests" / "data" / "compose_spec" / "compose-spec.json"
#: Services of ours by name, with what runs once before them.
WORKERS = tuple(PORTS)
SERVICES: dict[str, dict[str, Any]] = compose()["services"]
OURS = {name: SERVICES[name] for name in ("setup", *WORKERS)}


def test_it_keeps_to_the_compose_specification() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    faults = list(Draft202012Validator(schema).iter_errors(compose()))
    assert [f"{'/'.join(map(str, fault.path))}: {fault.message}" for fault in faults] == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_limited_and_looked_at(name: str) -> None:
    service = SERVICES[name]
    tag = service["image"].rpartition(":")[2]
    assert re.match(r"v?\d+\.\d+", tag), service["image"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert "healthcheck" in service or name in WORKERS  # theirs is in the image
    assert service["restart"] == ("no" if name == "setup" else "unless-stopped")


def test_the_workers_are_all_there_at_their_ports() -> None:
    for name, port in PORTS.items():
        assert SERVICES[name]["command"] == ["worker", name]
        assert SERVICES[name]["environment"]["LIVEOPS_WORKER_PORT"] == str(port)
        assert SERVICES[name]["expose"] == [str(port)]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_every_secret_is_mounted(name: str) -> None:
    environment = OURS[name]["environment"]
    for variable, value in environment.items():
        plain = variable.removesuffix(FILE_SUFFIX)
        setting = FOREIGN.get(plain) or plain.removeprefix(PREFIX).lower()
        assert setting in Settings.model_fields, variable
        if plain != variable:
            assert Path(value).name in OURS[name]["secrets"], variable
    assert not {"LIVEOPS_JWT_SECRET", "LIVEOPS_DATABASE_URL"} & environment.keys()


def test_the_workers_start_after_setup_and_the_servers_they_need() -> None:
    for name in WORKERS:
        conditions = {k: v["condition"] for k, v in SERVICES[name]["depends_on"].items()}
        assert conditions == {
            "setup": "service_completed_successfully",
            "kafka": "service_healthy",
            "postgres": "service_healthy",
            "valkey": "service_healthy",
        }
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            looked_at = "healthcheck" in SERVICES[needed] or needed in WORKERS
            assert how["condition"] != "service_healthy" or looked_at


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_can_be_scaled(name: str) -> None:
    """Copies share no host port, no name and no volume, and run without the rights of root."""
    service = SERVICES[name]
    assert not {"ports", "container_name", "hostname", "volumes", "user"} & service.keys()
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_what_is_mounted_exists() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DOCKER / source).exists(), source
            else:
                assert source in compose()["volumes"], source
    assert (ROOT / SERVICES["auth"]["build"]["dockerfile"]).is_file()
    assert (DOCKER / SERVICES["auth"]["build"]["context"]).resolve() == ROOT


def test_only_loopback_is_published_unless_asked_for() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_kafka_is_the_one_the_tests_run_on() -> None:
    jars = tomllib.loads((ROOT / "liveops/embedded/jgo.toml").read_text(encoding="utf-8"))
    coordinates = jars["dependencies"]["coordinates"]
    [kafka] = [c for c in coordinates if c.startswith("org.apache.kafka:kafka-server:")]
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka.rpartition(':')[2]}"


def test_the_client_address_is_taken_from_the_gateway() -> None:
    subnet = compose()["networks"]["default"]["ipam"]["config"][0]["subnet"]
    assert ipaddress.ip_network(subnet).is_private
    for name in WORKERS:
        assert SERVICES[name]["environment"]["LIVEOPS_TRUSTED_PROXIES"] == subnet


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `docker/make-secrets` writes."""
    folder = tmp_path_factory.mktemp("docker")
    script = shutil.copy(DOCKER / "make-secrets", folder)
    subprocess.run(["sh", script], check=True, capture_output=True)
    return folder / "secrets"


def test_every_secret_is_made_once(secrets: Path) -> None:
    made = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert made.keys() == compose()["secrets"].keys()
    for name, secret in compose()["secrets"].items():
        assert secret["file"] == f"./secrets/{name}"
    assert secrets.stat().st_mode & 0o777 == 0o700
    subprocess.run(["sh", secrets.parent / "make-secrets"], check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == made
    assert "docker/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_worker_load(secrets: Path, tmp_path: Path, name: str) -> None:
    environment = {
        variable: str(value).replace("/run/secrets", str(secrets))
        for variable, value in OURS[name]["environment"].items()
    }
    settings = load_settings(environment=environment, config_file=tmp_path / "none.cfg")
    password = (secrets / "postgres_password").read_text(encoding="utf-8").strip()
    assert settings.database_url == f"postgresql://liveops:{password}@postgres:5432/liveops"
    assert settings.bootstrap_servers == ["kafka:9092"]
    assert len(settings.jwt_secret or "") >= 32
    assert settings.openai_api_key is None  # an empty file sets nothing
    assert (settings.admin_password is not None) == (name == "setup")


def test_valkey_asks_for_the_password_that_the_workers_have(secrets: Path) -> None:
    password = (secrets / "valkey_password").read_text(encoding="utf-8").strip()
    assert (secrets / "valkey_conf").read_text(encoding="utf-8") == f"requirepass {password}\n"
    redis_url = (secrets / "redis_url").read_text(encoding="utf-8").strip()
    assert redis_url == f"redis://:{password}@valkey:6379/0"


def test_prometheus_finds_every_worker_by_its_name() -> None:
    [job] = [
        job
        for job in read_yaml(PROMETHEUS / "prometheus.yaml")["scrape_configs"]
        if job["job_name"] == "liveops"
    ]
    found = {found["names"][0]: found["port"] for found in job["dns_sd_configs"]}
    assert found == PORTS


def test_grafana_reads_this_prometheus() -> None:
    path = DOCKER / "grafana/provisioning/datasources/prometheus.yaml"
    [source] = read_yaml(path)["datasources"]
    assert (source["uid"], source["url"]) == ("prometheus", "http://prometheus:9090")
    scrape = read_yaml(PROMETHEUS / "prometheus.yaml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scrape
    [provider] = read_yaml(DOCKER / "grafana/provisioning/dashboards/liveops.yaml")["providers"]
    mounts = SERVICES["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts


def test_grafana_reads_the_stored_windows_as_reader() -> None:
    path = DOCKER / "grafana/provisioning/datasources/postgres.yaml"
    [source] = read_yaml(path)["datasources"]
    assert (source["uid"], source["url"], source["user"]) == ("postgres", "postgres:5432", "reader")
    assert source["jsonData"]["database"] == SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    assert source["secureJsonData"]["password"] == "$__file{/run/secrets/reader_password}"
    assert "reader_password" in SERVICES["grafana"]["secrets"]
    told = SERVICES["setup"]["environment"]["LIVEOPS_READER_PASSWORD_FILE"]
    assert told == "/run/secrets/reader_password"


@pytest.mark.parametrize("name", WORKERS)
def test_no_worker_knows_the_passwords_of_people_and_readers(name: str) -> None:
    assert not {"admin_password", "reader_password"} & set(SERVICES[name]["secrets"])
