"""The dashboard's files: types, caching, and what the browser is told to allow."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from liveops.settings import Settings
from web.dashboard import STATIC, load_assets, security_headers, service_urls

ASSETS = load_assets(STATIC)


def test_service_urls_have_no_trailing_slash_and_may_be_empty(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, metrics_url="http://m.example:1/", analysis_url="")
    urls = service_urls(settings)
    assert urls["metrics"] == "http://m.example:1"
    assert urls["analysis"] == ""


def test_the_policy_allows_the_services_over_http_and_websocket_and_nothing_else() -> None:
    policy = security_headers(["http://127.0.0.1:8081", "https://x.example/base", ""])
    directives = dict(item.split(" ", 1) for item in policy["Content-Security-Policy"].split("; "))
    assert directives["connect-src"].split() == [
        "'self'",
        "http://127.0.0.1:8081",
        "ws://127.0.0.1:8081",
        "https://x.example",
        "wss://x.example",
    ]
    assert directives["default-src"] == "'none'"
    assert "unsafe" not in policy["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["index.html", "app.css", "js/main.js", "vendor/uPlot.min.css"])
def test_an_asset_is_sent_whole_and_its_compressed_form_is_the_same(name: str) -> None:
    asset = ASSETS[name]
    assert asset.plain == (STATIC / name).read_bytes()
    assert gzip.decompress(asset.compressed) == asset.plain


def test_every_file_the_page_names_exists_and_none_is_foreign() -> None:
    page = ASSETS["index.html"].plain.decode()
    named = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert named
    assert set(named) <= ASSETS.keys()


def test_every_module_is_preloaded() -> None:
    page = ASSETS["index.html"].plain.decode()
    modules = {name for name in ASSETS if name.startswith("js/")}
    assert all(f'"{name}"' in page for name in modules)


@pytest.mark.parametrize("name", [n for n in ASSETS if n.startswith("js/")])
def test_no_module_turns_text_into_markup(name: str) -> None:
    source = ASSETS[name].plain.decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", source)
