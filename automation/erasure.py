"""Events of a deleted tenant that rules waited for; they have no key to it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from accounts.services.erasure import Erased, erase_rows


def erase_event_notes(tenant_id: uuid.UUID, has_broker: bool) -> Iterator[Erased]:
    """Remove what rules have not looked at yet."""
    yield from erase_rows("automation_automationeventnote", "tenant_id = %s", [tenant_id])
