"""Names and tags of other systems as ours: legal, within the limits, and never two as one. Pure.

Every way in whose senders know nothing of LiveOps uses these rules. What is legal already is
taken as it is; anything else is shortened or changed and carries a hash of what it was.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from schema.metrics import MAX_NAME_CHARS, MAX_TAG_CHARS, MAX_TAGS, MetricFault

#: Tags that may name the service; the first that is there and not empty does.
SERVICE_TAGS = ("service", "service_name", "job", "app", "host")
#: Stands for the tags beyond the limit: a hash of their names and values.
REST_TAG = "liveops_rest"
#: Of too many tags these stay first, in this order; then the others by name.
TELLING_TAGS = (
    "le", "quantile", "peer", "instance", "host", "pod", "container", "namespace", "node",
    "cluster", "region", "zone", "env", "environment", "version", "method", "route", "path",
    "status", "code", "device", "cpu", "name",
    "service.instance.id", "host.name", "k8s.pod.name", "k8s.container.name", "container.name",
    "k8s.namespace.name", "service.namespace", "k8s.node.name", "k8s.cluster.name",
    "cloud.region", "deployment.environment.name", "deployment.environment", "service.version",
    "http.request.method", "http.route", "http.response.status_code", "otel.scope.name",
)  # fmt: skip
_PLACE_OF = {name: place for place, name in enumerate(TELLING_TAGS)}
_HASH_CHARS = 12
_ILLEGAL_IN_SERVICE = re.compile(r"[^A-Za-z0-9._/-]")
_ILLEGAL_IN_METRIC = re.compile(r"[^A-Za-z0-9._:/-]")
#: How a changed name ends. A name that is sent like this is changed too, so none is met twice.
_CHANGED = re.compile(rf"\.h[0-9a-f]{{{_HASH_CHARS}}}\Z")
#: The same for texts of tags.
_CHANGED_TEXT = re.compile(rf"~[0-9a-f]{{{_HASH_CHARS}}}\Z")


def service_of(
    tags: Mapping[str, str], names: Sequence[str] = SERVICE_TAGS
) -> tuple[str, dict[str, str]] | None:
    """The service that tags name, made legal, and the other tags; None when they name none.

    The service comes from the first of `names` with a text; that tag is left out of the others.
    """
    for name in names:
        text = tags.get(name)
        if text:
            return legal_service(text), {key: tags[key] for key in tags if key != name}
    return None


def no_service(names: Sequence[str] = SERVICE_TAGS) -> MetricFault:
    """The fault of a metric whose tags name no service."""
    return MetricFault(["tags"], f"none of {', '.join(names)} names the service")


@lru_cache(maxsize=16_384)
def legal_service(text: str) -> str:
    """A name that a service may have; itself where it may."""
    return _legal_name(text, _ILLEGAL_IN_SERVICE)


@lru_cache(maxsize=16_384)
def legal_metric(text: str) -> str:
    """A name that a metric type may have; itself where it may."""
    return _legal_name(text, _ILLEGAL_IN_METRIC)


@lru_cache(maxsize=16_384)
def joined(name: str, field: str) -> str:
    """The metric type of a field: `name.field`, as in `cpu.usage_idle`.

    A field with a dot is joined by a colon (`jvm:heap.used`), so that the parts stay told
    apart; a name that has a colon itself is no plain name then and gets a hash.
    """
    if not name or not field:
        return ""
    if ":" in name:
        return _changed(f"{name}.{field}", _ILLEGAL_IN_METRIC, of=f"{len(name)} {name} {field}")
    return legal_metric(f"{name}:{field}" if "." in field else f"{name}.{field}")


@lru_cache(maxsize=16_384)
def within(namespace: str, name: str) -> str:
    """The metric type of a name in a namespace: `namespace/name`; the name alone without one."""
    if not name:
        return ""
    if "/" in namespace or (not namespace and "/" in name):
        whole = f"{namespace}/{name}" if namespace else name
        return _changed(whole, _ILLEGAL_IN_METRIC, of=f"{len(namespace)} {namespace} {name}")
    return legal_metric(f"{namespace}/{name}" if namespace else name)


def legal_tags(tags: Mapping[str, str], telling: Sequence[str] = ()) -> dict[str, str]:
    """Tags within the limits: 16, or the 15 most telling and `liveops_rest`.

    Those in `telling` are more so than others.
    """
    if len(tags) > MAX_TAGS:
        first = frozenset(telling) - {REST_TAG}
        ranked = sorted(tags, key=lambda name: (name not in first, _rank(name)))
        kept, rest = ranked[: MAX_TAGS - 1], ranked[MAX_TAGS - 1 :]
        tags = {name: tags[name] for name in kept} | {REST_TAG: _hash_of_tags(tags, rest)}
    if any(map(_is_odd, tags)) or any(map(_is_odd, tags.values())):
        return {legal_text(name): legal_text(text) for name, text in tags.items()}
    return dict(tags)


def legal_text(text: str) -> str:
    """A text that a tag may have: of at most 256 characters and without NUL."""
    if not _is_odd(text):
        return text
    stem = text.replace("\x00", "\ufffd")[: MAX_TAG_CHARS - _HASH_CHARS - 1]
    return f"{stem}~{_hash(text)}"


def number_text(number: float) -> str:
    """A bound or quantile as a tag's text: `1` and `0.5`, as Prometheus writes them."""
    return str(int(number)) if number.is_integer() else repr(number)


def _is_odd(text: str) -> bool:
    is_short = len(text) <= MAX_TAG_CHARS
    return not is_short or "\x00" in text or ("~" in text and bool(_CHANGED_TEXT.search(text)))


def _rank(name: str) -> tuple[int, str]:
    """Where a tag stands among too many; the hash of other tags is never kept as one."""
    if name == REST_TAG:
        return len(_PLACE_OF) + 1, name
    return _PLACE_OF.get(name, len(_PLACE_OF)), name


def _hash_of_tags(tags: Mapping[str, str], names: Iterable[str]) -> str:
    parts = [f"{len(name)}:{len(tags[name])}:{name}{tags[name]}" for name in sorted(names)]
    return _hash("".join(parts))


def _legal_name(text: str, illegal: re.Pattern[str]) -> str:
    if len(text) <= MAX_NAME_CHARS and not illegal.search(text) and not _CHANGED.search(text):
        return text
    return _changed(text, illegal, of=text)


def _changed(text: str, illegal: re.Pattern[str], *, of: str) -> str:
    """The text made legal, with a hash of what it stands for."""
    stem = illegal.sub("_", text)[: MAX_NAME_CHARS - _HASH_CHARS - 2]
    return f"{stem}.h{_hash(of)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_CHARS]
