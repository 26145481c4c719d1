"""Notes of events of a deleted tenant; they have no key to it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from accounts.services.erasure import Erased, erase_rows


def erase_notes(tenant_id: uuid.UUID, has_broker: bool) -> Iterator[Erased]:
    """Remove what alarms have not looked at yet."""
    yield from erase_rows("alarms_deviceeventnote", "tenant_id = %s", [tenant_id])
