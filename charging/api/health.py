"""Health, figures and alerts of charging in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alarms.api.alarm_rows import AlarmRow
from alarms.queries.inbox import AlarmFilter, find_alarms
from charging.api.base import TAGS, ChargingView
from charging.models import ChargePoint
from charging.queries.pages_health import Health, read_health, read_metrics
from devices.models import WireState

MAX_ALERTS = 100
_HEADERS = {"Cache-Control": "private, no-store"}


class BridgeRow(serializers.Serializer):
    """The wire to the controller of a charge point."""

    charge_point = serializers.UUIDField()
    name = serializers.CharField()
    is_connected = serializers.BooleanField()
    state = serializers.ChoiceField(choices=WireState.choices)
    since = serializers.DateTimeField(allow_null=True)


class DetectorRow(serializers.Serializer):
    """Whether charging events are handed on; `lag` is how many wait."""

    is_alive = serializers.BooleanField()
    lag = serializers.IntegerField()


class ChargingHealth(serializers.Serializer):
    """The health of charging. `threads` and `memory_mb` are of the process that answers."""

    api = serializers.CharField(help_text="healthy, else nothing answers.")
    is_connected = serializers.BooleanField(help_text="All controllers are heard.")
    connected = serializers.IntegerField()
    bridges = BridgeRow(many=True)
    event_detector = DetectorRow()
    threads = serializers.IntegerField()
    memory_mb = serializers.FloatField()


class ChargingMetrics(serializers.Serializer):
    """Figures of the last five minutes; of events, of the last hour."""

    response_ms = serializers.FloatField(allow_null=True, help_text="Mean of all answers.")
    error_percent = serializers.FloatField(allow_null=True, help_text="Answers of 500 and above.")
    requests = serializers.IntegerField(allow_null=True)
    memory_mb = serializers.FloatField(help_text="Of the process that answers.")
    memory_percent = serializers.FloatField(allow_null=True, help_text="Of the machine.")
    cpu_percent = serializers.FloatField(help_text="Of the process that answers.")
    threads = serializers.IntegerField()
    connected = serializers.IntegerField()
    bridges = serializers.IntegerField()
    event_lag = serializers.IntegerField()
    events_per_minute = serializers.FloatField()


class AlertsRow(serializers.Serializer):
    """Open alarms about charge points, the newest first; at most 100."""

    results = AlarmRow(many=True)


class HealthView(ChargingView):
    """Base of endpoints for whoever watches charging."""

    permission: Any = "read:charger"
    serializer_class: Any = ChargingHealth
    queryset: Any = ChargePoint.objects.none()


class ChargingHealthNow(HealthView):
    """Whether charging works."""

    @extend_schema(
        operation_id="get_charging_health", summary="See whether charging works", tags=TAGS,
        responses=ChargingHealth,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return the wires, the events that wait, threads and memory; answers within ms."""
        return Response(_health(read_health(now=self.now)), headers=_HEADERS)


class ChargingMetricsNow(HealthView):
    """Figures of charging."""

    serializer_class = ChargingMetrics

    @extend_schema(
        operation_id="get_charging_metrics", summary="Read figures of charging", tags=TAGS,
        responses=ChargingMetrics,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return response time, errors, memory, processor, wires and events."""
        health, found = read_health(now=self.now), read_metrics(now=self.now)
        return Response({
            "response_ms": _round(found.response_ms), "error_percent": _round(found.error_percent),
            "requests": found.requests, "memory_mb": _round(health.memory_mb),
            "memory_percent": _round(found.memory_percent),
            "cpu_percent": _round(found.cpu_percent), "threads": health.threads,
            "connected": health.connected, "bridges": len(health.lines),
            "event_lag": health.detector.lag,
            "events_per_minute": round(found.events_per_minute, 3),
        }, headers=_HEADERS)  # fmt: skip


class ChargingAlerts(HealthView):
    """What is wrong with charging."""

    permission = "read:alarm"
    serializer_class = AlertsRow

    @extend_schema(
        operation_id="list_charging_alerts", summary="List open alarms of charging", tags=TAGS,
        responses=AlertsRow,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the open alarms about charge points and their controllers."""
        about = Q(device__charge_point__isnull=False) | Q(code__startswith="charging")
        rows = find_alarms(AlarmFilter(state="open"), now=self.now).filter(about)
        found = list(rows.order_by("-raised_at", "-id")[:MAX_ALERTS])
        return Response({"results": AlarmRow(found, many=True).data}, headers=_HEADERS)


def _health(found: Health) -> dict[str, Any]:
    return {
        "api": "healthy", "is_connected": found.connected == len(found.lines),
        "connected": found.connected,
        "bridges": [
            {"charge_point": str(line.device.charge_point.id),
             "name": line.device.charge_point.name,
             "is_connected": line.state == WireState.ONLINE, "state": line.state,
             "since": line.state_at}
            for line in found.lines
        ],
        "event_detector": {"is_alive": found.detector.is_alive, "lag": found.detector.lag},
        "threads": found.threads, "memory_mb": round(found.memory_mb, 1),
    }  # fmt: skip


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
