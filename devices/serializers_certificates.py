"""Certificates in the API: what comes in and what goes out."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.params import Params
from devices.models import RevocationReason
from devices.pki.csr import MAX_BYTES

STATES = ("valid", "ending", "replaced", "ended", "revoked")


class CertificateSerializer(serializers.Serializer):
    """A certificate with which a device connects; never its key."""

    serial = serializers.CharField(
        source="certificate.serial", help_text="Hexadecimal; names it in the API."
    )
    state = serializers.ChoiceField(choices=STATES)
    common_name = serializers.CharField(
        source="certificate.common_name", help_text="The account on the broker."
    )
    fingerprint = serializers.CharField(
        source="certificate.fingerprint", help_text="SHA-256, hexadecimal."
    )
    not_before = serializers.DateTimeField(source="certificate.not_before")
    not_after = serializers.DateTimeField(source="certificate.not_after")
    replaces = serializers.CharField(
        source="certificate.replaces.serial", default=None, allow_null=True
    )
    first_seen_at = serializers.DateTimeField(source="certificate.first_seen_at", allow_null=True)
    revoked_at = serializers.DateTimeField(source="certificate.revoked_at", allow_null=True)
    reason = serializers.CharField(source="certificate.reason", allow_blank=True)


class CertificatesSerializer(serializers.Serializer):
    """All certificates of a device, the newest first."""

    shut_out_at = serializers.DateTimeField(
        allow_null=True, help_text="Set when all access of the device was revoked."
    )
    results = CertificateSerializer(many=True)


class IssuedSerializer(CertificateSerializer):
    """A new certificate; `private_key` only when we made it, and only in this answer."""

    certificate = serializers.CharField(help_text="PEM.")
    authority = serializers.CharField(help_text="PEM, to check the broker with.")
    private_key = serializers.CharField(
        allow_null=True, help_text="PEM (PKCS #8). It is never shown again and kept nowhere."
    )


class IssueBody(Params):
    """A signing request, which is better, or the wish for a key of our making."""

    csr = serializers.CharField(required=False, max_length=MAX_BYTES, help_text="PEM.")
    generate_key = serializers.BooleanField(default=False)


class RevokeBody(Params):
    """Why access ends."""

    reason = serializers.ChoiceField(
        choices=RevocationReason.choices, default=RevocationReason.UNSPECIFIED
    )
    note = serializers.CharField(max_length=200, default="", allow_blank=True)
