"""Tickets for the WebSocket in the API."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.problems import Problem
from telemetry.live.signin import FORBIDDEN, SignInRefused, identity_of_request
from telemetry.live.tickets import LIFETIME_SECONDS, issue_ticket


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
    http_method_names = ["post"]

    @extend_schema(
        operation_id="make_live_ticket", summary="Make a ticket for the WebSocket",
        tags=["telemetry"], request=None, responses={201: TicketSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Return a ticket that opens one WebSocket within thirty seconds."""
        django_request: Any = request._request
        try:
            identity = identity_of_request(django_request, now=timezone.now())
            ticket = issue_ticket(identity)
        except SignInRefused as refused:
            raise PermissionDenied if refused.code == FORBIDDEN else NotAuthenticated from refused
        except RedisError as error:
            raise TicketsUnavailable(retry_after_seconds=5) from error
        answer = {"ticket": ticket, "expires_in": LIFETIME_SECONDS}
        return Response(answer, status=201, headers={"Cache-Control": "no-store"})
