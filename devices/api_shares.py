"""Shares in the API."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Violation
from accounts.api.write import AccessView
from devices.models import Device, Site
from devices.queries_shares import SharedThing, list_shares
from devices.services.shares import (
    extend_share,
    revoke_share,
    share_with_tenant,
    share_with_user,
)
from devices.sharing import SHAREABLE

SHARE_STATES = ["planned", "active", "ended"]


class ShareSerializer(serializers.Serializer):
    """A site or device that somebody outside may use for a time."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=["site", "device"])
    object_id = serializers.UUIDField(source="target.pk")
    object_name = serializers.CharField(source="target.name")
    grantee_kind = serializers.ChoiceField(choices=["user", "tenant"])
    grantee = serializers.CharField(help_text="E-mail address or short name.")
    permissions = serializers.ListField(child=serializers.CharField(), source="codes")
    valid_from = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="Not included.")
    state = serializers.ChoiceField(choices=SHARE_STATES)


class ShareListSerializer(serializers.Serializer):
    """All shares, the next to end first."""

    results = ShareSerializer(many=True)


class ShareBody(Params):
    """What to share: `site` or `device`, with `email` or `organisation`."""

    site = serializers.UUIDField(required=False)
    device = serializers.UUIDField(required=False)
    email = serializers.EmailField(required=False)
    organisation = serializers.SlugField(required=False, help_text="Its short name.")
    permissions = serializers.ListField(
        child=serializers.ChoiceField(choices=SHAREABLE), default=list,
        help_text="Beyond seeing the site or device, which every share brings.",
    )  # fmt: skip
    valid_from = serializers.DateTimeField(required=False, help_text="Now when not given.")
    expires_at = serializers.DateTimeField(help_text="Within a year; not included.")


class ExtendBody(Params):
    """Another end of a share."""

    expires_at = serializers.DateTimeField()


class ShareList(AccessView):
    """What is shared."""

    permission = "write:share"

    @extend_schema(
        operation_id="list_shares", summary="List shares", tags=["access"],
        responses=ShareListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the shares of the organisation, also those that have ended."""
        return Response({"results": ShareSerializer(list_shares(now=self.now), many=True).data})

    @extend_schema(
        operation_id="create_share", summary="Share a site or a device", tags=["access"],
        request=ShareBody, responses={201: ShareSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Share with a person or an organisation, for a time."""
        body = read_body(request, ShareBody)
        _check_one(body, "site", "device")
        _check_one(body, "email", "organisation")
        common = {
            "target": _find_target(body),
            "codes": body["permissions"],
            "valid_from": max(body.get("valid_from", self.now), self.now),
            "expires_at": body["expires_at"],
            "shared_by": self.person,
            "editor_codes": self.acting.codes,
            "now": self.now,
        }
        if "email" in body:
            share_id = share_with_user(email=body["email"], **common)
        else:
            share_id = share_with_tenant(slug=body["organisation"], **common)
        return Response(ShareSerializer(self._find(share_id)).data, status=201)

    def _find(self, share_id: uuid.UUID) -> SharedThing:
        return _share(share_id, self.now)


class ShareDetail(AccessView):
    """One share."""

    permission = "write:share"

    @extend_schema(
        operation_id="get_share", summary="Read a share", tags=["access"],
        responses=ShareSerializer,
    )  # fmt: skip
    def get(self, request: Request, share_id: uuid.UUID) -> Response:
        """Return a share."""
        return Response(ShareSerializer(_share(share_id, self.now)).data)

    @extend_schema(
        operation_id="extend_share", summary="Move the end of a share", tags=["access"],
        request=ExtendBody, responses=ShareSerializer,
    )  # fmt: skip
    def patch(self, request: Request, share_id: uuid.UUID) -> Response:
        """Let a share end later, or sooner."""
        body = read_body(request, ExtendBody)
        extend_share(share_id=share_id, expires_at=body["expires_at"], now=self.now)
        return Response(ShareSerializer(_share(share_id, self.now)).data)

    @extend_schema(
        operation_id="revoke_share", summary="Revoke a share", tags=["access"],
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, share_id: uuid.UUID) -> Response:
        """End a share at once."""
        revoke_share(share_id=share_id, now=self.now)
        return Response(status=204)


def _share(share_id: uuid.UUID, now: Any) -> SharedThing:
    for share in list_shares(now=now):
        if share.id == share_id:
            return share
    raise Http404


def _find_target(body: dict[str, Any]) -> Site | Device:
    model: type[Any] = Site if "site" in body else Device
    found: Site | Device | None = (
        model.objects.select_related("tenant")
        .filter(id=body.get("site", body.get("device")))
        .first()
    )
    if found is None:
        raise Http404
    return found


def _check_one(body: dict[str, Any], first: str, second: str) -> None:
    if (first in body) == (second in body):
        detail = f"Give either {first} or {second}."
        raise InvalidRequest(violations=[Violation("one_of", detail, f"#/{first}")])
