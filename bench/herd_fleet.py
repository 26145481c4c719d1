"""Devices with certificates and accounts, made in bulk."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from accounts.models import Membership, SystemRole, Tenant, User
from accounts.tenancy import tenant_scope
from bench.fleet import DatabaseInUse
from bench.herd_clients import Member
from devices.canonical import lookup
from devices.models import Channel, Device, DeviceCertificate, DeviceProfile, Site
from devices.pki.authority import Authority, Leaf, issue_leaf, key_pem_of, pem_of
from devices.pki.keys import fingerprint_of_key
from devices.services.authorities import active_authority, import_authority, open_authority
from devices.services.broker_accounts import box_grant, ensure_commands
from tools.embedded import Stack
from tools.embedded.state import give_to_servers, write_private

METRIC = "uptime"
DAY = dt.timedelta(days=1)


def seed_herd(*, count: int, now: dt.datetime) -> tuple[list[Device], User, str]:
    """Make direct devices of one organisation; return them and somebody who may watch.

    Raises: DatabaseInUse.
    """
    if Tenant.objects.exists():
        raise DatabaseInUse("The bench fills only an empty database.")
    password = secrets.token_urlsafe(16)
    viewer = User.objects.create_user("viewer@bench.example", password)
    tenant = Tenant.objects.create(name="Herd", slug="herd")
    Membership.objects.create(user=viewer, tenant=tenant, role=SystemRole.VIEWER)
    profile = DeviceProfile.objects.create(key="bench-box", name="Bench box")
    with tenant_scope(tenant.id):
        site = Site.objects.create(tenant=tenant, name="Field", timezone="Europe/Istanbul")
        devices = [
            Device(tenant=tenant, site=site, profile=profile, uid=f"box-{n:05}", name=f"Box {n}")
            for n in range(count)
        ]
        Device.objects.bulk_create(devices, batch_size=2000)
        template = lookup(METRIC)
        assert template is not None
        channels = [Channel(tenant=tenant, device=d, **asdict(template)) for d in devices]
        Channel.objects.bulk_create(channels, batch_size=2000)
    return devices, viewer, password


def issue_all(
    devices: Sequence[Device], *, folder: Path, ca_file: Path, now: dt.datetime
) -> list[Member]:
    """Give each device a P-256 key of its own and a certificate of the broker's authority."""
    key_pem = ca_file.with_suffix(".key").read_text()
    import_authority(certificate_pem=ca_file.read_text(), key_pem=key_pem, now=now)
    row = active_authority()
    authority = open_authority(row)
    members, certificates = [], []
    for device in devices:
        member, certificate = _issue(device, authority, folder, now)
        members.append(member)
        certificate.authority = row
        certificates.append(certificate)
    with tenant_scope(devices[0].tenant_id):
        DeviceCertificate.objects.bulk_create(certificates, batch_size=2000)
    return members


def write_accounts(devices: Sequence[Device], stack: Stack) -> None:
    """Give each device its account and its role, in the file of a broker that does not run yet.

    Asked one after another the broker saves all of them each time: 500 take 12 s, 5,000 an hour.
    """
    file = Path(stack.env["BROKER_CRL_FILE"]).with_name("dynsec.json")
    content = json.loads(file.read_text())
    for device in devices:
        role, account = ensure_commands(box_grant(device))
        content["roles"].append({name: role[name] for name in ("rolename", "acls")})
        content["clients"].append({name: account[name] for name in ("username", "roles")})
    write_private(file, json.dumps(content))
    give_to_servers(file)


def _issue(
    device: Device, authority: Authority, folder: Path, now: dt.datetime
) -> tuple[Member, DeviceCertificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = Leaf(str(device.id), uuid.UUID(str(device.id)), key.public_key(), now - DAY, now + DAY)
    signed = issue_leaf(authority, leaf)
    cert_file, key_file = folder / f"{device.uid}.crt", folder / f"{device.uid}.key"
    cert_file.write_text(pem_of(signed))
    key_file.write_text(key_pem_of(key))
    certificate = DeviceCertificate(
        tenant_id=device.tenant_id,
        device=device,
        serial=f"{signed.serial_number:x}",
        fingerprint=signed.fingerprint(hashes.SHA256()).hex(),
        key_fingerprint=fingerprint_of_key(key.public_key()),
        common_name=leaf.common_name,
        pem=pem_of(signed),
        not_before=signed.not_valid_before_utc,
        not_after=signed.not_valid_after_utc,
        first_seen_at=now,  # a fleet at work
    )
    member = Member(leaf.common_name, certificate.serial, str(cert_file), str(key_file))
    return member, certificate
