"""Handshakes for addresses that do not exist."""

from __future__ import annotations

from typing import Any


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Refuse with 403, the only refusal that Daphne knows."""
    await receive()
    await send({"type": "websocket.close"})
