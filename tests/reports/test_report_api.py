"""Reports in the API: asked for, followed, loaded, refused."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tenancy import all_tenants
from reports.models import ReportRun
from tests.reports.ledger_rows import NOW, work

pytestmark = pytest.mark.usefixtures("at_noon")

RUNS = "/api/v1/reports"
TEMPLATES = "/api/v1/reports/templates"


def send(client, method, url, body):
    return getattr(client, method)(url, data=json.dumps(body), content_type="application/json")


def look(berlin, **changes):
    return {"site": str(berlin.site.id), "period": "fixed", "first_day": "2026-10-19",
            "last_day": "2026-11-01", "format": "csv_wide"} | changes  # fmt: skip


def test_a_report_is_asked_for_made_and_loaded(berlin, client_for):
    client = client_for(berlin.red.viewer)

    answer = send(client, "post", RUNS, {"name": "Two weeks", "report": look(berlin)})
    assert answer.status_code == 202
    where = answer["Location"]
    assert client.get(where).json()["state"] == "waiting"
    assert client.get(f"{where}/file").status_code == 404
    work(NOW)

    found = client.get(where).json()
    assert (found["state"], found["deliveries"]) == ("done", [])
    file = client.get(found["file_url"])
    assert file["Cache-Control"] == "private, no-store"
    assert len(b"".join(file.streaming_content)) == found["size"]
    assert client.get(RUNS).json()["results"][0]["id"] == found["id"]


def test_a_stranger_finds_nothing(berlin, client_for, blue):
    run, _data = berlin.make()
    other = client_for(blue.owner)

    for url in (f"{RUNS}/{run.id}", f"{RUNS}/{run.id}/file"):
        assert other.get(url).status_code == 404
    assert other.delete(f"{RUNS}/{run.id}").status_code == 404
    assert other.get(RUNS).json()["results"] == []
    body = {"report": look(berlin)}
    answer = send(other, "post", RUNS, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_site")


def test_a_template_is_kept_changed_run_and_deleted(berlin, client_for):
    client = client_for(berlin.red.owner)
    body = look(berlin) | {
        "name": "Monthly", "period": "month", "schedule": "monthly", "send_at": "07:30",
        "first_day": None, "last_day": None,
        "recipients": [berlin.red.viewer.email, "landlord@elsewhere.example"],
    }  # fmt: skip

    made = send(client, "post", TEMPLATES, body).json()
    assert made["member_ids"] == [str(berlin.red.viewer.id)]
    assert made["addresses"] == ["landlord@elsewhere.example"]
    assert made["next_due_at"] == "2026-12-01T06:30:00Z"
    url = f"{TEMPLATES}/{made['id']}"
    changed = send(client, "put", url, body | {"schedule": "none"}).json()
    assert changed["next_due_at"] is None
    run = send(client, "post", RUNS, {"template": made["id"]}).json()
    assert run["question"]["first_day"] == "2026-10-01"
    assert client.delete(url).status_code == 204
    with all_tenants():
        assert ReportRun.objects.get(id=run["id"]).template_id is None


@pytest.mark.parametrize(("change", "code", "pointer"), [
    ({"last_day": "2026-10-01"}, "wrong_days", "#/first_day"),
    ({"meters": ["00000000-0000-4000-8000-000000000000"]}, "unknown_meter", "#/meters"),
    ({"schedule": "daily"}, "no_recipient", "#/recipients"),
    ({"recipients": ["nobody"]}, "invalid_request", "#/recipients"),
    ({"colour": "red"}, "unknown_field", "#/colour"),
])  # fmt: skip
def test_what_is_wrong_is_pointed_to(berlin, client_for, change, code, pointer):
    client = client_for(berlin.red.owner)

    answer = send(client, "post", TEMPLATES, look(berlin, name="x") | change)

    assert answer.status_code == 400
    problem = answer.json()
    assert problem["code"] == code
    assert problem["errors"][0]["pointer"].startswith(pointer)


def test_who_only_exports_mails_nothing_to_others(berlin, client_for):
    answer = send(client_for(berlin.red.viewer), "post", RUNS,
                  {"report": look(berlin), "send": True})  # fmt: skip
    assert answer.status_code == 403


def test_a_longer_list_needs_no_more_queries(berlin, client_for):
    client = client_for(berlin.red.viewer)

    def count() -> int:
        client.get(RUNS)
        with CaptureQueriesContext(connection) as queries:
            client.get(RUNS)
        return len(queries)

    berlin.request()
    few = count()
    for _ in range(6):
        berlin.request()
    assert count() == few
