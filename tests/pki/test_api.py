"""Certificates in the API, by command, in the admin, and the public addresses."""

from __future__ import annotations

import io

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from devices.models import (
    BrokerChange,
    DeviceCertificate,
    RevocationReason,
    RevokedCertificate,
    ShutOut,
)
from devices.services.authorities import create_authority
from devices.services.certificates import issue_certificate
from devices.services.revocation_list import publish_list
from tests.admin.conftest import enter_sudo
from tests.factories import DeviceFactory, GatewayFactory
from tests.pki.clients import request_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(red):
    create_authority(now=timezone.now())
    gateway = GatewayFactory(tenant=red.tenant, uid="gw-api")
    return DeviceFactory(gateway=gateway, uid="gw-api")


@pytest.fixture
def certificate(box, red):
    with red.scope():
        return issue_certificate(device=box, now=timezone.now()).certificate


def csr():
    return request_for(ec.generate_private_key(ec.SECP256R1()))


def addresses(box, serial):
    base = f"/api/v1/devices/{box.id}"
    return {
        "issue": f"{base}/certificates", "renew": f"{base}/certificates/{serial}/renew",
        "revoke": f"{base}/certificates/{serial}/revoke", "shut out": f"{base}/shut-out",
    }  # fmt: skip


def post(client, url, body=None):
    return client.post(url, body or {}, content_type="application/json")


def test_an_owner_issues_renews_and_revokes(box, red, client_for):
    client = client_for(red.owner)
    listed = addresses(box, "")["issue"]

    issued = post(client, listed, {"csr": csr()})
    assert issued.status_code == 201, issued.content
    first = issued.json()
    assert first["private_key"] is None
    assert issued["Cache-Control"] == "no-store"
    found = x509.load_pem_x509_certificate(first["certificate"].encode())
    found.verify_directly_issued_by(x509.load_pem_x509_certificate(first["authority"].encode()))
    renewed = post(client, addresses(box, first["serial"])["renew"], {"csr": csr()}).json()
    assert renewed["replaces"] == first["serial"]
    revoke = addresses(box, renewed["serial"])["revoke"]
    assert post(client, revoke, {"reason": "key_compromise"}).status_code == 204
    assert post(client, revoke).status_code in {204, 404}

    rows = client.get(listed).json()["results"]
    assert {row["serial"]: row["state"] for row in rows} == {
        first["serial"]: "valid", renewed["serial"]: "revoked",
    }  # fmt: skip


def test_a_key_of_our_making_must_be_asked_for(box, red, client_for):
    client = client_for(red.owner)
    url = addresses(box, "")["issue"]

    assert post(client, url).json()["code"] == "invalid_request"
    both = post(client, url, {"csr": csr(), "generate_key": True})
    assert both.status_code == 400
    made = post(client, url, {"generate_key": True}).json()

    assert "PRIVATE KEY" in made["private_key"]
    assert "PRIVATE KEY" not in client.get(url).content.decode()


