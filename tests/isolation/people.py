"""Everybody who may knock at the doors of tenant A, each with one way to prove who they are."""

from __future__ import annotations

import base64
import datetime as dt
import time
from dataclasses import dataclass, field

from allauth.account.internal.flows import login as allauth_login
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Role, SystemRole, Tenant, User
from accounts.rbac.registry import CODES, SYSTEM_ROLES
from accounts.services.keys import NewKey, create_key, rotate_key
from accounts.signin.tokens import ACCESS, make_token, read_token
from accounts.sudo import SESSION_RECORDED
from accounts.tenancy import all_tenants
from tests.factories import PASSWORD, MembershipFactory, TenantFactory, UserFactory
from tests.isolation.world import World

BACKEND = "django.contrib.auth.backends.ModelBackend"
NARROW = frozenset({"read:schedule"})
DEVICE_PASSWORD = "password of a box on the broker"


@dataclass
class Principal:
    """Somebody who calls.

    `codes` are the permissions in tenant A, None for no way in. `is_known` is False when the
    proof is missing or not good; proofs of `is_for_api` mean nothing on pages. `sees` are the
    worlds whose canaries may reach them, `titles` those of which only the name may.
    """

    name: str
    client: Client
    codes: frozenset[str] | None
    is_known: bool = True
    is_guest: bool = False
    is_for_api: bool = False
    sees: frozenset[str] = frozenset()
    titles: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_identified(self) -> bool:
        """Tell whether the API knows them."""
        return self.is_known

    def is_identified_on(self, *, api: bool) -> bool:
        """Tell whether this kind of surface knows them."""
        return self.is_known and (api or not self.is_for_api)

    def forbidden(self, *worlds: World) -> list[str]:
        """Return the canaries that they must never read."""
        return [
            canary
            for world in worlds
            if world.name not in self.sees
            for canary in world.canaries
            if not (world.name in self.titles and canary == world.title)
        ]


# the principals of the isolation matrix; people() makes one of each
NAMES = (
    "anonymous", "A viewer", "A operator", "A admin", "B admin", "both as A", "removed member",
    "disabled user", "expired token", "logged-out token", "rotated key", "A's device",
    "A's device as bearer", "A's device as key", "A's revoked device", "B's device",
    "staff without tenant", "superuser",
    # beyond the catalogue
    "A guest", "A limited", "reseller of A", "wide token", "narrow token", "wide key",
    "narrow key", "B token", "B key",
)  # fmt: skip


def principals(a: World, b: World) -> dict[str, Principal]:
    """Return everybody who calls, in the order of `NAMES`."""
    found = {who.name: who for who in [*_browsers(a, b), *_apps(a, b), *_boxes(a, b)]}
    assert set(found) == set(NAMES), set(found) ^ set(NAMES)
    return {name: found[name] for name in NAMES}


def _browsers(a: World, b: World) -> list[Principal]:
    own, admin = frozenset({"a"}), SYSTEM_ROLES["admin"]
    removed = UserFactory(email="removed@elsewhere.example")
    MembershipFactory(user=removed, tenant=a.tenant).delete()
    both = UserFactory(email="both@elsewhere.example")
    MembershipFactory(user=both, tenant=a.tenant, role=SystemRole.VIEWER)
    MembershipFactory(user=both, tenant=b.tenant, role=SystemRole.ADMIN)
    reseller = _reseller_of(a)
    disabled = UserFactory(email="disabled@elsewhere.example")
    MembershipFactory(user=disabled, tenant=a.tenant, role=SystemRole.ADMIN)
    staff = UserFactory(email="staff@platform.example", is_staff=True)
    root = UserFactory(email="root@platform.example", is_staff=True, is_superuser=True)
    found = [
        Principal("anonymous", Client(), None, is_known=False),
        Principal("removed member", browser(removed), None),
        Principal("disabled user", browser(disabled), None, is_known=False),
        Principal("B admin", browser(b.people["admin"]), None, sees=frozenset({"b"})),
        Principal("staff without tenant", browser(staff), None),
        Principal("superuser", browser(root), None),
        Principal("A guest", browser(a.people["guest"]), frozenset(), is_guest=True, sees=own),
        Principal("A limited", browser(_limited_in(a)), NARROW, sees=own),
        Principal(
            "both as A", browser(both, a.tenant), SYSTEM_ROLES["viewer"], sees=own,
            titles=frozenset({"b"}),
        ),
        Principal("reseller of A", browser(reseller, a.tenant), admin, sees=own),
    ]  # fmt: skip
    for role in SystemRole:
        codes = SYSTEM_ROLES[role.value]
        found.append(Principal(f"A {role}", browser(a.people[role.value]), codes, sees=own))
    User.objects.filter(pk=disabled.pk).update(is_active=False)
    return found


