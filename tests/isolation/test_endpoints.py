"""Every endpoint class is reachable, and says what each of its methods needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.views import APIView

from tests.isolation.surfaces import routes

OWN = ("accounts.", "devices.", "telemetry.", "metering.", "alarms.", "automation.", "charging.",
       "energy.", "reports.")  # fmt: skip
METHODS = ("get", "post", "put", "patch", "delete")
# Endpoints without a permission, and why.
WITHOUT_PERMISSION = {
    "accounts.api.sessions.SessionList": "the person's own browsers and apps",
    "accounts.api.sessions.SessionDetail": "the person's own browsers and apps",
    "devices.api_bootstrap.BootstrapHello": "a box that nobody owns says hello",
    "devices.api_bootstrap.BootstrapCredentials": "a box fetches what a claim left for it",
    "devices.api_bootstrap.BootstrapOnboard": "a box brings its one-time token",
    "accounts.api.me.Me": "who one is, for everybody who is signed in",
    "accounts.api.sign_in.SignIn": "before sign-in",
    "accounts.api.sign_in.SecondStep": "before sign-in",
    "accounts.api.sign_in.Refresh": "before sign-in",
    "accounts.api.sign_in.SignOut": "ends the session of its own token",
}


def subclasses(base: Any = APIView) -> Iterator[Any]:
    """Yield every endpoint class of ours that answers something."""
    for found in base.__subclasses__():
        yield from subclasses(found)
        if found.__module__.startswith(OWN) and any(hasattr(found, name) for name in METHODS):
            yield found


def name_of(view: Any) -> str:
    """Return module and name."""
    return f"{view.__module__}.{view.__qualname__}"


def routed() -> set[Any]:
    """Return the endpoint classes that have an address."""
    views = [pattern.callback for _route, pattern in routes()]
    return {getattr(view, "cls", None) or getattr(view, "view_class", None) for view in views}


def test_every_endpoint_has_an_address():
    lost = {name_of(view) for view in subclasses() if not view.__subclasses__()} - {
        name_of(view) for view in routed() if view is not None
    }

    assert lost == set(), "Give these an address in energy/urls.py, or delete them."


def test_every_endpoint_says_what_it_needs():
    bare = {
        name_of(view)
        for view in subclasses()
        if view in routed() and not getattr(view, "permission", None)
    }

    assert bare == set(WITHOUT_PERMISSION), (
        "Set `permission` on the class; only what has no tenant goes into WITHOUT_PERMISSION of "
        'tests/isolation/test_endpoints.py: "<module>.<Class>": "<why>",'
    )


def test_each_method_of_an_endpoint_is_covered():
    missing = []
    for view in subclasses():
        needed = getattr(view, "permission", None)
        if isinstance(needed, dict) and view in routed():
            offered = {name.upper() for name in METHODS if hasattr(view, name)}
            missing += [(name_of(view), name) for name in offered - set(needed)]
        if hasattr(view, "get_extra_actions"):
            missing += [(name_of(view), a.__name__) for a in view.get_extra_actions()]

    assert missing == [], "Name the method in `permission` of the class; actions are not used here."


def test_no_endpoint_opens_its_doors_by_itself():
    open_ = {
        name_of(view)
        for view in subclasses()
        if view in routed() and {AllowAny, IsAuthenticated} & set(view.permission_classes)
    }

    assert open_ <= set(WITHOUT_PERMISSION)
