"""What a socket was signed in with, so that it can be looked at again."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or a program that acts for a tenant until `expires_at`.

    A cookie has `session_key` and `session_hash`, an access token `session_key` and
    `version` (the person's, when it was made), a program `key_id`. An impersonation `ends_at`.
    A guest sees what the tenant shares with the person, and nothing else.
    """

    tenant_id: uuid.UUID
    expires_at: dt.datetime
    user_id: uuid.UUID | None = None
    session_key: str = ""
    session_hash: str = ""
    version: int | None = None
    ends_at: dt.datetime = NEVER
    key_id: uuid.UUID | None = None
    is_guest: bool = False
