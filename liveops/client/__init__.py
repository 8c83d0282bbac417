"""Client of LiveOps: metrics in, nothing lost and nothing doubled. See docs/client.md.

Also published by itself as `liveops-client` (`clients/python`): it imports nothing of this
program but `liveops.errors`.
"""

from liveops.client.asynchronous import AsyncClient
from liveops.client.batches import MAX_BATCH
from liveops.client.exchange import MetricLike
from liveops.client.queue import MetricQueue
from liveops.client.red import Red
from liveops.client.synchronous import Client

__all__ = ["MAX_BATCH", "AsyncClient", "Client", "MetricLike", "MetricQueue", "Red"]
