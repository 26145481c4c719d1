"""What the plans of tenants allow on the way in, counted by the minute of receipt.

A tenant above its plan is told, and everything is stored; only what is beyond ten times the
plan is rejected, with the reason `quota`, and can be replayed. By the time of receipt a backlog
counts as what it was when it came. Counting must never hold up the others: one pipeline for a
chunk, 250 ms at most, and without Redis each worker counts for itself.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from accounts.models import Tenant
from energy.lib import metrics
from energy.lib.redis import connect, key
from energy.lib.waiting import must_wait
from telemetry.ingest.chunk import Chunk, Entry

logger = logging.getLogger(__name__)

MINUTE_US = 60_000_000
TOLERATED = 10  # times the plan
PLAN_TTL_SECONDS = 30.0
PAUSE_SECONDS = 5.0
_TIMEOUT_SECONDS = 0.25
_KEEP_SECONDS = 3_600  # a worker that lags counts on with what another one has counted
_MAX_LOCAL = 10_000
# somebody wants a replayed message in spite of the plan; HTTP is counted before its answer
_COUNTED_ELSEWHERE = frozenset({"replay", "http"})
# tenant and minute of receipt
Slot = tuple[uuid.UUID, int]


@dataclass(frozen=True, slots=True)
class Excess:
    """A tenant above its plan: messages of the minute, and how many are in order."""

    messages: int
    allowed: int


class MinuteCounts:
    """Messages of tenants by minute: of all workers in Redis, of this one while it is away."""

    def __init__(self, client: Redis) -> None:
        self._redis = client
        self._local: dict[Slot, int] = {}
        self._away_until = 0.0

    def add(self, numbers: Mapping[Slot, int], *, clock: float) -> dict[Slot, int]:
        """Return the counts after adding these."""
        if not must_wait(self._away_until, now=clock, at_most=PAUSE_SECONDS):
            try:
                return self._add_in_redis(numbers)
            except (RedisError, OSError) as error:
                self._away_until = clock + PAUSE_SECONDS
                logger.warning("Quotas are counted by each worker alone: %s", error)
        return self._add_here(numbers)

    def _add_in_redis(self, numbers: Mapping[Slot, int]) -> dict[Slot, int]:
        pipeline = self._redis.pipeline(transaction=False)
        for (tenant_id, minute), number in numbers.items():
            name = key(f"quota.{tenant_id}.{minute}")
            pipeline.incrby(name, number)
            pipeline.expire(name, _KEEP_SECONDS)
        return dict(zip(numbers, pipeline.execute()[::2], strict=True))

    def _add_here(self, numbers: Mapping[Slot, int]) -> dict[Slot, int]:
        if len(self._local) > _MAX_LOCAL:
            self._local.clear()
        for slot, number in numbers.items():
            self._local[slot] = self._local.get(slot, 0) + number
        return {slot: self._local[slot] for slot in numbers}


class Quota:
    """Judges the messages of a worker; an entry that is taken again is not counted again."""

    def __init__(self, client: Redis | None = None) -> None:
        url = settings.REDIS_EPHEMERAL_URL
        self._counts = MinuteCounts(client or connect(url, timeout_seconds=_TIMEOUT_SECONDS))
        self._plans: dict[uuid.UUID, tuple[int | None, float]] = {}
        # of entries not acknowledged yet: positions of refused messages in the entry
        self._judged: dict[bytes, frozenset[int]] = {}
        self.excess: dict[uuid.UUID, Excess] = {}

    def refused(self, work: Chunk, *, clock: float) -> frozenset[int]:
        """Return the positions of the messages that are beyond ten times the plan."""
        waiting = self._by_slot(work, clock)
        refused: set[int] = set()
        if waiting:
            numbers = {slot: len(positions) for slot, positions in waiting.items()}
            counts = self._counts.add(numbers, clock=clock)
            for slot, positions in waiting.items():
                refused.update(self._beyond(slot, positions, counts[slot]))
        return self._remember(work, refused)

    def _remember(self, work: Chunk, refused: set[int]) -> frozenset[int]:
        """Judge an entry that is taken again as before; return all positions refused."""
        start = 0
        for entry_id, envelopes in work.entries:
            known = self._judged.get(entry_id)
            if known is None:
                own = range(start, start + len(envelopes))
                self._judged[entry_id] = frozenset(n - start for n in refused if n in own)
            else:
                refused.update(start + n for n in known)
            start += len(envelopes)
        return frozenset(refused)

    def forget(self, entries: Iterable[Entry]) -> None:
        """Remember no longer that these were counted: they are acknowledged."""
        for entry_id, _ in entries:
            self._judged.pop(entry_id, None)

    def take_excess(self) -> dict[uuid.UUID, Excess]:
        """Return the tenants that were above their plan, and forget them."""
        taken, self.excess = self.excess, {}
        return taken

    def _beyond(self, slot: Slot, positions: list[int], count: int) -> list[int]:
        allowed = (self._plans[slot[0]][0] or 0) * 60
        over = min(len(positions), count - allowed)
        if over <= 0:
            return []
        beyond = min(len(positions), max(0, count - allowed * TOLERATED))
        self.excess[slot[0]] = Excess(count, allowed)
        metrics.QUOTA_EXCEEDED.labels("rejected").inc(beyond)
        metrics.QUOTA_EXCEEDED.labels("stored").inc(over - beyond)
        return positions[len(positions) - beyond :]

    def _by_slot(self, work: Chunk, clock: float) -> dict[Slot, list[int]]:
        """Return the positions of messages whose tenants have a plan, not counted before."""
        tenants = {topic: s.tenant_id for topic, s in work.sources.items() if s.tenant_id}
        self._load_plans(set(tenants.values()), clock)
        limited = {topic: t for topic, t in tenants.items() if self._plans[t][0] is not None}
        found: dict[Slot, list[int]] = {}
        if not limited:
            return found
        for position, envelope in enumerate(work.envelopes):
            tenant_id = limited.get(envelope.topic)
            if tenant_id is None or envelope.transport in _COUNTED_ELSEWHERE:
                continue
            if work.origins[position] not in self._judged:
                slot = tenant_id, envelope.received_at // MINUTE_US
                found.setdefault(slot, []).append(position)
        return found

    def _load_plans(self, tenant_ids: set[uuid.UUID], clock: float) -> None:
        missing = [
            tenant_id
            for tenant_id in tenant_ids
            if not must_wait(
                self._plans.get(tenant_id, (None, 0.0))[1], now=clock, at_most=PLAN_TTL_SECONDS
            )
        ]
        if not missing:
            return
        if len(self._plans) > _MAX_LOCAL:
            self._plans = {t: self._plans[t] for t in tenant_ids if t in self._plans}
        rows = Tenant.objects.filter(id__in=missing).values_list("id", "plan__messages_per_second")
        found = dict(rows)
        for tenant_id in missing:
            self._plans[tenant_id] = found.get(tenant_id), clock + PLAN_TTL_SECONDS
