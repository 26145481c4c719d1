"""WebSocket addresses."""

from __future__ import annotations

from django.urls import path, re_path

from telemetry.live.consumer import LiveConsumer
from telemetry.live.nowhere import refuse
from telemetry.live.seed_consumer import SeedConsumer

websocket_urlpatterns = [
    path("ws/v1/live", LiveConsumer.as_asgi()),
    path("ws/telemetry", SeedConsumer.as_asgi()),
    re_path(r"", refuse),  # type: ignore[arg-type]
]
