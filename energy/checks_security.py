"""System checks of who may do what, and of what protects it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth import get_backends
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from guardian.backends import ObjectPermissionBackend

from accounts.rbac.backend import TenantRoleBackend
from accounts.rbac.registry import CODES, SYSTEM_ROLES

CODES_OF_ROLES = {"admin": 56, "operator": 26, "viewer": 14}
# settings that hold a key of their own; each signs or encrypts something else
KEYS = ("SECRET_KEY", "JWT_SIGNING_KEY", "HEADLESS_JWT_PRIVATE_KEY", "METRICS_TOKEN")
MINIMUM_KEY_LENGTH = 32
UNSAFE = {UNSAFE_INLINE, UNSAFE_EVAL}


@register
def check_backends(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E006: the role backend answers before guardian's, which knows no roles."""
    backends = get_backends()
    roles = [n for n, found in enumerate(backends) if isinstance(found, TenantRoleBackend)]
    shares = [n for n, found in enumerate(backends) if isinstance(found, ObjectPermissionBackend)]
    if roles and (not shares or min(roles) < min(shares)):
        return []
    return [
        Error(
            "The backend of roles does not stand before the backend of shares.",
            hint="Put accounts.rbac.backend.TenantRoleBackend first in AUTHENTICATION_BACKENDS.",
            id="energy.E006",
        )
    ]


@register
def check_codes(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E007: the registry has the permissions that were agreed, each role within the next."""
    counts = {role: len(codes) for role, codes in SYSTEM_ROLES.items()}
    nested = SYSTEM_ROLES["viewer"] < SYSTEM_ROLES["operator"] < SYSTEM_ROLES["admin"] == CODES
    if counts == CODES_OF_ROLES and nested:
        return []
    return [
        Error(
            f"The system roles have {counts} permissions, not {CODES_OF_ROLES}, or one lacks "
            "what the role below it has.",
            hint="Look at accounts/rbac/registry.py.",
            id="energy.E007",
        )
    ]


@register(Tags.security)
def check_policy(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E004: the policy of customers' pages allows no script but ours."""
    directives: dict[str, Any] = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    leaks = [name for name, sources in directives.items() if UNSAFE & set(sources)]
    missing = [name for name in ("default-src", "script-src", "base-uri") if name not in directives]
    order = [name for name in settings.MIDDLEWARE if "CSPMiddleware" in name]
    wanted = ["csp.middleware.CSPMiddleware", "energy.middleware.AdminCSPMiddleware"]
    if not leaks and not missing and order == wanted:
        return []
    return [
        Error(
            "The Content-Security-Policy of customers' pages is as loose as the admin's: "
            f"unsafe {leaks}, missing {missing}, middleware {order}.",
            hint="Only energy.middleware.AdminCSPMiddleware may loosen it, behind django-csp's.",
            id="energy.E004",
        )
    ]


@register(Tags.security, deploy=True)
def check_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E003: keys are long, and none is used for two things."""
    found = {name: str(getattr(settings, name, "") or "") for name in KEYS}
    found = {name: value for name, value in found.items() if value}
    problems = [
        f"{name} is short" for name, value in found.items() if len(value) < MINIMUM_KEY_LENGTH
    ]
    names = list(found)
    problems += [
        f"{one} and {other} are the same"
        for at, one in enumerate(names)
        for other in names[at + 1 :]
        if found[one] == found[other]
    ]
    algorithm = getattr(settings, "HEADLESS_JWT_ALGORITHM", "")
    if algorithm.startswith("HS") and not getattr(settings, "HEADLESS_JWT_PRIVATE_KEY", ""):
        problems.append("tokens are signed with SECRET_KEY")
    return [
        Error(
            f"A key is weak or shared: {problem}.",
            hint='Make one for each: python3 -c "import secrets; print(secrets.token_urlsafe(48))"',
            id="energy.E003",
        )
        for problem in problems
    ]


@register(Tags.security, deploy=True)
def check_proxies(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """W018: behind a proxy that is not named, every request looks unencrypted."""
    if settings.TRUSTED_PROXIES or not settings.SECURE_SSL_REDIRECT:
        return []
    return [
        Warning(
            "TRUSTED_PROXIES is empty, so X-Forwarded-Proto of your proxy is not believed.",
            hint="Name the proxy, such as 127.0.0.1/32; else every page redirects to itself.",
            id="energy.W018",
        )
    ]


@register(Tags.database, deploy=True)
def check_staff(databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """W013: everybody who may enter the admin of all tenants has a second factor."""
    from allauth.mfa.models import Authenticator

    from accounts.models import User

    problems: list[CheckMessage] = []
    for alias in databases or ():
        with_factor = Authenticator.objects.using(alias).values("user_id")
        staff = User.objects.using(alias).filter(is_staff=True, is_active=True)
        without = staff.exclude(pk__in=with_factor).count()
        if without:
            problems.append(
                Warning(
                    f"{without} of the platform's staff sign in without a second factor.",
                    hint="They set one up under /accounts/2fa/.",
                    id="energy.W013",
                )
            )
    return problems


@register(Tags.security, deploy=True)
def check_vendored(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """W014: files of others are the ones that were looked at."""
    folder = settings.BASE_DIR / "static" / "vendor"
    return [
        Warning(
            f"{path.relative_to(folder)} is not the file of its VERSION.",
            hint="Download it again, or write its new SHA-256 there after reading the changes.",
            id="energy.W014",
        )
        for version in sorted(folder.glob("*/VERSION"))
        for path, digest in _recorded(version)
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != digest
    ]


def _recorded(version: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file with the hash that stands in VERSION, as sha256sum writes it."""
    for line in version.read_text().splitlines():
        digest, _space, name = line.partition("  ")
        if len(digest) == 64:
            yield version.parent / name, digest
