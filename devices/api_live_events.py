"""Live events in the API: what happened after a number."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import ListParam, Params
from accounts.api.write import AccessView
from accounts.rbac.scope import has_in_tenant
from devices.api_fleet import find_row
from devices.live_types import GUEST_TYPES, EventType, visible_types
from devices.models import Device, LiveEvent, Severity, Site
from devices.queries_live import list_live_events

MAX_LIMIT = 1000


class LiveEventParams(Params):
    """Which events."""

    since_seq = serializers.IntegerField(
        required=False, min_value=0, max_value=2**63 - 1,
        help_text="Events with larger numbers, the oldest first; without it the newest events.",
    )  # fmt: skip
    types = ListParam(
        child=serializers.ChoiceField(choices=EventType.choices), required=False,
        help_text="Without it all that you may see.",
    )  # fmt: skip
    site = serializers.UUIDField(required=False, help_text="Id of a site.")
    device = serializers.UUIDField(required=False, help_text="Id of a device.")
    min_severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=100)


class LiveEventRow(serializers.ModelSerializer):
    """An event; `event_id` is the same wherever it is told, so that it is handled once."""

    event_type = serializers.ChoiceField(choices=EventType.choices, source="type")
    severity = serializers.ChoiceField(choices=Severity.choices)
    site = serializers.UUIDField(source="site_id", allow_null=True)
    gateway = serializers.UUIDField(source="gateway_id", allow_null=True)
    device = serializers.UUIDField(source="device_id", allow_null=True)

    class Meta:
        model = LiveEvent
        fields = (
            "seq", "event_id", "event_type", "severity", "occurred_at", "site", "gateway",
            "device", "payload",
        )  # fmt: skip


class EventPageSerializer(serializers.Serializer):
    """Events and where to go on."""

    results = LiveEventRow(many=True, source="events")
    seq = serializers.IntegerField(help_text="Ask again with since_seq of this.")
    newest_seq = serializers.IntegerField(help_text="The last number given.")
    has_more = serializers.BooleanField(help_text="More events match: ask again at once.")
    complete = serializers.BooleanField(
        source="is_complete",
        help_text="False: events after since_seq are deleted already; read the state anew.",
    )


class LiveEvents(AccessView):
    """What happened to devices, commands and configurations."""

    permission = "read:device"
    is_open_to_guests = True  # their scope holds what concerns shared devices only
    params_class = LiveEventParams

    @extend_schema(
        operation_id="list_live_events", summary="Read events after a number", tags=["events"],
        parameters=[LiveEventParams], responses=EventPageSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return events of the last seven days by their numbers.

        Numbers have no holes in an organisation, but only events that you may see are listed.
        """
        wanted = self.params
        for model, name in ((Site, "site"), (Device, "device")):
            if name in wanted:
                find_row(model, wanted[name])
        page = list_live_events(
            types=self._types(wanted.get("types")),
            since_seq=wanted.get("since_seq"),
            limit=wanted["limit"],
            site_id=wanted.get("site"),
            device_id=wanted.get("device"),
            min_severity=wanted.get("min_severity", ""),
        )
        return Response(
            EventPageSerializer(page).data, headers={"Cache-Control": "private, no-store"}
        )

    def _types(self, wanted: list[str] | None) -> frozenset[str]:
        may_see = GUEST_TYPES if self.acting.kind == "guest" else visible_types(self._may)
        if wanted and not may_see.issuperset(wanted):
            raise PermissionDenied
        return frozenset(wanted) if wanted else may_see

    def _may(self, code: str) -> bool:
        user: Any = self.request.user
        return has_in_tenant(user, code)
