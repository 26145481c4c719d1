"""Certificates of devices in the API."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.api.problems import InvalidRequest, Violation
from accounts.api.write import AccessView
from devices.models import Device, DeviceCertificate
from devices.queries_certificates import CertificateRow, certificate_section, state_of
from devices.serializers_certificates import (
    CertificateSerializer,
    CertificatesSerializer,
    IssueBody,
    IssuedSerializer,
    RevokeBody,
)
from devices.services.certificates import (
    BoxOnly,
    CertificateGone,
    Issued,
    issue_certificate,
    renew_certificate,
)
from devices.services.revocation import revoke_certificate, shut_out_box

_TAG = ["certificates"]
_KEPT_NOWHERE = {"Cache-Control": "no-store"}


class CertificateView(AccessView):
    """Finds the device of the address."""

    absent = {"certificate_gone"}

    def find_device(self, device_id: uuid.UUID) -> Device:
        """Return a device of the organisation; 404 without."""
        found = Device.objects.select_related("gateway").filter(id=device_id).first()
        if found is None:
            raise Http404
        return found

    def check_serial(self, device: Device, serial: str) -> None:
        """Answer 404 unless the certificate is the device's."""
        if not DeviceCertificate.objects.filter(device=device, serial=serial.lower()).exists():
            raise CertificateGone

    def answer_issued(self, issued: Issued) -> Response:
        """Return a new certificate, which nobody on the way may keep."""
        row = CertificateRow(issued.certificate, state_of(issued.certificate, self.now))
        content: dict[str, Any] = {
            **CertificateSerializer(row).data,
            "certificate": issued.certificate.pem,
            "authority": issued.authority_pem,
            "private_key": issued.key_pem,
        }
        return Response(content, status=201, headers=_KEPT_NOWHERE)


class CertificateList(CertificateView):
    """The certificates of a device."""

    permission = {"GET": "read:device", "HEAD": "read:device", "POST": "provision:device"}

    @extend_schema(
        operation_id="list_certificates", summary="List a device's certificates", tags=_TAG,
        responses=CertificatesSerializer,
    )  # fmt: skip
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """List all certificates, also revoked ones."""
        section = certificate_section(device=self.find_device(device_id), now=self.now)
        content = {
            "shut_out_at": section.shut_out.at if section.shut_out else None,
            "results": section.rows,
        }
        return Response(CertificatesSerializer(content).data)

    @extend_schema(
        operation_id="issue_certificate", summary="Issue a certificate", tags=_TAG,
        request=IssueBody, responses={201: IssuedSerializer},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Sign a request of the device, or make its key as well and hand it out once."""
        device = self.find_device(device_id)
        csr = _csr_of(read_body(request, IssueBody))
        return self.answer_issued(issue_certificate(device=device, csr_pem=csr, now=self.now))


class CertificateRenew(CertificateView):
    """A certificate's successor."""

    permission = "provision:device"

    @extend_schema(
        operation_id="renew_certificate", summary="Renew a certificate", tags=_TAG,
        request=IssueBody, responses={201: IssuedSerializer},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID, serial: str) -> Response:
        """Issue a successor; the old one is good until that is in use, 30 days at most."""
        self.check_serial(self.find_device(device_id), serial)
        csr = _csr_of(read_body(request, IssueBody))
        return self.answer_issued(renew_certificate(serial=serial, csr_pem=csr, now=self.now))


class CertificateRevoke(CertificateView):
    """A certificate's end."""

    permission = "provision:device"

    @extend_schema(
        operation_id="revoke_certificate", summary="Revoke a certificate", tags=_TAG,
        request=RevokeBody, responses={204: None},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID, serial: str) -> Response:
        """End the certificate and the session of its device, within two seconds."""
        self.check_serial(self.find_device(device_id), serial)
        body = read_body(request, RevokeBody)
        revoke_certificate(serial=serial, reason=body["reason"], note=body["note"], now=self.now)
        return Response(status=204)


class DeviceShutOut(CertificateView):
    """The end of all access of a device."""

    permission = "provision:device"

    @extend_schema(
        operation_id="shut_out_device", summary="Revoke all access of a device", tags=_TAG,
        request=RevokeBody, responses={204: None},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Revoke all certificates and the account; what waits for the device is dropped."""
        device = self.find_device(device_id)
        if not device.is_box:
            raise BoxOnly
        body = read_body(request, RevokeBody)
        shut_out_box(device=device, reason=body["reason"], note=body["note"], now=self.now)
        return Response(status=204)


def _csr_of(body: dict[str, Any]) -> str | None:
    if ("csr" in body) == body["generate_key"]:
        detail = str(_("Give a csr, or ask for a key with generate_key."))
        raise InvalidRequest(violations=[Violation("one_of", detail, "#/csr")])
    return body.get("csr")
