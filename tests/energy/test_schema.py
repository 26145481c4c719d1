"""The committed description of the API and its page."""

from __future__ import annotations

from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client


@pytest.mark.django_db
def test_schema_yml_is_current_and_valid() -> None:
    made = StringIO()

    call_command("spectacular", "--validate", "--fail-on-warn", stdout=made)

    committed = (settings.BASE_DIR / "schema.yml").read_text()
    assert made.getvalue() == committed, "write it: manage.py spectacular --file schema.yml"


@pytest.mark.django_db
def test_every_operation_declares_its_problems(client: Client) -> None:
    schema = client.get("/api/schema", headers={"Accept": "application/json"}).json()

    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    assert len(operations) >= 5
    for operation in operations:
        for status in ("400", "401", "403", "429", "500"):
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


@pytest.mark.django_db
def test_the_page_of_the_api_has_no_inline_script(client: Client) -> None:
    page = client.get("/api/docs")
    script = client.get("/api/docs?script=")

    assert page.status_code == script.status_code == 200
    assert script["Content-Type"].startswith("application/javascript")
    assert b"<script>" not in page.content
    assert (
        "'unsafe-inline'"
        not in page["Content-Security-Policy"].split("script-src")[1].split(";")[0]
    )
