"""Tickets for the WebSocket in the API, and events as a stream."""

from __future__ import annotations

from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.params import ListParam, Params
from accounts.api.problems import Problem
from accounts.api.renderers import ORJSONRenderer
from accounts.api.write import AccessView
from accounts.rbac.scope import has_in_tenant
from devices.api_fleet import find_row
from devices.api_live_events import MAX_LIMIT
from devices.live_types import GUEST_TYPES, EventType, visible_types
from devices.models import Device, Severity, Site
from devices.queries_live import list_live_events
from telemetry.live.event_wire import wire_event
from telemetry.live.identity import Identity
from telemetry.live.messages import Subscribe
from telemetry.live.signin import FORBIDDEN, SignInRefused, identity_of_request
from telemetry.live.stream import list_events_once, stream_events
from telemetry.live.tickets import LIFETIME_SECONDS, issue_ticket

MAX_DIGITS = 19


class TicketSerializer(serializers.Serializer[dict[str, Any]]):
    """A ticket."""

    ticket = serializers.CharField(help_text="For /ws/v1/live?token=…, once.")
    expires_in = serializers.IntegerField(help_text="Seconds.")


class TicketsUnavailable(Problem):
    """The Redis of the tickets does not answer."""

    status_code = 503
    default_code = "unavailable"
    default_detail = _("Live values are not available right now; try again soon.")


class LiveTicket(APIView):
    """Tickets for clients that cannot send headers when they open a WebSocket."""

    permission = "read:telemetry"
    is_open_to_guests = True
    http_method_names = ["post"]

    @extend_schema(
        operation_id="make_live_ticket", summary="Make a ticket for the WebSocket",
        tags=["telemetry"], request=None, responses={201: TicketSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Return a ticket that opens one WebSocket within thirty seconds."""
        try:
            ticket = issue_ticket(_identity(request))
        except RedisError as error:
            raise TicketsUnavailable(retry_after_seconds=5) from error
        answer = {"ticket": ticket, "expires_in": LIFETIME_SECONDS}
        return Response(answer, status=201, headers={"Cache-Control": "private, no-store"})


class StreamParams(Params):
    """Which events."""

    since_seq = serializers.IntegerField(
        required=False, min_value=0, max_value=2**63 - 1,
        help_text="First the events after this number; the header Last-Event-ID says the same.",
    )  # fmt: skip
    types = ListParam(child=serializers.ChoiceField(choices=EventType.choices), required=False)
    site = serializers.UUIDField(required=False, help_text="Id of a site.")
    device = serializers.UUIDField(required=False, help_text="Id of a device.")
    min_severity = serializers.ChoiceField(choices=Severity.choices, required=False)


class ServerSentEvents(BaseRenderer):
    """Names the type that clients ask for; the stream is no data to be rendered."""

    media_type = "text/event-stream"
    format = "sse"
    charset = None

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Render what is no stream: problems."""
        return ORJSONRenderer().render(data, *args, **kwargs)


class EventStreamView(AccessView):
    """Events while they happen, for clients without WebSockets."""

    permission = "read:telemetry"
    is_open_to_guests = True
    params_class = StreamParams
    renderer_classes = (ServerSentEvents, ORJSONRenderer)

    @extend_schema(
        operation_id="stream_live_events", summary="Follow events", tags=["events"],
        parameters=[StreamParams], responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )  # fmt: skip
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream events as server-sent events; it ends after ten minutes or 1 MiB: resume it."""
        for model, name in ((Site, "site"), (Device, "device")):
            if name in self.params:
                find_row(model, self.params[name])
        identity, wanted = _identity(request), self._wanted()
        if isinstance(request._request, ASGIRequest):
            content: Any = stream_events(identity, wanted)
        else:
            content = self._content_once(wanted)
        headers = {"Cache-Control": "private, no-store", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(content, headers=headers, content_type="text/event-stream")

    def _wanted(self) -> Subscribe:
        params = self.params
        may_see = GUEST_TYPES if self.acting.kind == "guest" else visible_types(self._may)
        if not may_see.issuperset(params.get("types") or ()) or not may_see:
            raise PermissionDenied
        target: dict[str, Any] = {"tenant": True}
        for name in ("device", "site"):
            if name in params:
                target = {f"{name}s": [params[name]]}
        return Subscribe(
            id="stream",
            types=params.get("types") or sorted(may_see),
            min_severity=params.get("min_severity"),
            since_seq=self._since(),
            **target,
        )

    def _since(self) -> int | None:
        header = self.request.headers.get("Last-Event-ID", "")
        if header.isascii() and header.isdigit() and len(header) < MAX_DIGITS:
            return int(header)
        return self.params.get("since_seq")

    def _content_once(self, wanted: Subscribe) -> list[bytes]:
        page = list_live_events(
            types=wanted.event_types(),
            since_seq=wanted.since_seq,
            limit=MAX_LIMIT,
            site_id=self.params.get("site"),
            device_id=self.params.get("device"),
            min_severity=wanted.min_severity or "",
        )
        return list_events_once([wire_event(event) for event in page.events])

    def _may(self, code: str) -> bool:
        user: Any = self.request.user
        return has_in_tenant(user, code)


def _identity(request: Request) -> Identity:
    django_request: HttpRequest = request._request
    try:
        return identity_of_request(django_request, now=timezone.now())
    except SignInRefused as refused:
        raise PermissionDenied if refused.code == FORBIDDEN else NotAuthenticated from refused
