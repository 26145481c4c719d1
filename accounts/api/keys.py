"""API keys in the API."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.write import AccessView
from accounts.models import ApiKey
from accounts.queries.keys import list_keys
from accounts.services.keys import NewKey, create_key, revoke_key, rotate_key


class KeySerializer(serializers.Serializer):
    """A key without its secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField(), source="codes")
    device = serializers.UUIDField(
        source="device_id", allow_null=True, help_text="The only device that it may send for."
    )
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class NewKeySerializer(KeySerializer):
    """A key just made, with the secret that is shown once."""

    secret = serializers.CharField(help_text="Send it as X-API-Key. It is never shown again.")


class KeysSerializer(serializers.Serializer):
    """All keys."""

    results = KeySerializer(many=True)


class KeyBody(Params):
    """A key to be made."""

    name = serializers.CharField(max_length=80)
    permissions = serializers.ListField(
        child=serializers.CharField(max_length=40), allow_empty=False, max_length=56
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    device = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Bind the key to a device; then the permission is write:telemetry alone.",
    )


class RotateBody(Params):
    """How a key is rotated."""

    overlap_hours = serializers.IntegerField(min_value=0, max_value=720, default=24)


class KeyList(AccessView):
    """The keys of the organisation."""

    permission = {"GET": "read:key", "HEAD": "read:key", "POST": "write:key"}

    @extend_schema(
        operation_id="list_keys", summary="List API keys", tags=["access"], responses=KeysSerializer
    )
    def get(self, request: Request) -> Response:
        """List the keys that are not revoked."""
        return Response({"results": KeySerializer(list_keys(), many=True).data})

    @extend_schema(
        operation_id="create_key", summary="Make an API key", tags=["access"],
        request=KeyBody, responses={201: NewKeySerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a key with some of one's own permissions; the answer shows its secret once.

        People need an authentication of the last ten minutes, else 403 with `sudo_required`.
        """
        body = read_body(request, KeyBody)
        self.check_sudo(is_open_to_keys=True)
        new = create_key(
            name=body["name"],
            codes=body["permissions"],
            expires_at=body["expires_at"],
            created_by=self.person,
            editor_codes=self.acting.codes,
            now=self.now,
            device_id=body["device"],
        )
        return Response(_describe(new), status=201)


class KeyDetail(AccessView):
    """One key."""

    permission = "delete:key"
    absent = {"key_gone"}

    @extend_schema(
        operation_id="revoke_key", summary="Revoke an API key", tags=["access"],
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, key_id: uuid.UUID) -> Response:
        """End the key at once."""
        revoke_key(key_id=key_id, now=self.now)
        return Response(status=204)


class KeyRotate(AccessView):
    """A key's replacement."""

    permission = "write:key"
    absent = {"key_gone"}

    @extend_schema(
        operation_id="rotate_key", summary="Rotate an API key", tags=["access"],
        request=RotateBody, responses={201: NewKeySerializer},
    )  # fmt: skip
    def post(self, request: Request, key_id: uuid.UUID) -> Response:
        """Make a new key with the same permissions; the old one works on for a while."""
        body = read_body(request, RotateBody)
        self.check_sudo(is_open_to_keys=True)
        new = rotate_key(
            key_id=key_id,
            overlap=dt.timedelta(hours=body["overlap_hours"]),
            created_by=self.person,
            editor_codes=self.acting.codes,
            now=self.now,
        )
        return Response(_describe(new), status=201)


def _describe(new: NewKey) -> dict[str, Any]:
    key: ApiKey = new.key
    return {**KeySerializer(key).data, "secret": new.secret.text}