@pytest.mark.parametrize(
    ("body", "code"),
    [({"csr": "x"}, "bad_csr"), ({"csr": csr() * 50}, "invalid_request"),
     ({"csr": csr(), "name": "platform"}, "unknown_field")],
)  # fmt: skip
def test_says_what_is_wrong_with_a_request(body, code, box, red, client_for):
    answer = post(client_for(red.owner), addresses(box, "")["issue"], body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("what", ["issue", "renew", "revoke", "shut out"])
def test_others_change_nothing(what, box, certificate, red, blue, client_for):
    url = addresses(box, certificate.serial)[what]

    for member, status in ((red.operator, 403), (red.viewer, 403), (blue.owner, 404)):
        assert post(client_for(member), url, {}).status_code == status

    with red.scope():
        assert DeviceCertificate.objects.filter(revoked_at=None).count() == 1
        assert not ShutOut.objects.exists()


def test_a_viewer_reads_and_a_stranger_does_not(box, certificate, red, blue, client_for):
    url = addresses(box, "")["issue"]

    assert client_for(red.viewer).get(url).json()["results"][0]["serial"] == certificate.serial
    assert client_for(blue.owner).get(url).status_code == 404


def test_a_serial_of_another_device_is_not_there(box, certificate, red, client_for):
    other = DeviceFactory(tenant=red.tenant, gateway=None)

    for what in ("renew", "revoke"):
        url = addresses(other, certificate.serial)[what]
        assert post(client_for(red.owner), url, {}).status_code == 404


def test_shutting_out_a_device_behind_a_gateway_says_why_not(box, red, client_for):
    behind = DeviceFactory(gateway=box.gateway, uid="meter")

    answer = post(client_for(red.owner), addresses(behind, "")["shut out"])

    assert answer.json()["code"] == "not_a_box"


def test_the_list_and_the_authority_are_public_and_cached(box, client):
    row = publish_list(now=timezone.now())

    crl, pem, ca = (client.get(f"/pki/{name}") for name in ("ca.crl", "ca.crl.pem", "ca.crt"))

    assert x509.load_der_x509_crl(crl.content).issuer.rfc4514_string() == "CN=Device authority"
    assert pem.content.decode() == row.crl_pem
    assert ca.content.decode() == row.certificate_pem
    for answer in (crl, pem, ca):
        assert answer["Cache-Control"] == "public, max-age=300"
        assert "Set-Cookie" not in answer
    again = client.get("/pki/ca.crl", headers={"If-None-Match": crl["ETag"]})
    assert again.status_code == 304
    publish_list(now=timezone.now())
    assert client.get("/pki/ca.crl")["ETag"] != crl["ETag"]


def test_without_an_authority_there_is_no_list(client, db):
    for name in ("ca.crl", "ca.crl.pem", "ca.crt"):
        assert client.get(f"/pki/{name}").status_code == 404


def test_the_admin_asks_for_a_reason_and_then_shuts_out(box, certificate, staff, client_for, red):
    client = enter_sudo(client_for(staff), staff)
    url = reverse("admin:devices_device_changelist")
    chosen = {"action": "revoke_access", "_selected_action": [str(box.id)]}

    form = client.post(url, chosen)
    assert form.status_code == 200
    assert b'name="reason"' in form.content
    done = client.post(url, {**chosen, "apply": "1", "reason": "key_compromise"})

    assert done.status_code == 302
    with red.scope():
        certificate.refresh_from_db()
        assert certificate.reason == RevocationReason.KEY_COMPROMISE
        assert ShutOut.objects.filter(device=box).exists()


def test_the_admin_revokes_single_certificates(box, certificate, staff, client_for, red):
    client = enter_sudo(client_for(staff), staff)
    chosen = {"action": "revoke", "_selected_action": [str(certificate.id)], "apply": "1"}

    client.post(
        reverse("admin:devices_devicecertificate_changelist"), {**chosen, "reason": "superseded"}
    )

    with red.scope():
        assert DeviceCertificate.objects.get(id=certificate.id).revoked_at is not None


def test_without_sudo_mode_the_admin_asks_for_the_password_first(
    box, certificate, staff, client_for, red
):
    chosen = {"action": "revoke_access", "_selected_action": [str(box.id)], "apply": "1"}

    answer = client_for(staff).post(
        reverse("admin:devices_device_changelist"), {**chosen, "reason": "superseded"}
    )

    assert "reauthenticate" in answer["Location"]
    with red.scope():
        assert DeviceCertificate.objects.get(id=certificate.id).revoked_at is None


def test_deleting_a_gateway_in_the_admin_takes_its_access(box, certificate, staff, client_for):
    client = enter_sudo(client_for(staff), staff)

    answer = client.post(
        reverse("admin:devices_gateway_delete", args=[box.gateway_id]), {"post": "yes"}
    )

    assert answer.status_code == 302
    assert RevokedCertificate.objects.filter(serial=certificate.serial).exists()
    assert not BrokerChange.objects.get(username="gw-api").is_wanted


def test_commands_issue_renew_and_revoke(box, tmp_path, red):
    out = io.StringIO()
    call_command("pki_issue", "gw-api", out=str(tmp_path / "a"), stdout=out)
    serial = out.getvalue().split()[0]
    key_file = tmp_path / "a" / "gw-api.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    call_command("pki_renew", serial, out=str(tmp_path / "b"), stdout=io.StringIO())
    call_command("pki_revoke", serial, reason="superseded", stdout=out, stderr=out)
    call_command("pki_revoke", box="gw-api", stdout=out, stderr=out)

    with red.scope():
        rows = DeviceCertificate.objects.order_by("created_at")
        assert [row.reason for row in rows] == ["superseded", "unspecified"]
    with pytest.raises(CommandError):
        call_command("pki_revoke", serial, stdout=out)


@pytest.mark.parametrize("box_name", ["nobody", "0191f0d2-0000-7000-8000-00000000dead", "", "%"])
def test_commands_say_when_there_is_no_such_box(box_name, box, tmp_path):
    with pytest.raises(CommandError, match="There is no"):
        call_command("pki_issue", box_name, out=str(tmp_path))
