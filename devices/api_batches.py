"""One command for many devices, in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from devices.api_commands import KEY_HEADER, CommandView
from devices.models import CommandBatch, Device
from devices.queries_commands import find_devices, list_batches
from devices.serializers_commands import (
    BatchBody,
    BatchDetailSerializer,
    BatchListSerializer,
    BatchPreviewBody,
    BatchPreviewSerializer,
)
from devices.services.batches import (
    Plan,
    cancel_batch,
    create_batch,
    preview_batch,
    retry_batch,
)
from devices.services.command_refusals import BadBatch


class BatchPreview(CommandView):
    """Looks at a batch before it is made."""

    permission = "control:device"

    @extend_schema(
        operation_id="preview_batch", summary="Preview a batch", tags=["commands"],
        request=BatchPreviewBody, responses=BatchPreviewSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Say which devices would be commanded now, and why the others would not."""
        body = read_body(request, BatchPreviewBody)
        found = preview_batch(
            actor=request.user, devices=_devices(body), name=body["name"], params=body["params"],
            now=self.now,
        )  # fmt: skip
        return Response(
            BatchPreviewSerializer(
                {
                    "eligible": [candidate for candidate in found if not candidate.code],
                    "skipped": [candidate for candidate in found if candidate.code],
                }
            ).data
        )


class BatchList(CommandView):
    """Batches."""

    permission = {"GET": "read:command", "HEAD": "read:command", "POST": "control:device"}

    @extend_schema(
        operation_id="list_batches", summary="List batches", tags=["commands"],
        responses=BatchListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the last 100 batches, the newest first."""
        rows = list_batches().order_by("-requested_at", "id")[:100]
        return Response(BatchListSerializer({"results": rows}).data)

    @extend_schema(
        operation_id="create_batch", summary="Command many devices", tags=["commands"],
        request=BatchBody, responses={202: BatchDetailSerializer}, parameters=[KEY_HEADER],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Command devices stage by stage; halted when too many fail."""
        body = read_body(request, BatchBody)
        plan = Plan(
            body["stage_size"], body["stage_seconds"], body["halt_percent"], body["expires_in"]
        )
        made = create_batch(
            actor=request.user, devices=_devices(body), name=body["name"], params=body["params"],
            plan=plan, idempotency_key=self.key, now=self.now,
        )  # fmt: skip
        return _answer(*made)


class BatchDetail(CommandView):
    """One batch."""

    permission = "read:command"

    @extend_schema(
        operation_id="get_batch", summary="Read a batch", tags=["commands"],
        responses=BatchDetailSerializer,
    )  # fmt: skip
    def get(self, request: Request, batch_id: uuid.UUID) -> Response:
        """Return a batch with its devices."""
        return Response(BatchDetailSerializer(_batch(batch_id)).data)


class BatchCancel(CommandView):
    """Ends a batch early."""

    permission = "control:device"

    @extend_schema(
        operation_id="cancel_batch", summary="Cancel a batch", tags=["commands"],
        request=Params, responses=BatchDetailSerializer,
    )  # fmt: skip
    def post(self, request: Request, batch_id: uuid.UUID) -> Response:
        """Send nothing more of a batch."""
        read_body(request, Params)
        batch = cancel_batch(actor=request.user, batch=_batch(batch_id), now=self.now)
        return Response(BatchDetailSerializer(batch).data)


class BatchRetry(CommandView):
    """Tries again what failed."""

    permission = "control:device"

    @extend_schema(
        operation_id="retry_batch", summary="Retry what failed", tags=["commands"],
        request=Params, responses={202: BatchDetailSerializer}, parameters=[KEY_HEADER],
    )  # fmt: skip
    def post(self, request: Request, batch_id: uuid.UUID) -> Response:
        """Make a new batch of the devices at which the command failed."""
        read_body(request, Params)
        made = retry_batch(
            actor=request.user, batch=_batch(batch_id), idempotency_key=self.key, now=self.now
        )
        return _answer(*made)


def _devices(body: dict[str, Any]) -> list[Device]:
    """Return the devices that the body names, in any of its ways.

    Raises: BadBatch: it names none, or one that is not there.
    """
    ids = list(dict.fromkeys(body["devices"]))
    if not (ids or "site" in body or "zone" in body or body["profile"]):
        raise BadBatch
    found = find_devices(
        ids=ids, site_id=body.get("site"), zone_id=body.get("zone"), profile_key=body["profile"]
    )
    if len(found) < len(ids):
        raise BadBatch
    return found


def _batch(batch_id: uuid.UUID) -> CommandBatch:
    found = CommandBatch.objects.filter(id=batch_id).first()
    if found is None:
        raise Http404
    return found


def _answer(batch: CommandBatch, is_replay: bool) -> Response:
    answer = Response(BatchDetailSerializer(batch).data, status=HTTPStatus.ACCEPTED)
    answer["Location"] = reverse("api-batch-detail", args=[batch.id])
    if is_replay:
        answer["Idempotent-Replayed"] = "true"
    return answer
