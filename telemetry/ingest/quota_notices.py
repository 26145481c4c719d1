"""Tells a tenant, once an hour, that it sends more than its plan allows."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Mapping

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from redis import Redis
from redis.exceptions import RedisError

from accounts.services.audit import record_event
from energy.lib.redis import connect, key
from telemetry.ingest.quota import Excess

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3_600
AGAIN_SECONDS = 60  # after one that could not be written
_TIMEOUT_SECONDS = 0.25
_MAX_TENANTS = 10_000


class QuotaNotices:
    """Writes `quota.exceeded` to the audit trail; of all workers one tells."""

    def __init__(self, client: Redis | None = None) -> None:
        url = settings.REDIS_EPHEMERAL_URL
        self._redis = client or connect(url, timeout_seconds=_TIMEOUT_SECONDS)
        self._next_at: dict[uuid.UUID, float] = {}

    def tell(self, excess: Mapping[uuid.UUID, Excess], *, clock: float) -> None:
        """Tell who was not told within the last hour. `clock`: seconds since 1970."""
        if len(self._next_at) > _MAX_TENANTS:
            self._next_at.clear()
        for tenant_id, found in excess.items():
            if clock < self._next_at.get(tenant_id, 0.0):
                continue
            self._next_at[tenant_id] = clock + EVERY_SECONDS
            if self._is_ours(tenant_id):
                self._write(tenant_id, found, clock)

    def _is_ours(self, tenant_id: uuid.UUID) -> bool:
        """Tell whether no other worker has told; without Redis each one does."""
        try:
            return bool(self._redis.set(_name(tenant_id), 1, nx=True, ex=EVERY_SECONDS))
        except (RedisError, OSError):
            return True

    def _write(self, tenant_id: uuid.UUID, found: Excess, clock: float) -> None:
        """Write the event; somebody who holds the trail delays it by half a second at most."""
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout = '500ms'")
                record_event(
                    action="quota.exceeded",
                    now=dt.datetime.fromtimestamp(clock, dt.UTC),
                    tenant_id=tenant_id,
                    detail={"messages": found.messages, "allowed": found.allowed, "seconds": 60},
                )
        except DatabaseError as error:
            logger.warning("Quota notice not written: %s", error)
            self._next_at[tenant_id] = clock + AGAIN_SECONDS
            self._take_back(tenant_id)

    def _take_back(self, tenant_id: uuid.UUID) -> None:
        try:
            self._redis.delete(_name(tenant_id))
        except (RedisError, OSError):
            pass  # it ends by itself after an hour


def _name(tenant_id: uuid.UUID) -> str:
    return key(f"quota.told.{tenant_id}")
