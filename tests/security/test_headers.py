"""S39, S06: what every answer tells the browser and the caches on its way."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from accounts.models import SystemRole
from energy.middleware import PrivacyMiddleware
from tests.factories import MembershipFactory
from tests.security.surfaces import all_surfaces

pytestmark = pytest.mark.django_db

EXACT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# views that say themselves how long their answer may be kept
CACHEABLE = {"/admin/jsi18n/"}
# the one page that reads codes with the camera
WITH_CAMERA = {"/provisioning/claim"}


def policy_of(response: HttpResponse) -> dict[str, list[str]]:
    directives = response["Content-Security-Policy"].split(";")
    return {words[0]: words[1:] for words in map(str.split, directives) if words}


def problems_of(path: str, response: HttpResponse) -> list[str]:
    found = [
        f"{name}: {response.get(name)}"
        for name, value in EXACT.items()
        if response.get(name) != value
    ]
    may_read = path in WITH_CAMERA and response.status_code == 200
    camera = "camera=(self)" if may_read else "camera=()"
    if camera not in response.get("Permissions-Policy", ""):
        found.append("Permissions-Policy")
    cached = response.get("Cache-Control", "")
    if "private" not in cached or not ("no-store" in cached or path in CACHEABLE):
        found.append(f"Cache-Control: {cached}")
    vary = {name.strip().lower() for name in response.get("Vary", "").split(",")}
    if not {"cookie", "authorization", "x-api-key"} <= vary:
        found.append(f"Vary: {vary}")
    return found + policy_problems(path, response)


def policy_problems(path: str, response: HttpResponse) -> list[str]:
    policy = policy_of(response)
    closed = ("default-src", "object-src", "frame-ancestors", "base-uri")
    found = [f"{name}: {policy.get(name)}" for name in closed if policy.get(name) != ["'none'"]]
    is_strict = not path.startswith(("/admin/", "/api/docs"))
    if is_strict and policy.get("require-trusted-types-for") != ["'script'"]:
        found.append("require-trusted-types-for")
    loose = {name: [s for s in sources if "unsafe" in s] for name, sources in policy.items()}
    loose = {name: sources for name, sources in loose.items() if sources}
    allowed = {}
    if path.startswith("/admin/"):
        allowed = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}
    elif path.startswith("/api/docs"):
        allowed = {"style-src": ["'unsafe-inline'"]}
    if loose != allowed:
        found.append(f"loose: {loose}")
    if any(s in {"*", "https:", "http:", "data:"} for s in policy["script-src"]):
        found.append(f"script-src: {policy['script-src']}")
    return found


def read_everything(client: Client) -> dict[str, list[str]]:
    found = {}
    for surface in all_surfaces():
        problems = problems_of(surface.path, client.get(surface.path))
        if problems:
            found[surface.path] = problems
    return found


@pytest.mark.parametrize("who", ["nobody", "member", "staff"])
def test_every_answer_has_the_headers(who, red, staff, client_for):
    MembershipFactory(user=staff, tenant=red.tenant, role=SystemRole.ADMIN)
    client = {"nobody": Client, "member": lambda: client_for(red.viewer),
              "staff": lambda: client_for(staff)}[who]()  # fmt: skip
    client.raise_request_exception = False

    assert read_everything(client) == {}


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/admin/nothing/", "/admin"])
def test_errors_have_them_too(client, path):
    assert problems_of(path, client.get(path)) == []


def test_each_page_has_a_nonce_of_its_own_or_no_inline_script(red, client_for):
    client = client_for(red.viewer)

    page = client.get("/").content.decode()

    scripts = re.findall(r"<script\b([^>]*)>(.)", page)
    assert scripts
    allowed = ("src=", "nonce=", 'type="application/json"')
    assert all(any(word in attributes for word in allowed) for attributes, _ in scripts)
    assert not re.search(r"<[^>]+\son[a-z]+=", page)
    assert not re.search(r"<[^>]+\sstyle=", page)


def test_a_view_may_say_that_its_answer_can_be_kept():
    def view(request):
        return HttpResponse(headers={"Cache-Control": "private, max-age=60"})

    response = PrivacyMiddleware(view)(RequestFactory().get("/x"))

    assert response["Cache-Control"] == "private, max-age=60"
    assert "Cookie" in response["Vary"]


def test_files_for_everybody_are_left_alone():
    def view(request):
        return HttpResponse(headers={"Cache-Control": "public, immutable"})

    response = PrivacyMiddleware(view)(RequestFactory().get("/static/ui/x.css"))

    assert response["Cache-Control"] == "public, immutable"
    assert not response.has_header("Vary")


def test_browsers_are_told_to_use_tls_for_a_year(settings, client):
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_PRELOAD = 31_536_000, True
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True

    response = client.get("/accounts/login/", secure=True)

    assert response["Strict-Transport-Security"] == ("max-age=31536000; includeSubDomains; preload")


def test_what_one_person_read_is_not_served_to_another(red, blue, client_for):
    first = client_for(red.viewer).get("/api/v1/devices", headers={"If-None-Match": "*"})
    second = client_for(blue.viewer).get(
        "/api/v1/devices", headers={"If-None-Match": first.get("ETag", '"x"')}
    )

    assert (first.status_code, second.status_code) == (200, 200)
    assert "no-store" in second["Cache-Control"]
