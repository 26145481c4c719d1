"""Quiet times in the API: maintenance windows and shelved alarms."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pagination import PageParams
from accounts.api.params import Params, read_body
from alarms.models import Alarm, MaintenanceWindow, Shelving
from alarms.queries.quiet import shelvings, windows
from alarms.services.quiet import (
    change_maintenance,
    end_maintenance,
    plan_maintenance,
    shelve,
    unshelve,
)
from devices.api_fleet import FleetView, find_row
from devices.models import Device, Gateway, Site

TAGS = ["alarms"]
_PERMISSIONS = {"GET": "read:alarm", "HEAD": "read:alarm", "POST": "write:alarm"}


class WindowListParams(PageParams):
    """Which windows: those that are not over, or all; in which order."""

    is_over = serializers.BooleanField(required=False, allow_null=True, default=False)
    ordering = serializers.ChoiceField(choices=["start", "-start"], default="start")


class ShelvingListParams(PageParams):
    """In which order."""

    ordering = serializers.ChoiceField(choices=["until", "-until"], default="until")


class WindowRow(serializers.ModelSerializer):
    """A maintenance window: [start, end). Without a place it is about everything."""

    class Meta:
        model = MaintenanceWindow
        fields = ("id", "name", "site", "gateway", "device", "start", "end", "created_at")


class WindowPatch(Params):
    """What changes about a window that is not over."""

    name = serializers.CharField(required=False, max_length=200)
    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)


class WindowBody(WindowPatch):
    """A new window; its place is the narrowest that is given."""

    name = serializers.CharField(max_length=200)
    start = serializers.DateTimeField(required=False, help_text="Left out: now.")
    end = serializers.DateTimeField()
    site = serializers.UUIDField(required=False, allow_null=True)
    gateway = serializers.UUIDField(required=False, allow_null=True)
    device = serializers.UUIDField(required=False, allow_null=True)


class ShelvingRow(serializers.ModelSerializer):
    """Alarms of this key are told to nobody until a moment."""

    class Meta:
        model = Shelving
        fields = ("id", "key", "label", "until", "reason", "created_at")


class ShelvingBody(Params):
    """Which alarm, until when; later alarms of the same key as well."""

    alarm = serializers.UUIDField()
    until = serializers.DateTimeField()
    reason = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")


class WindowList(FleetView):
    """The maintenance windows of the organisation."""

    permission = _PERMISSIONS
    params_class = WindowListParams
    serializer_class = WindowRow
    queryset = MaintenanceWindow.objects.none()
    orderings = {"start": "start"}

    @extend_schema(
        operation_id="list_maintenance_windows", summary="List maintenance windows", tags=TAGS,
        parameters=[WindowListParams], responses=WindowRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List windows; those that are over with `is_over=true`."""
        now = self.now
        is_over = self.params["is_over"]
        rows = windows().filter(end__lte=now) if is_over else windows().filter(end__gt=now)
        return self.page(rows, WindowRow)

    @extend_schema(
        operation_id="plan_maintenance_window", summary="Plan maintenance", tags=TAGS,
        request=WindowBody, responses={201: WindowRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Keep alarms of a place quiet for a time."""
        body = {"start": self.now} | read_body(request, WindowBody)
        for name, model in (("site", Site), ("gateway", Gateway), ("device", Device)):
            if body.get(name):
                body[name] = find_row(model, body[name], name)
        window = plan_maintenance(**body, made_by=self.person, now=self.now)
        return Response(WindowRow(window).data, status=HTTPStatus.CREATED)


class WindowDetail(FleetView):
    """One maintenance window."""

    permission = {"PATCH": "write:alarm", "DELETE": "write:alarm"}
    serializer_class = WindowRow
    queryset = MaintenanceWindow.objects.none()

    @extend_schema(
        operation_id="change_maintenance_window", summary="Change a window", tags=TAGS,
        request=WindowPatch, responses=WindowRow,
    )  # fmt: skip
    def patch(self, request: Request, window_id: uuid.UUID) -> Response:
        """Change the name or the times of a window that is not over."""
        find_row(MaintenanceWindow, window_id)
        changes: dict[str, Any] = read_body(request, WindowPatch)
        window = change_maintenance(window_id=window_id, changes=changes, now=self.now)
        return Response(WindowRow(window).data)

    @extend_schema(
        operation_id="end_maintenance_window", summary="End a window", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, window_id: uuid.UUID) -> Response:
        """End a window now; what is still wrong is told. One that has not begun is deleted."""
        end_maintenance(window_id=window_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class ShelvingList(FleetView):
    """What is shelved."""

    permission = _PERMISSIONS
    params_class = ShelvingListParams
    serializer_class = ShelvingRow
    queryset = Shelving.objects.none()
    orderings = {"until": "until"}

    @extend_schema(
        operation_id="list_shelvings", summary="List shelved alarms", tags=TAGS,
        parameters=[ShelvingListParams], responses=ShelvingRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List of what nobody is told now."""
        return self.page(shelvings(now=self.now), ShelvingRow)

    @extend_schema(
        operation_id="shelve_alarm", summary="Shelve an alarm", tags=TAGS,
        request=ShelvingBody, responses={201: ShelvingRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Tell nobody of an alarm, and of later ones of the same key, until a moment."""
        body = read_body(request, ShelvingBody)
        find_row(Alarm, body["alarm"], "alarm")
        row = shelve(
            alarm_id=body["alarm"], until=body["until"], reason=body["reason"],
            made_by=self.person, now=self.now,
        )  # fmt: skip
        return Response(ShelvingRow(row).data, status=HTTPStatus.CREATED)


class ShelvingDetail(FleetView):
    """Something that is shelved."""

    permission = {"DELETE": "write:alarm"}
    serializer_class = ShelvingRow
    queryset = Shelving.objects.none()

    @extend_schema(
        operation_id="unshelve_alarm", summary="End a shelving", tags=TAGS, responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, shelving_id: uuid.UUID) -> Response:
        """Tell of the alarm again, at once if it is still open."""
        unshelve(shelving_id=shelving_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)
