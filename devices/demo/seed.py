"""Writes the demo fleet into the database and describes it for the simulator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.models import Membership, Plan, Role, SystemRole, Tenant, User
from accounts.tenancy import tenant_scope
from devices.builtin_profiles import GATEWAY_HEALTH, builtin_profiles
from devices.demo.passwords import Passwords
from devices.models import Device, Gateway, Site
from devices.services.broker_accounts import (
    Grant,
    device_grant,
    device_topics,
    gateway_grant,
    gateway_topics,
)
from devices.services.devices import register_device
from devices.services.gateways import register_gateway
from devices.services.profiles import ensure_profile
from devices.services.sites import register_site

FLEET_FILE = Path(__file__).with_name("fleet.json")

Entry = dict[str, Any]


@dataclass(slots=True)
class DemoFleet:
    """What was seeded: entries of the demo file, and the accounts it needs on the broker."""

    users: list[Entry] = field(default_factory=list)
    gateways: list[Entry] = field(default_factory=list)  # certificates are issued later
    devices: list[Entry] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)

    def entries(self) -> dict[str, list[Entry]]:
        """Return the sections of the demo file."""
        return {"users": self.users, "gateways": self.gateways, "devices": self.devices}


@transaction.atomic
def seed_fleet(*, known: Mapping[str, Any], reset_passwords: bool = False) -> DemoFleet:
    """Make what is missing of the demo: tenants, people, sites, gateways, devices.

    Args: known: content of the demo file; passwords in it stay.
    """
    plan = json.loads(FLEET_FILE.read_text())
    passwords = Passwords(known, reset=reset_passwords)
    fleet = DemoFleet()
    certificates = {
        gateway["uid"]: {name: gateway[name] for name in ("cert_file", "key_file")}
        for gateway in known.get("gateways", [])
    }
    for key in builtin_profiles():
        ensure_profile(key=key)
    _seed_user(fleet, passwords, plan["staff"], role="staff", tenant=None)
    reseller = _seed_tenant(plan["reseller"])
    for wanted in plan["tenants"]:
        tenant = _seed_tenant(wanted)
        _seed_people(fleet, passwords, tenant, wanted["mail_domain"])
        with tenant_scope(tenant.id):
            _seed_role(tenant, wanted["role"])
            for place in wanted["sites"]:
                _seed_site(fleet, passwords, tenant, place)
    _seed_reseller_staff(fleet, passwords, reseller, plan["reseller"]["person"])
    for gateway in fleet.gateways:
        gateway |= certificates.get(gateway["uid"], {})
    return fleet


def _seed_tenant(wanted: Entry) -> Tenant:
    """Make a tenant with its plan; what staff changed since stays."""
    above = Tenant.objects.filter(slug=wanted.get("reseller", "")).first()
    plan, _ = Plan.objects.get_or_create(
        name=wanted["plan"]["name"], defaults={"max_devices": wanted["plan"]["max_devices"]}
    )
    tenant, _ = Tenant.objects.get_or_create(
        slug=wanted["slug"],
        defaults={
            "name": wanted["name"],
            "parent": above,
            "plan": plan,
            "is_reseller": wanted.get("is_reseller", False),
        },
    )
    return tenant


def _seed_reseller_staff(
    fleet: DemoFleet, passwords: Passwords, reseller: Tenant, person: Entry
) -> None:
    user = _seed_user(fleet, passwords, person, role="reseller", tenant=reseller)
    Membership.objects.get_or_create(
        user=user, tenant=reseller, defaults={"role": SystemRole.ADMIN}
    )


def _seed_role(tenant: Tenant, wanted: Entry) -> None:
    Role.objects.get_or_create(
        tenant=tenant,
        name=wanted["name"],
        defaults={"description": wanted["description"], "codes": sorted(wanted["codes"])},
    )


def _seed_people(fleet: DemoFleet, passwords: Passwords, tenant: Tenant, domain: str) -> None:
    for role in SystemRole:
        person = {"email": f"{role}@{domain}", "name": f"{role.label}, {tenant.name}"}
        user = _seed_user(fleet, passwords, person, role=role.value, tenant=tenant)
        Membership.objects.get_or_create(user=user, tenant=tenant, defaults={"role": role})


def _seed_user(
    fleet: DemoFleet, passwords: Passwords, person: Entry, *, role: str, tenant: Tenant | None
) -> User:
    """Make a user, or set the password that the file has; no tenant means platform staff."""
    password = passwords.take("users", person["email"])
    user = User.objects.filter(email=person["email"]).first()
    if user is None:
        create = User.objects.create_user if tenant else User.objects.create_superuser
        user = create(person["email"], password, name=person["name"])
    elif not user.check_password(password):
        user.set_password(password)
        user.save()
    fleet.users.append(
        {
            "email": user.email,
            "password": password,
            "role": role,
            "tenant": tenant.slug if tenant else None,
        }
    )
    return user


def _seed_site(fleet: DemoFleet, passwords: Passwords, tenant: Tenant, place: Entry) -> None:
    site = Site.objects.filter(name=place["name"]).first() or register_site(
        tenant=tenant,
        name=place["name"],
        timezone=place["timezone"],
        currency=place["currency"],
        address=place["address"],
        latitude=place["latitude"],
        longitude=place["longitude"],
    )
    where = {
        "tenant": str(tenant.id),
        "tenant_slug": tenant.slug,
        "site": site.name,
        "timezone": place["timezone"],
        "latitude": place["latitude"],
        "longitude": place["longitude"],
    }
    for wanted in place["gateways"]:
        _seed_gateway(fleet, passwords, site, wanted, where)
    for wanted in place.get("direct", []):
        _seed_direct_device(fleet, passwords, site, wanted, where)


def _seed_gateway(
    fleet: DemoFleet, passwords: Passwords, site: Site, wanted: Entry, where: Entry
) -> None:
    gateway = Gateway.objects.filter(uid=wanted["uid"]).first() or register_gateway(
        site=site, uid=wanted["uid"], name=wanted["name"]
    )
    devices = [_seed_device(site, gateway, entry) for entry in wanted["devices"]]
    own = Device.objects.get(gateway=gateway, uid=gateway.uid)
    devices.append(_describe(own, {"profile": GATEWAY_HEALTH}))
    grant = gateway_grant(gateway, passwords.take("gateways", gateway.uid))
    fleet.grants.append(grant)
    fleet.gateways.append(
        {
            **where,
            "id": str(gateway.id),
            "uid": gateway.uid,
            "username": grant.username,
            "password": grant.password,
            "cert_file": "",
            "key_file": "",
            "topic_prefix": gateway_topics(gateway),
            "dialect": wanted["dialect"],
            "devices": devices,
        }
    )


def _seed_direct_device(
    fleet: DemoFleet, passwords: Passwords, site: Site, wanted: Entry, where: Entry
) -> None:
    described = _seed_device(site, None, wanted)
    device = Device.objects.get(id=described["id"])
    grant = device_grant(device, passwords.take("devices", described["id"]))
    fleet.grants.append(grant)
    fleet.devices.append(
        {
            **where,
            **described,
            "username": grant.username,
            "password": grant.password,
            "topic_prefix": device_topics(device),
        }
    )


def _seed_device(site: Site, gateway: Gateway | None, wanted: Entry) -> Entry:
    device = Device.objects.filter(
        site=site, gateway=gateway, uid=wanted["uid"]
    ).first() or register_device(
        site=site,
        gateway=gateway,
        uid=wanted["uid"],
        name=wanted["name"],
        profile=ensure_profile(key=wanted["profile"]),
    )
    return _describe(device, wanted)


def _describe(device: Device, wanted: Entry) -> Entry:
    """Return a device as the simulator wants to know it."""
    return {
        "id": str(device.id),
        "uid": device.uid,
        "name": device.name,
        "profile": wanted["profile"],
        "model": wanted.get("model", {}),
    }
