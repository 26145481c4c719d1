"""Saying goodbye when Daphne stops.

Daphne means to cancel every application then, but trips over the HTTP request that each
WebSocket began as (KeyError in `kill_all_applications`, daphne 4.2.3), and drops
connections without a close frame.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

FAREWELL_SECONDS = 0.1


def before_server_stops(goodbye: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Await `goodbye` and let its frames be written before connections are dropped.

    Does nothing where no Twisted reactor runs the event loop, as in tests.
    """
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is None or not getattr(reactor, "running", False):
        return
    from twisted.internet.defer import Deferred  # a loaded module: Daphne runs on it

    def stop() -> Any:
        return Deferred.fromFuture(asyncio.ensure_future(_say(goodbye)))

    reactor.addSystemEventTrigger("before", "shutdown", stop)


async def _say(goodbye: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await goodbye()
    await asyncio.sleep(FAREWELL_SECONDS)
