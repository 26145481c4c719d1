"""Every address of the product, what it needs, and whose object it names.

The routes come from the resolver. A route that stands in none of the tables below fails
`test_every_url_is_classified`: say there what a stranger may see of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

# Answered before any tenant is known, or made for everybody; tested where they live.
PUBLIC = {"healthz", "readyz", "metrics", "api/schema", "api/docs", "i18n/setlang/",
          "pki/ca.crl", "pki/ca.crl.pem", "pki/ca.crt",
          "push-worker.js",  # a script, the same for everybody
          # devices prove themselves by the signature of the address (tests/firmware)
          "pki/firmware.pub", "firmware/images/<uuid:device_id>/<uuid:release_id>",
          "^api(?:/.*)?$", "invitations/accept", "invitations/<str:token>",
          # people without an account: the link proves their address (tests/reports)
          "reports/confirm/<str:token>", "reports/end/<str:signed>",
          # boxes without an identity: they prove a code or a token (tests/provisioning)
          "claim", "api/v1/bootstrap/hello", "api/v1/bootstrap/credentials",
          "api/v1/bootstrap/onboard",
          # programs of other products prove a key in their own way (tests/doors)
          "compat/tb/v1/<str:token>/telemetry", "compat/tb/v1/<str:token>/attributes",
          "compat/tb/api/v1/<str:token>/telemetry", "compat/tb/api/v1/<str:token>/attributes",
          "compat/emoncms/input/post", "compat/emoncms/input/post.json",
          "compat/emoncms/input/post/<str:node>",
          "compat/emoncms/input/bulk", "compat/emoncms/input/bulk.json",
          "api/v2/write", "write",
          # other programs, known by the secret in the address (tests/automation/test_hooks)
          "hooks/automation/<str:token>"}  # fmt: skip
# For everybody who is signed in: they show the person's own things only.
OWN = {"styleguide", "organisation", "settings/leave", "api/v1/me", "impersonation/end",
       "api/v1/sessions", "api/v1/sessions/<int:session_id>",
       # a pairing token makes them the person's own (tests/zigbee)
       "zigbee/pairing", "zigbee/pairing/<uuid:grant_id>", "zigbee/pairing/<uuid:grant_id>/state",
       "zigbee/pairing/<uuid:grant_id>/join",
       "zigbee/pairing/<uuid:grant_id>/claims/<uuid:zigbee_claim_id>"}  # fmt: skip
# The routes of libraries, by prefix: sign-in, second factors, sessions; the admin has a
# suite of its own that is generated from its registry (tests/admin).
LIBRARIES = ("admin/", "accounts/", "_allauth/", "^_allauth/", "static/", "hijack/")
SIGN_IN = ("api/v1/auth/",)
# Pages whose permissions stand in the view, not on it.
BY_VIEW = {"": ("read:device",), "devices/<uuid:device_id>": ("read:device",)}
# Parameters of routes that name an object of a tenant (see `objects`).
OBJECTS = {"release_id", "campaign_id", "vendor_key_id", "zigbee_claim_id", "zigbee_node_id",
           "pairing_token_id", "device_id",
           "membership_id", "member_id", "invitation_id", "role_id", "key_id",
           "share_id", "site_id", "zone_id", "gateway_id", "claim_id", "transfer_id",
           "tariff_id", "assignment_id", "period_id", "centre_id", "allocation_key_id",
           "budget_id", "baseline_id", "alarm_rule_id",
           "command_id", "batch_id", "stop_id", "virtual_id", "export_id",
           "alarm_id", "import_id", "group_key", "meter_id", "report_id",
           "report_template_id", "charge_point_id", "connector_id", "charging_session_id",
           "id_tag_id", "charging_price_id"}  # fmt: skip
GUESTS_MAY = {"", "devices/<uuid:device_id>", "api/v1/devices",
              "api/v1/devices/<uuid:device_id>", "api/v1/devices/<uuid:device_id>/latest",
              "api/v1/telemetry/query", "api/v1/latest", "api/v1/live/ticket",
              "api/v1/events", "api/v1/events/stream"}  # fmt: skip
# Where guests may send something; the share of the object decides.
GUESTS_MAY_POST = {"api/v1/devices/<uuid:device_id>/commands"}
# Questions that have an answer only with parameters; ids by name of `World.objects`.
_MEASURED = "device={device_id}&metric=active_power_net&from=now-6h&to=now"
QUERIES: dict[str, tuple[str, ...]] = {
    "api/v1/explain": ("meter={meter_id}&start=2026-11-20T12:00:00Z",),
    "api/v1/energy/budget": ("scope=site:{site_id}&measure=cost&year=2026",),
    "api/v1/energy/baseline": ("scope=site:{site_id}",),
    "api/v1/energy/savings": ("scope=site:{site_id}",),
    "api/v1/telemetry/query": (_MEASURED, f"{_MEASURED}&interval=1h&agg=max"),
}
FORMATS = ("application/json", "text/csv", "application/x-ndjson")
FORMATS_OF = dict.fromkeys(  # where not all of them are offered
    ("api/v1/explain", "api/v1/energy/budget", "api/v1/energy/baseline", "api/v1/energy/savings"),
    ("application/json",),
)


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

    def url(self, objects: Mapping[str, object]) -> str:
        """Return the address with these objects, by the names of parameters."""
        return "/" + re.sub(r"<\w+:(\w+)>", lambda m: str(objects.get(m[1], "none")), self.route)


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


def advice(unknown: list[str]) -> str:
    """Say which line to add for routes that nobody classified."""
    lines = "\n".join(f"  {route!r}" for route in unknown)
    return (
        f"Nobody said who may see these routes:\n{lines}\n"
        'A page: put @requires("verb:noun") (accounts/pages/access.py) on its view. '
        'An endpoint: set `permission = "verb:noun"` on its class. Then name it in NEEDS of '
        "tests/isolation/test_permissions.py, its parameter in OBJECTS of "
        "tests/isolation/surfaces.py, and an object of it in World.objects of "
        "tests/isolation/world.py. Only what has no tenant goes into PUBLIC, what shows "
        "the person's own things into OWN, of tests/isolation/surfaces.py."
    )


SURFACES, UNKNOWN = classify()
