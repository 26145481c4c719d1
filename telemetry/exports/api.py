"""Exports in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http import FileResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actor import actor_of
from accounts.api.params import Params, read_body
from accounts.api.problems import Problem
from accounts.api.write import AccessView
from telemetry.api import QueryNotPossible
from telemetry.exports import service
from telemetry.exports.models import ExportFormat, ExportJob, ExportState
from telemetry.questions import QuestionRefused
from telemetry.serializers import QueryParams, to_question

PERMISSION = "export:report"


class ExportBody(QueryParams):
    """A question whose answer becomes a file; `interval` raw if left out."""

    file = serializers.ChoiceField(choices=ExportFormat.choices, default=ExportFormat.CSV_LONG)
    max_points = None  # type: ignore[assignment]
    compare = None  # type: ignore[assignment]
    completeness = None  # type: ignore[assignment]

    def get_fields(self) -> dict[str, serializers.Field]:
        """Leave out what only answers have."""
        fields = super().get_fields()
        fields["interval"].default = fields["interval"].initial = "raw"
        return fields


class ExportSerializer(serializers.ModelSerializer):
    """An export. `download_url` holds for ten minutes and for its owner."""

    format = serializers.ChoiceField(choices=ExportFormat.choices)
    state = serializers.ChoiceField(choices=ExportState.choices)
    download_url = serializers.SerializerMethodField()

    class Meta:
        model = ExportJob
        fields = (
            "id", "format", "state", "progress", "rows", "size", "error_code", "error",
            "question", "created_at", "finished_at", "expires_at", "file_name", "download_url",
        )  # fmt: skip
        read_only_fields = fields

    def get_download_url(self, job: ExportJob) -> str:
        """Return where the file is, "" while there is none."""
        return download_url(job)


class ExportListSerializer(serializers.Serializer):
    """Own exports."""

    results = ExportSerializer(many=True)


class DownloadParams(Params):
    """What a download link carries."""

    token = serializers.CharField(max_length=500, default="", allow_blank=True)


class TooMany(Problem):
    """The quota is used up."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_code = service.TooManyExports.code


class ExportView(AccessView):
    """Base: exports belong to who asked for them."""

    permission: Any = PERMISSION
    absent = frozenset({"export_gone", "link_expired"})  # type: ignore[assignment]

    @property
    def owner_id(self) -> uuid.UUID:
        """Return the id of the person or key."""
        owner = actor_of(self.request._request).id
        if owner is None:
            raise NotAuthenticated
        return owner


class ExportList(ExportView):
    """Exports."""

    @extend_schema(
        operation_id="list_exports", summary="List own exports", tags=["telemetry"],
        responses=ExportListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List one's exports, the newest first."""
        rows = service.list_exports(self.owner_id)[: service.MAX_KEPT]
        return Response(ExportListSerializer({"results": rows}).data)

    @extend_schema(
        operation_id="create_export", summary="Export time series", tags=["telemetry"],
        request=ExportBody, responses={202: ExportSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Have a file made in the background; it is kept for a week."""
        body = read_body(request, ExportBody)
        question = to_question({"compare": "", "max_points": 1, **body})
        try:
            job = service.create_export(
                tenant_id=self.acting.tenant_id, owner_id=self.owner_id, question=question,
                format_=body["file"], now=self.now,
            )  # fmt: skip
        except QuestionRefused as error:
            raise QueryNotPossible(error, "#/") from error
        except service.TooManyExports as error:
            raise TooMany(str(error), retry_after_seconds=60) from error
        return Response(
            ExportSerializer(job).data, status=HTTPStatus.ACCEPTED,
            headers={"Location": reverse("api-export-detail", args=[job.id])},
        )  # fmt: skip


class ExportDetail(ExportView):
    """One export."""

    @extend_schema(
        operation_id="get_export", summary="Read an export", tags=["telemetry"],
        responses=ExportSerializer,
    )  # fmt: skip
    def get(self, request: Request, export_id: uuid.UUID) -> Response:
        """Tell how far it is; a finished one has an address."""
        return Response(ExportSerializer(service.find_export(self.owner_id, export_id)).data)

    @extend_schema(
        operation_id="delete_export", summary="Delete an export", tags=["telemetry"],
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, export_id: uuid.UUID) -> Response:
        """Stop it and delete its file."""
        service.delete_export(owner_id=self.owner_id, export_id=export_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class ExportFile(ExportView):
    """The file of an export."""

    params_class = DownloadParams

    @extend_schema(
        operation_id="download_export", summary="Download an export", tags=["telemetry"],
        parameters=[DownloadParams],
        responses={(200, "application/octet-stream"): OpenApiResponse(description="The file.")},
    )  # fmt: skip
    def get(self, request: Request, export_id: uuid.UUID) -> Any:
        """Send the file to its owner."""
        job, file = service.open_export(
            owner_id=self.owner_id, export_id=export_id, token=self.params["token"], now=self.now
        )
        response = FileResponse(file, as_attachment=True, filename=job.file_name)
        response["Content-Type"] = "application/octet-stream"
        response["Cache-Control"] = "private, no-store"
        return response


def download_url(job: ExportJob) -> str:
    """Return the signed address of a finished export, "" for another."""
    if job.state != ExportState.DONE:
        return ""
    return f"{reverse('api-export-file', args=[job.id])}?token={service.sign_link(job)}"
