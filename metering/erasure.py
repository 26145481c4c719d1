"""The ledger of a deleted tenant: its rows have no key to the tenant."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.db import connection, transaction

from accounts.services.erasure import Erased
from accounts.tenancy import tenant_scope
from devices.models import Channel
from metering.build.engine import lock_ledger
from metering.models import Register
from telemetry.storage.watch import forget_channels

_BOOKKEEPING = {
    "metering_ledger_mark": "register_id IN (SELECT id FROM metering_register WHERE {mine})",
    "metering_ledger_state": "register_id IN (SELECT id FROM metering_register WHERE {mine})",
    "metering_checkpoint": "feed_id IN (SELECT id FROM metering_registerfeed WHERE {mine})",
    "metering_registerfeed": "{mine}",
}
_LEDGER = ("metering_interval", "metering_interval_past", "metering_day")


def erase_ledger(tenant_id: uuid.UUID, has_broker: bool) -> Iterator[Erased]:
    """Take what feeds the ledger away, so that no more is built, then what was built."""
    with tenant_scope(tenant_id):
        registers = list(Register.objects.order_by("id").values_list("id", flat=True))
        with transaction.atomic():
            done = _stop_building(tenant_id)
    yield from done
    for register in registers:
        yield from _erase_register(register)


def _stop_building(tenant_id: uuid.UUID) -> list[Erased]:
    lock_ledger()
    forget_channels(Channel.objects.values_list("id", flat=True))
    done = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('energy.erasing', %s, true)", [str(tenant_id)])
        for table, where in _BOOKKEEPING.items():
            condition = where.format(mine="tenant_id = %s")
            cursor.execute(f"DELETE FROM {table} WHERE {condition}", [tenant_id])  # noqa: S608
            if cursor.rowcount:
                done.append(Erased(table, cursor.rowcount))
    return done


def _erase_register(register: int) -> Iterator[Erased]:
    for table in _LEDGER:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table} WHERE register_id = %s", [register])  # noqa: S608
            rows = cursor.rowcount
        if rows:
            yield Erased(table, rows)
