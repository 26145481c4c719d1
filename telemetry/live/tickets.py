"""Tickets for clients that can send nothing but an address: once, within thirty seconds."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import msgspec

from energy.lib.redis import ephemeral, key
from telemetry.live.identity import Identity

LIFETIME_SECONDS = 30
_BYTES = 32


def issue_ticket(identity: Identity) -> str:
    """Return a ticket; only its hash is kept, and only in memory.

    Raises:
        redis.exceptions.RedisError: the ephemeral Redis does not answer.
    """
    ticket = secrets.token_urlsafe(_BYTES)
    ephemeral().set(_name(ticket), msgspec.msgpack.encode(identity), ex=LIFETIME_SECONDS)
    return ticket


def take_ticket(ticket: str) -> Identity | None:
    """Return whose ticket it was; it is good no more. None for anything else.

    Raises:
        redis.exceptions.RedisError: the ephemeral Redis does not answer.
    """
    packed: Any = ephemeral().getdel(_name(ticket))
    return msgspec.msgpack.decode(packed, type=Identity) if packed else None


def _name(ticket: str) -> str:
    return key(f"live.ticket.{hashlib.sha256(ticket.encode()).hexdigest()}")
