"""Notes in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from devices.api_fleet import FleetView, find_row
from devices.models import Device, Site
from telemetry.annotations.models import Annotation
from telemetry.annotations.queries import annotations_of, touching
from telemetry.annotations.serializers import (
    AnnotationBody,
    AnnotationListParams,
    AnnotationPatch,
    AnnotationRow,
)
from telemetry.annotations.services import add_annotation, change_annotation, delete_annotation

TAGS = ["annotations"]


class AnnotationView(FleetView):
    """Base of endpoints about notes."""

    serializer_class = AnnotationRow
    queryset = Annotation.objects.none()  # tells the schema what is listed


class SiteAnnotations(AnnotationView):
    """Notes on the time of a site."""

    params_class = AnnotationListParams
    orderings = {"start": "start"}
    permission = {
        "GET": "read:telemetry", "HEAD": "read:telemetry", "POST": "write:telemetry",
    }  # fmt: skip

    @extend_schema(
        operation_id="list_annotations", summary="List notes", tags=TAGS,
        parameters=[AnnotationListParams], responses=AnnotationRow(many=True),
    )  # fmt: skip
    def get(self, request: Request, site_id: uuid.UUID) -> Response:
        """List the notes of a site, the newest first; of a stretch of time, or all."""
        rows = annotations_of(find_row(Site, site_id).id)
        rows = touching(rows, start=self.params.get("start"), end=self.params.get("end"))
        return self.page(rows, AnnotationRow)

    @extend_schema(
        operation_id="add_annotation", summary="Add a note", tags=TAGS,
        request=AnnotationBody, responses={201: AnnotationRow},
    )  # fmt: skip
    def post(self, request: Request, site_id: uuid.UUID) -> Response:
        """Keep a note about a stretch of time, or about a moment when `end` is left out."""
        site = find_row(Site, site_id)
        given = {"device": None, "end": None} | _read(request, AnnotationBody)
        row = add_annotation(site=site, made_by=self.person, now=self.now, **given)
        return Response(AnnotationRow(row).data, status=HTTPStatus.CREATED)


class AnnotationDetail(AnnotationView):
    """One note."""

    permission = {"PATCH": "write:telemetry", "DELETE": "write:telemetry"}

    @extend_schema(
        operation_id="change_annotation", summary="Change a note", tags=TAGS,
        request=AnnotationPatch, responses=AnnotationRow,
    )  # fmt: skip
    def patch(self, request: Request, annotation_id: uuid.UUID) -> Response:
        """Change what the body names; a note stays at its site."""
        find_row(Annotation, annotation_id)
        changes = _read(request, AnnotationPatch)
        row = change_annotation(annotation_id=annotation_id, changes=changes, now=self.now)
        return Response(AnnotationRow(row).data)

    @extend_schema(
        operation_id="delete_annotation", summary="Delete a note", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, annotation_id: uuid.UUID) -> Response:
        """Delete a note."""
        delete_annotation(annotation_id=annotation_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


def _read(request: Request, body_class: type[AnnotationPatch]) -> dict[str, Any]:
    body = read_body(request, body_class)
    if body.get("device"):
        body["device"] = find_row(Device, body["device"], "device")
    return body
