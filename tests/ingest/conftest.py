"""A fleet and a worker on the real database and the real Redis, without a broker."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connection
from redis import Redis

from devices.models import Channel, Device
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.buffer import IngestBuffer
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.worker import IngestWorker
from telemetry.models import RejectedMessage
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, GatewayFactory, SiteFactory

START = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)


@dataclass
class Bench:
    """A meter behind a gateway, and what is needed to send and look."""

    redis: Redis
    team: Team
    device: Device
    now: dt.datetime = START
    worker: IngestWorker = field(init=False)

    def __post_init__(self) -> None:
        self.buffer = IngestBuffer(self.redis)
        self.worker = self.make_worker("worker-1")

    def make_worker(self, name: str) -> IngestWorker:
        """Return a further worker with the clock of this bench."""
        return IngestWorker(consumer=name, client=self.redis, clock=lambda: self.now.timestamp())

    @property
    def prefix(self) -> str:
        """The gateway's topics."""
        return f"tenant/{self.team.tenant.id}/gw/{self.device.gateway.uid}"

    def envelope(self, document: object, *, topic: str = "", at: dt.datetime | None = None):
        """Return a message to the meter's topic, received now."""
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        received_at = to_microseconds(at or self.now)
        topic = topic or f"{self.prefix}/data/device/{self.device.uid}"
        return Envelope("mqtt", topic, payload, received_at)

    def send(self, *documents: object, topic: str = "") -> None:
        """Put messages into the stream as one entry."""
        self.buffer.append([self.envelope(document, topic=topic) for document in documents])

    def drain(self) -> None:
        """Let the worker store all that waits."""
        while self.redis.xlen(self.buffer.stream):
            self.worker.run_once()

    def samples(self) -> list[tuple[str, int, float, int]]:
        """Return (channel name, seconds after START, value, quality) of all samples."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.name, extract(epoch FROM s.time - %s)::int, s.value, s.quality"
                " FROM telemetry_sample s JOIN devices_channel c ON c.id = s.channel_id"
                " ORDER BY c.name, s.time",
                [START],
            )
            return cursor.fetchall()

    def reasons(self) -> list[str]:
        """Return the reasons of the rejected messages."""
        return sorted(RejectedMessage.objects.values_list("reason", flat=True))


@pytest.fixture
def bench(transactional_db: None, red: Team, redis: Redis) -> Iterator[Bench]:
    """Yield a meter with active_power_net (sent as power in W) and voltage_l1."""
    with red.scope():
        site = SiteFactory(tenant=red.tenant)
        gateway = GatewayFactory(tenant=red.tenant, site=site, uid="gw-1")
        device = DeviceFactory(tenant=red.tenant, site=site, gateway=gateway, uid="meter-1")
        ChannelFactory(
            tenant=red.tenant,
            device=device,
            name="active_power_net",
            source="power",
            source_unit="W",
            unit="kW",
        )
        ChannelFactory(
            tenant=red.tenant,
            device=device,
            name="voltage_l1",
            source="voltage_l1",
            source_unit="V",
            unit="V",
            minimum=0,
            maximum=500,
        )
        # long known: what was measured before is history, and judged otherwise
        Channel.objects.update(created_at=START - dt.timedelta(days=1_000))
    with connection.cursor() as cursor:
        # programs of a test before, while they end, may write after the tables were emptied
        cursor.execute("TRUNCATE telemetry_sample, telemetry_rejectedmessage")
    bench = Bench(redis, red, device)
    yield bench
    bench.worker.close()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample")
