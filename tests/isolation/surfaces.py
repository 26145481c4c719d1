"""Every address of the product, what it needs, and whose object it names.

The routes come from the resolver. A route that stands in none of the tables below fails
`test_every_url_is_classified`: say there what a stranger may see of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

# Answered before any tenant is known, or made for everybody; tested where they live.
PUBLIC = {"healthz", "readyz", "metrics", "api/schema", "api/docs", "i18n/setlang/",
          "^api(?:/.*)?$", "invitations/accept", "invitations/<str:token>"}  # fmt: skip
# For everybody who is signed in: they show the person's own things only.
OWN = {"styleguide", "organisation", "settings/leave", "api/v1/me", "impersonation/end"}
# The routes of libraries, by prefix: sign-in, second factors, sessions; the admin has a
# suite of its own that is generated from its registry (tests/admin).
LIBRARIES = ("admin/", "accounts/", "_allauth/", "^_allauth/", "static/", "hijack/")
SIGN_IN = ("api/v1/auth/",)
# Pages whose permissions stand in the view, not on it.
BY_VIEW = {"": ("read:device",), "devices/<uuid:device_id>": ("read:device",)}
# Parameters of routes that name an object of a tenant (see `objects`).
OBJECTS = {"device_id", "membership_id", "member_id", "invitation_id", "role_id", "key_id",
           "share_id", "site_id"}  # fmt: skip
GUESTS_MAY = {"", "devices/<uuid:device_id>", "api/v1/devices",
              "api/v1/devices/<uuid:device_id>", "api/v1/devices/<uuid:device_id>/latest",
              "api/v1/telemetry/query"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Surface:
    """A route of our own that needs a permission; `code` by method, "" for every other."""

    route: str
    codes: tuple[tuple[str, str], ...]

    @property
    def is_api(self) -> bool:
        """Tell whether answers are problems with 401, not redirects to sign-in."""
        return self.route.startswith("api/")

    @property
    def parameter(self) -> str:
        """Return the parameter that names an object; "" without one."""
        found = [name for name in OBJECTS if f":{name}>" in self.route]
        return found[0] if found else ""

    def code(self, method: str) -> str | None:
        """Return the permission that a method needs; None when it is not offered."""
        by_method = dict(self.codes)
        return by_method.get(method, by_method.get(""))

    def url(self, object_id: object) -> str:
        """Return the address of an object."""
        return "/" + self.route.replace(f"<uuid:{self.parameter}>", str(object_id))


def routes(
    resolver: URLResolver | None = None, prefix: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Yield every route with its pattern."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern
        else:
            yield from routes(pattern, route)


def permission_of(pattern: URLPattern) -> str | dict[str, str] | None:
    """Return what a view declares: pages by decorator, endpoints on their class."""
    view = pattern.callback
    owner = getattr(view, "view_class", None) or getattr(view, "cls", None)
    found: str | dict[str, str] | None = getattr(owner or view, "permission", None)
    return found


def classify() -> tuple[list[Surface], list[str]]:
    """Return the surfaces that need a permission, and the routes that nobody classified."""
    surfaces, unknown = [], []
    for route, pattern in routes():
        if route in PUBLIC | OWN or (route and route.startswith(LIBRARIES + SIGN_IN)):
            continue
        permission = permission_of(pattern)
        if route in BY_VIEW:
            surfaces.append(Surface(route, (("", BY_VIEW[route][0]),)))
        elif isinstance(permission, dict):
            surfaces.append(Surface(route, tuple(permission.items())))
        elif permission:
            surfaces.append(Surface(route, (("", permission),)))
        else:
            unknown.append(route)
    return surfaces, unknown


SURFACES, UNKNOWN = classify()
