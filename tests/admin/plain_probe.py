"""Asks the plain admin for every list and form; prints what does not answer 200."""

import json
import sys

import django

django.setup()

from django.contrib import admin  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.models import User  # noqa: E402


def main() -> None:
    """Print a JSON object: URL to status."""
    call_command("check", fail_level="WARNING", stdout=sys.stderr)
    client = Client(headers={"host": "localhost"})
    client.force_login(
        User.objects.get(email="staff@example.com"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    client.raise_request_exception = False
    urls = ["/admin/", "/admin/devices/device/add/?tenant=" + sys.argv[1], *sys.argv[2:]]
    for model in admin.site._registry:
        if model.__module__.split(".")[0] in {"accounts", "devices", "telemetry"}:
            base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
            urls += [base, f"{base}add/"]
    sys.stdout.write(json.dumps({url: client.get(url).status_code for url in urls}))


if __name__ == "__main__":
    main()
