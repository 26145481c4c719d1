"""Firmware in the API: releases, what the platform offers, vendors' keys."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import Problem
from accounts.api.renderers import ORJSONParser
from accounts.api.write import AccessView
from accounts.services.refusals import Refusal
from devices.models import FirmwareRelease
from devices.queries_campaigns import RELEASE_ORDERINGS, list_keys, list_published, list_releases
from devices.serializers_firmware import (
    AdoptBody,
    FirmwareKeyBody,
    FirmwareKeyListSerializer,
    FirmwareKeySerializer,
    PublishedListSerializer,
    ReleaseListParams,
    ReleaseSerializer,
    UploadBody,
)
from devices.services.firmware import (
    FirmwareRefused,
    Upload,
    adopt_release,
    upload_release,
    withdraw_release,
)
from devices.services.firmware_keys import register_key, revoke_key

TAGS = ["firmware"]
_CONFLICTS = {"version_exists", "key_exists", "wrong_state", "fleet_moved", "nobody_eligible"}


class FirmwareView(AccessView):
    """Answers refusals with their code and the status that fits."""

    permission: str | dict[str, str] = {
        "GET": "read:firmware", "HEAD": "read:firmware", "POST": "write:firmware",
    }  # fmt: skip
    absent = {"release_gone", "campaign_gone", "key_gone"}

    def handle_exception(self, exc: Exception) -> Any:
        """Turn refusals into problems."""
        status = _status_of(exc)
        if status is not None:
            problem = Problem(str(exc))
            problem.default_code = exc.code  # type: ignore[attr-defined]
            problem.status_code = status
            exc = problem
        return super().handle_exception(exc)


class ReleaseList(FirmwareView, GenericAPIView):
    """The firmware of the tenant."""

    params_class = ReleaseListParams
    orderings = RELEASE_ORDERINGS
    queryset = FirmwareRelease.objects.none()  # tells the schema what is listed
    serializer_class = ReleaseSerializer
    # who sends JSON is told what is missing
    parser_classes = [MultiPartParser, ORJSONParser]

    @extend_schema(
        operation_id="list_firmware_releases", summary="List firmware", tags=TAGS,
        responses=ReleaseSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List firmware, the newest first."""
        rows = list_releases()
        if self.params.get("profile"):
            rows = rows.filter(profile__key=self.params["profile"])
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(ReleaseSerializer(found, many=True).data)

    @extend_schema(
        operation_id="upload_firmware", summary="Upload firmware", tags=TAGS,
        request={"multipart/form-data": UploadBody}, responses={201: ReleaseSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Keep firmware; nothing is stored before signature, hash, size and form are checked."""
        body = read_body(request, UploadBody)
        upload = Upload(
            manifest=body["manifest"].read(),
            signature=body["signature"],
            image=body["image"],
            notes=body["notes"],
            allows_downgrade=body["allows_downgrade"],
        )
        made = upload_release(upload=upload, actor=self.person, now=self.now)
        return Response(ReleaseSerializer(made).data, HTTPStatus.CREATED)


class ReleaseDetail(FirmwareView):
    """One release."""

    permission = "read:firmware"

    @extend_schema(
        operation_id="get_firmware_release", summary="Read firmware", tags=TAGS,
        responses=ReleaseSerializer,
    )  # fmt: skip
    def get(self, request: Request, release_id: uuid.UUID) -> Response:
        """Return one release."""
        found = list_releases().filter(id=release_id).first()
        if found is None:
            raise Http404
        return Response(ReleaseSerializer(found).data)


class ReleaseWithdraw(FirmwareView):
    """Taking firmware back."""

    permission = "write:firmware"

    @extend_schema(
        operation_id="withdraw_firmware", summary="Withdraw firmware", tags=TAGS, request=Params,
        responses=ReleaseSerializer,
    )  # fmt: skip
    def post(self, request: Request, release_id: uuid.UUID) -> Response:
        """Offer it to nobody any more; campaigns with it halt."""
        read_body(request, Params)
        found = withdraw_release(release_id=release_id, now=self.now)
        return Response(ReleaseSerializer(found).data)


class PublishedList(FirmwareView):
    """What the platform offers."""

    @extend_schema(
        operation_id="list_published_firmware", summary="List offered firmware", tags=TAGS,
        responses=PublishedListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List what may be adopted, the newest first."""
        return Response(PublishedListSerializer({"results": list_published()}).data)

    @extend_schema(
        operation_id="adopt_firmware", summary="Adopt offered firmware", tags=TAGS,
        request=AdoptBody, responses={201: ReleaseSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Take over what the platform offers, to roll it out."""
        body = read_body(request, AdoptBody)
        made = adopt_release(published_id=body["published"], actor=self.person, now=self.now)
        return Response(ReleaseSerializer(made).data, HTTPStatus.CREATED)


class FirmwareKeyList(FirmwareView):
    """Whose signatures count."""

    @extend_schema(
        operation_id="list_firmware_keys", summary="List vendors' keys", tags=TAGS,
        responses=FirmwareKeyListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the keys, revoked ones last."""
        return Response(FirmwareKeyListSerializer({"results": list_keys()}).data)

    @extend_schema(
        operation_id="register_firmware_key", summary="Register a vendor's key", tags=TAGS,
        request=FirmwareKeyBody, responses={201: FirmwareKeySerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Let firmware count that this key signs; needs a fresh authentication."""
        self.check_sudo()
        body = read_body(request, FirmwareKeyBody)
        made = register_key(name=body["name"], public_key=body["public_key"], now=self.now)
        return Response(FirmwareKeySerializer(made).data, HTTPStatus.CREATED)


class FirmwareKeyRevoke(FirmwareView):
    """Distrusting a vendor's key."""

    permission = "write:firmware"

    @extend_schema(
        operation_id="revoke_firmware_key", summary="Revoke a vendor's key", tags=TAGS,
        request=Params, responses={204: None},
    )  # fmt: skip
    def post(self, request: Request, vendor_key_id: uuid.UUID) -> Response:
        """Withdraw what the key signed, and take nothing more from it."""
        read_body(request, Params)
        revoke_key(key_id=vendor_key_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


def _status_of(exc: Exception) -> HTTPStatus | None:
    """Return the status of refusals that are not 400 or 404."""
    if isinstance(exc, FirmwareRefused):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    if isinstance(exc, Refusal) and exc.code in _CONFLICTS:
        return HTTPStatus.CONFLICT
    return None
