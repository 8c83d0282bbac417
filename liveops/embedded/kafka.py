"""Apache Kafka in KRaft mode: one process, broker and controller, on loopback."""

from __future__ import annotations

import base64
import functools
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from liveops.embedded import jars
from liveops.embedded.java import find_java
from liveops.embedded.layout import Layout
from liveops.embedded.part import Part
from liveops.embedded.ports import PortBook
from liveops.errors import StartError

HOST = "127.0.0.1"
USUAL_PORT = 9092
USUAL_CONTROLLER_PORT = 9093
HEAP_MB = 256
FORMAT_DEADLINE_S = 60

#: A short broker session lets a broker killed with -9 come back in seconds; small
#: internal topics and caches keep one node light. Records survive kill -9 because
#: they are in the page cache by the time `acks=all` is answered.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller_port}
listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=BROKER://{host}:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs={log_dir}
auto.create.topics.enable=false
num.partitions=1
min.insync.replicas=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=500
controller.quorum.election.backoff.max.ms=200
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=16777216
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
"""


def prepare(layout: Layout, ports: PortBook, say: Callable[[str], None]) -> Part:
    """Fetch jars, write the configuration, format the storage; blocking.

    Raises StartError when Java or the jars are missing.
    """
    java = find_java()
    class_path = jars.class_path(say)
    port = ports.choose("kafka", USUAL_PORT)
    controller_port = ports.choose("kafka-controller", USUAL_CONTROLLER_PORT)
    configuration = layout.kafka / "server.properties"
    configuration.write_text(
        PROPERTIES.format(
            host=HOST,
            port=port,
            controller_port=controller_port,
            log_dir=(layout.kafka / "logs").as_posix(),
        ),
        encoding="utf-8",
    )
    base = [java.path, *java.options(HEAP_MB), "-cp", class_path]
    _format_once(base, layout.kafka, configuration)
    return Part(
        name="kafka",
        kind="server",
        command=(*base, "kafka.Kafka", str(configuration)),
        port=port,
        url=f"{HOST}:{port}",
        is_ready=functools.partial(_is_ready, port),
        cwd=str(layout.kafka),
        stop_deadline_s=20.0,
    )


def _format_once(base: list[str], home: Path, configuration: Path) -> None:
    """Give the storage its cluster id. A format that was interrupted starts over."""
    done = home / "formatted"
    if done.exists():
        return
    shutil.rmtree(home / "logs", ignore_errors=True)
    cluster_id = new_cluster_id()
    tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id]
    result = subprocess.run(
        [*base, *tool, "-c", str(configuration)],
        capture_output=True,
        text=True,
        check=False,
        timeout=FORMAT_DEADLINE_S,
    )
    if result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        raise StartError(f"kafka: formatting {home}/logs failed: {lines[-1]}")
    done.write_text(cluster_id + "\n", encoding="ascii")


def new_cluster_id() -> str:
    """A random id in Kafka's form; as in Kafka none begins with `-`, which reads as an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        if not text.startswith("-"):
            return text


async def _is_ready(port: int, _pid: int) -> bool:
    """True when the broker answers with itself; an open port is only a hint."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex((HOST, port)) != 0:
            return False
    client = AIOKafkaClient(bootstrap_servers=f"{HOST}:{port}", request_timeout_ms=2000)
    try:
        await client.bootstrap()
        return bool(client.cluster.brokers())
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()