def _apps(a: World, b: World) -> list[Principal]:
    own, foreign = frozenset({"a"}), frozenset({"b"})
    wide, narrow = token_of(a.people["admin"]), token_of(_limited_in(a, "Nothing by token"))
    gone = token_of(a.people["admin"])
    Client().post("/api/v1/auth/logout", headers={"Authorization": f"Bearer {gone}"})
    keys = {
        "wide key": key_of(a, CODES), "narrow key": key_of(a, NARROW), "B key": key_of(b, CODES),
    }  # fmt: skip
    good = {
        "wide token": bearer(wide), "narrow token": bearer(narrow),
        "B token": bearer(token_of(b.people["admin"])),
        **{name: Client(headers={"X-API-Key": key.secret.text}) for name, key in keys.items()},
    }  # fmt: skip
    codes = {"wide": SYSTEM_ROLES["admin"], "narr": NARROW}
    found = [
        Principal(
            name, client, codes.get(name[:4]), is_for_api=True,
            sees=foreign if name.startswith("B ") else own,
        )
        for name, client in good.items()
    ]  # fmt: skip
    bad = {
        "expired token": bearer(expired(wide)),
        "logged-out token": bearer(gone),
        "rotated key": Client(headers={"X-API-Key": _dropped_key(a).secret.text}),
    }
    return found + [
        Principal(name, client, None, is_known=False, is_for_api=True)
        for name, client in bad.items()
    ]


def _boxes(a: World, b: World) -> list[Principal]:
    """Return devices that try their account of the broker on HTTP."""
    assert a.device is not None and b.device is not None
    named = {
        "A's device": basic(f"{a.word}-gw"),
        "A's device as bearer": bearer(DEVICE_PASSWORD),
        "A's device as key": Client(headers={"X-API-Key": f"{a.device.id}:{DEVICE_PASSWORD}"}),
        "A's revoked device": basic(str(a.device.id)),
        "B's device": basic(f"{b.word}-gw"),
    }
    return [Principal(name, client, None, is_known=False) for name, client in named.items()]


def browser(user: User, tenant: Tenant | None = None) -> Client:
    """Return a signed-in browser whose person has just given the password."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    session, at = client.session, time.time()
    record = {"method": "password", "at": at}
    session[allauth_login.AUTHENTICATION_METHODS_SESSION_KEY] = [record]
    session[allauth_login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session[SESSION_RECORDED] = at
    if tenant is not None:
        session["acting_tenant"] = str(tenant.id)
    session.save()
    return client


def basic(username: str) -> Client:
    """Return a client with an account of the broker."""
    pair = base64.b64encode(f"{username}:{DEVICE_PASSWORD}".encode()).decode()
    return Client(headers={"Authorization": f"Basic {pair}"})


def bearer(token: str) -> Client:
    """Return a client with an access token."""
    return Client(headers={"Authorization": f"Bearer {token}"})


def token_of(user: User) -> str:
    """Sign an app in; return its access token."""
    body = {"email": user.email, "password": PASSWORD}
    answer = Client().post("/api/v1/auth/login", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return str(answer.json()["access_token"])


def expired(token: str) -> str:
    """Return the same token, issued a day ago."""
    claims = read_token(token, ACCESS)
    assert claims is not None
    return make_token(ACCESS, claims, now=timezone.now() - dt.timedelta(days=1))


def key_of(world: World, codes: frozenset[str]) -> NewKey:
    """Make an API key that was used just now, so that using it writes nothing."""
    with world.scope():
        new = create_key(
            name=f"{world.word} program", codes=codes, expires_at=None, created_by=None,
            editor_codes=CODES, now=timezone.now(),
        )  # fmt: skip
    with all_tenants():
        later = timezone.now() + dt.timedelta(hours=1)
        ApiKey.objects.filter(id=new.key.id).update(last_used_at=later)
    return new


def _dropped_key(world: World) -> NewKey:
    old = key_of(world, CODES)
    with world.scope():
        rotate_key(
            key_id=old.key.id, overlap=dt.timedelta(0), created_by=None, editor_codes=CODES,
            now=timezone.now(),
        )  # fmt: skip
    return old


def _limited_in(world: World, title: str = "Nothing") -> User:
    with world.scope():
        bare = Role.objects.create(name=title, codes=sorted(NARROW))
    limited: User = UserFactory()
    MembershipFactory(user=limited, tenant=world.tenant, role="", custom_role=bare)
    return limited


def _reseller_of(world: World) -> User:
    reseller = TenantFactory(name="Reseller", slug=f"reseller-of-{world.name}", is_reseller=True)
    user: User = UserFactory(email=f"reseller@{world.name}.example")
    MembershipFactory(user=user, tenant=reseller, role=SystemRole.ADMIN)
    Tenant.objects.filter(id=world.tenant.id).update(parent=reseller)
    return user
