"""Imports in the API: announced, sent in parts, described, started."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body, read_params
from accounts.api.problems import Problem
from accounts.api.write import AccessView
from telemetry.imports import service
from telemetry.imports.channels import ColumnRefused
from telemetry.imports.files import FileProblem
from telemetry.imports.models import ImportJob, ImportProblem
from telemetry.imports.preview import preview_import
from telemetry.imports.queries import list_imports, list_problems
from telemetry.imports.serializers import (
    ORDERINGS,
    PROBLEM_ORDERINGS,
    ContentParams,
    ImportBody,
    ImportListParams,
    ImportPreviewSerializer,
    ImportProblemSerializer,
    ImportSerializer,
    PlanBody,
    ProblemListParams,
)

TAGS = ["imports"]


class BytesParser(BaseParser):
    """The body as it is, whatever it calls itself."""

    media_type = "*/*"
    content_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the bytes of one part."""
        data: bytes = stream.read(service.MAX_PART + 1)
        return data


class NotBytes(Problem):
    """A part of a file came as something else, such as a form."""

    status_code = HTTPStatus.BAD_REQUEST
    default_code = "not_bytes"
    default_detail = gettext_lazy("Send the bytes as application/octet-stream.")


class ImportView(AccessView):
    """Answers refusals with their code and the status that fits."""

    absent = {"import_gone"}

    def handle_exception(self, exc: Exception) -> Any:
        """Turn refusals into problems."""
        status = None
        if isinstance(exc, FileProblem) and exc.code == "file_gone":
            status = HTTPStatus.NOT_FOUND
        elif isinstance(exc, (service.ImportRefused, ColumnRefused, FileProblem)):
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        elif isinstance(exc, (service.WrongState, service.WrongOffset)):
            status = HTTPStatus.CONFLICT
        if status is not None:
            problem = Problem(str(exc))
            problem.default_code = exc.code  # type: ignore[attr-defined]
            problem.status_code = status
            exc = problem
        return super().handle_exception(exc)


class ImportList(ImportView, GenericAPIView):
    """The imports of the tenant."""

    permission = {
        "GET": "read:telemetry", "HEAD": "read:telemetry", "POST": "write:telemetry",
    }  # fmt: skip
    params_class = ImportListParams
    orderings = ORDERINGS
    queryset = ImportJob.objects.none()  # tells the schema what is listed
    serializer_class = ImportSerializer

    @extend_schema(
        operation_id="list_imports", summary="List imports", tags=TAGS,
        responses=ImportSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List imports, the newest first."""
        rows = list_imports()
        if self.params.get("device"):
            rows = rows.filter(device_id=self.params["device"])
        if self.params.get("state"):
            rows = rows.filter(state=self.params["state"])
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(ImportSerializer(found, many=True).data)

    @extend_schema(
        operation_id="create_import", summary="Announce a file", tags=TAGS,
        request=ImportBody, responses={201: ImportSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Announce a file of at most 100 MB; its bytes are sent to `content`, 4 MB at a time."""
        body = read_body(request, ImportBody)
        made = service.create_import(
            device_id=body["device"],
            file_name=body["file_name"],
            size=body["size"],
            actor=self.person,
            now=self.now,
        )
        return Response(ImportSerializer(made).data, HTTPStatus.CREATED)


class ImportDetail(ImportView):
    """One import."""

    permission = {
        "GET": "read:telemetry", "HEAD": "read:telemetry", "PATCH": "write:telemetry",
    }  # fmt: skip

    @extend_schema(
        operation_id="get_import", summary="Read an import", tags=TAGS, responses=ImportSerializer
    )
    def get(self, request: Request, import_id: uuid.UUID) -> Response:
        """Return one import with its progress and counts."""
        return Response(ImportSerializer(service.find_import(import_id)).data)

    @extend_schema(
        operation_id="change_import", summary="Change how a file is read", tags=TAGS,
        request=PlanBody, responses=ImportSerializer,
    )  # fmt: skip
    def patch(self, request: Request, import_id: uuid.UUID) -> Response:
        """Change settings before the start; look at the preview afterwards."""
        body = read_body(request, PlanBody)
        job = service.change_plan(job_id=import_id, changes=body["plan"])
        return Response(ImportSerializer(job).data)


class ImportContent(ImportView):
    """The bytes of a file."""

    permission = "write:telemetry"
    parser_classes = [BytesParser]

    @extend_schema(
        operation_id="upload_import_content", summary="Send a part of a file", tags=TAGS,
        parameters=[ContentParams], request={"application/octet-stream": OpenApiTypes.BINARY},
        responses=ImportSerializer,
    )  # fmt: skip
    def put(self, request: Request, import_id: uuid.UUID) -> Response:
        """Send at most 4 MB from `offset` on; after the last part the file is looked at.

        A part may be repeated. `received` in the answer is where the next one begins.
        """
        offset = read_params(request, ContentParams)["offset"]
        service.find_import(import_id)
        if request.content_type != BytesParser.content_type:
            raise NotBytes
        data = request.data if isinstance(request.data, bytes) else b""
        job = service.append_part(job_id=import_id, offset=offset, data=data)
        if job.received == job.size:
            job = service.finish_upload(job_id=import_id, now=self.now)
        return Response(ImportSerializer(job).data)


class ImportPreview(ImportView):
    """What an import would do."""

    permission = "read:telemetry"

    @extend_schema(
        operation_id="preview_import", summary="Preview an import", tags=TAGS,
        responses=ImportPreviewSerializer,
    )  # fmt: skip
    def get(self, request: Request, import_id: uuid.UUID) -> Response:
        """Return the first 50 rows as understood, and counts over the first 5,000."""
        job = service.find_import(import_id)
        if job.state in {"uploading", "failed", "cancelled"}:
            raise service.WrongState
        found = preview_import(job, now=self.now)
        return Response(ImportPreviewSerializer(found.as_json()).data)


class ImportStart(ImportView):
    """Starting an import."""

    permission = "write:telemetry"

    @extend_schema(
        operation_id="start_import", summary="Start an import", tags=TAGS, request=Params,
        responses={202: ImportSerializer},
    )  # fmt: skip
    def post(self, request: Request, import_id: uuid.UUID) -> Response:
        """Make the missing channels and read the file in the background."""
        read_body(request, Params)
        job = service.start_import(job_id=import_id, now=self.now)
        return Response(ImportSerializer(job).data, HTTPStatus.ACCEPTED)


class ImportCancel(ImportView):
    """Stopping an import."""

    permission = "write:telemetry"

    @extend_schema(
        operation_id="cancel_import", summary="Cancel an import", tags=TAGS, request=Params,
        responses=ImportSerializer,
    )  # fmt: skip
    def post(self, request: Request, import_id: uuid.UUID) -> Response:
        """Stop it; what is stored stays, and the file is deleted."""
        read_body(request, Params)
        return Response(
            ImportSerializer(service.cancel_import(job_id=import_id, now=self.now)).data
        )


class ImportProblems(ImportView, GenericAPIView):
    """The rows of an import that were not stored."""

    permission = "read:telemetry"
    params_class = ProblemListParams
    orderings = PROBLEM_ORDERINGS
    queryset = ImportProblem.objects.none()
    serializer_class = ImportProblemSerializer

    @extend_schema(
        operation_id="list_import_problems", summary="List refused rows", tags=TAGS,
        responses=ImportProblemSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request, import_id: uuid.UUID) -> Response:
        """List what was refused, in the order of the file; the first ten thousand are kept."""
        rows = list_problems(service.find_import(import_id).id)
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(ImportProblemSerializer(found, many=True).data)
