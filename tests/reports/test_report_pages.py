"""Pages of reports: figures before one asks, the file after, templates, an empty state."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tenancy import all_tenants
from reports.models import ReportTemplate
from tests.reports.ledger_rows import NOW, work

pytestmark = pytest.mark.usefixtures("at_noon")


def body(berlin, **changes):
    return {"name": "Two weeks", "kind": "consumption", "site": str(berlin.site.id),
            "period": "fixed", "first_day": "2026-10-19", "last_day": "2026-11-01",
            "step": "auto", "compare": "none", "format": "xlsx", "separator": "comma",
            "decimal_mark": ".", "language": "en"} | changes  # fmt: skip


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_without_reports_the_page_says_what_there_could_be(red, client_for):
    answer = client_for(red.viewer).get("/reports/")

    assert answer["Cache-Control"] == "private, no-store"
    assert "No reports yet" in text_of(answer)
    assert "New report" in text_of(answer)
    assert "New template" not in text_of(answer)


def test_figures_are_shown_before_a_report_is_made(berlin, client_for):
    client = client_for(berlin.red.viewer)

    answer = client.post("/reports/new", body(berlin, preview="1"))

    total = sum(berlin.ledger("Grid").values())
    assert f"{total:,.1f}" in text_of(answer)
    assert "100.0 % measured" in text_of(answer).replace("\xa0", " ")
    assert client.get("/reports/").context["page"].paginator.count == 0


@pytest.mark.parametrize("kind", ["peak", "quality"])
def test_peaks_and_quality_have_figures_too(berlin, client_for, kind):
    answer = client_for(berlin.red.viewer).post(
        "/reports/new", body(berlin, kind=kind, preview="1")
    )
    assert answer.context["preview"].table.rows


def test_a_report_is_made_followed_loaded_and_deleted(berlin, client_for):
    client = client_for(berlin.red.owner)

    where = client.post("/reports/new", body(berlin))["Location"]
    assert "data-refresh" in client.get(where).content.decode()
    assert client.get(f"{where}/file").status_code == 404
    work(NOW)

    page = client.get(where).content.decode()
    assert "data-refresh=" not in page
    file = client.get(f"{where}/file")
    assert b"".join(file.streaming_content).startswith(b"PK")
    assert file["Cache-Control"] == "private, no-store"
    assert client.post(f"{where}/delete")["Location"] == "/reports/"
    assert client.get(where).status_code == 404


def test_a_template_keeps_recipients_and_is_run_now(berlin, client_for):
    client = client_for(berlin.red.owner)
    given = body(berlin, name="Monthly", period="month", first_day="", last_day="",
                 schedule="weekly", send_at="06:15", weekday="4", month_day="1", is_active="on",
                 recipients=[str(berlin.red.viewer.id)], addresses="a@b.example\n")  # fmt: skip

    assert client.post("/reports/templates/new", given).status_code == 302

    with all_tenants():
        template = ReportTemplate.objects.get()
    assert (template.schedule, template.weekday, template.addresses) == (
        "weekly", 4, ["a@b.example"]
    )  # fmt: skip
    page = client.get(f"/reports/templates/{template.id}")
    assert page.context["form"].initial["recipients"] == [str(berlin.red.viewer.id)]
    assert "Monthly" in text_of(client.get("/reports/"))
    where = client.post(f"/reports/templates/{template.id}/run")["Location"]
    assert client.get(where).context["run"].template_id == template.id
    wrong = client.post(f"/reports/templates/{template.id}", given | {"addresses": "nobody"})
    assert wrong.status_code == 422
    assert "nobody is no e-mail address" in text_of(wrong)
    client.post(f"/reports/templates/{template.id}/delete")
    assert "Monthly" not in client.get("/reports/").context["templates"]


def test_a_stranger_sees_no_report_and_no_site(berlin, blue, client_for):
    run, _data = berlin.make()
    client = client_for(blue.owner)

    for url in (f"/reports/{run.id}", f"/reports/{run.id}/file", f"/reports/{run.id}/progress"):
        assert client.get(url).status_code == 404
    assert "Hall 7" not in text_of(client.get("/reports/new"))
    assert client.post("/reports/new", body(berlin)).status_code == 422


def test_a_longer_list_needs_no_more_queries(berlin, client_for):
    client = client_for(berlin.red.owner)

    def count() -> int:
        client.get("/reports/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/reports/")
        return len(queries)

    berlin.make()
    few = count()
    for _ in range(5):
        berlin.make()
    assert count() == few
