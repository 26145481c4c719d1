"""A viewer: one WebSocket that watches one device and acknowledges each frame."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import websockets
from numpy.typing import NDArray

from tools.web_session import WebSession

CONNECT_SECONDS = 10.0


class NoFrames(RuntimeError):
    """The server did not take the subscription."""


class Viewer:
    """Watches in a thread; `arrivals` are (ms of arrival, newest time in the frame in ms)."""

    def __init__(self, url: str, session: WebSession, device_id: uuid.UUID) -> None:
        self._url = url
        self._headers = {"Cookie": session.cookie_header()}
        self._device = str(device_id)
        self._subscribed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._watch()), daemon=True)
        self.arrivals: list[tuple[float, int]] = []
        self.points = 0

    def start(self) -> None:
        """Subscribe. Raises: NoFrames."""
        self._thread.start()
        if not self._subscribed.wait(CONNECT_SECONDS):
            raise NoFrames("the WebSocket did not confirm the subscription within 10 s")

    def stop(self) -> None:
        """Close the socket."""
        self._stopping.set()
        self._thread.join()

    async def _watch(self) -> None:
        target = self._url.replace("http", "ws", 1) + "/ws/v1/live"
        origin = websockets.Origin(self._url)
        async with websockets.connect(
            target, origin=origin, additional_headers=self._headers
        ) as socket:
            wanted = {"type": "sub", "id": "1", "devices": [self._device]}
            await socket.send(json.dumps(wanted))
            while not self._stopping.is_set():
                try:
                    text = await asyncio.wait_for(socket.recv(), 0.5)
                except TimeoutError:
                    continue
                arrived_ms = time.time() * 1000
                frame = json.loads(text)
                self._note(frame, arrived_ms)
                if "seq" in frame:
                    await socket.send(json.dumps({"type": "ack", "n": frame["seq"]}))

    def _note(self, frame: dict[str, Any], arrived_ms: float) -> None:
        if frame["type"] == "ok":
            self._subscribed.set()
        elif frame["type"] == "data" and frame["points"]:
            self.points += len(frame["points"])
            self.arrivals.append((arrived_ms, max(point[2] for point in frame["points"])))


def ages_on_arrival(
    arrivals: Sequence[tuple[float, int]], published_ms: Sequence[int]
) -> NDArray[np.float64]:
    """Return for each reading how many ms passed until a frame showed it or a newer one.

    Frames are coalesced: what a newer reading replaced counts until the newer one came.
    """
    if not arrivals:
        return np.empty(0)
    at = np.array([arrival for arrival, _ in arrivals])
    newest = np.maximum.accumulate(np.array([time for _, time in arrivals], dtype=np.int64))
    published = np.array(published_ms, dtype=np.int64)
    shown = np.searchsorted(newest, published, side="left")
    was_shown = shown < len(at)
    return at[shown[was_shown]] - published[was_shown]
