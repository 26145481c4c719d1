"""Imports over the API, on the pages and from the command line."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from telemetry.imports import runner, service
from telemetry.imports.models import ImportJob
from telemetry.imports.tasks import run_imports
from tests.imports.test_flow import ENERGY, table


@pytest.fixture
def owner(importer, client_for):
    return client_for(importer.team.owner)


def send(client, method, path, body):
    return client.generic(method, f"/api/v1/imports{path}", json.dumps(body), "application/json")


def test_the_whole_way_over_the_api(owner, importer):
    data = table() + b"broken,1\n"
    made = send(owner, "POST", "", {
        "device": str(importer.device.id), "file_name": "meter.csv", "size": len(data),
    })  # fmt: skip
    assert made.status_code == 201
    address = f"/api/v1/imports/{made.json()['id']}"
    for offset in (0, 1000):
        part = data[offset : offset + 1000] if offset == 0 else data[offset:]
        answer = owner.put(f"{address}/content?offset={offset}", part, "application/octet-stream")
        assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["plan"]["zone"]) == ("ready", "Europe/Istanbul")

    changed = owner.patch(address, {"plan": {"zone": "Europe/Berlin"}}, "application/json")
    assert changed.json()["plan"]["zone"] == "Europe/Berlin"
    preview = owner.get(f"{address}/preview").json()
    assert (preview["new"], preview["refused"], preview["error"]) == (100, 1, None)
    assert preview["rows"][0]["time"] == "2025-12-31T23:00:00Z"
    assert owner.post(f"{address}/start", {}, "application/json").status_code == 202
    run_imports()
    done = owner.get(address).json()
    assert (done["state"], done["stored"], done["refused"]) == ("done", 100, 1)
    [problem] = owner.get(f"{address}/problems").json()["results"]
    assert (problem["row"], problem["code"], problem["text"]) == (102, "bad_time", "broken | 1")
    listed = owner.get("/api/v1/imports?state=done").json()["results"]
    assert [row["id"] for row in listed] == [made.json()["id"]]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"plan": {"zonne": "x"}}, 422, "unknown_field"),
        ({"plan": {"skip_rows": "x"}}, 422, "invalid"),
        ({"plan": []}, 400, "#/plan"),
        ({"plans": {}}, 400, "unknown_field"),
    ],
)
def test_settings_that_are_none(owner, importer, body, status, code):
    job = importer.upload(table())
    answer = send(owner, "PATCH", f"/{job.id}", body)
    assert answer.status_code == status
    assert code in json.dumps(answer.json())


def test_what_cannot_be_started_says_why(owner, importer):
    job = importer.upload(b"5/2/2026 00:00,1\n")
    answer = send(owner, "POST", f"/{job.id}/start", {})
    assert (answer.status_code, answer.json()["code"]) == (422, "date_order_unknown")
    assert owner.get(f"/api/v1/imports/{job.id}/preview").json()["error"][1] == (
        "date_order_unknown"
    )
    assert send(owner, "POST", f"/{job.id}/cancel", {}).status_code == 200
    assert send(owner, "POST", f"/{job.id}/cancel", {}).status_code == 409


def test_viewers_look_and_do_nothing(importer, client_for):
    viewer = client_for(importer.team.viewer)
    job = importer.upload(table())
    assert viewer.get(f"/data/imports/{job.id}").status_code == 200
    assert viewer.post(f"/data/imports/{job.id}/settings", {"start": ""}).status_code == 403
    assert send(viewer, "POST", f"/{job.id}/start", {}).status_code == 403
    answer = viewer.put(f"/api/v1/imports/{job.id}/content", b"x", "application/octet-stream")
    assert answer.status_code == 403


def test_the_pages(owner, importer):
    file = SimpleUploadedFile("meter.csv", table() + b"=cmd,<script>\n")
    answer = owner.post("/data/imports/new", {"device": str(importer.device.id), "file": file})
    job = ImportJob.objects.get()
    assert answer.headers["Location"] == f"/data/imports/{job.id}"
    page = owner.get(f"/data/imports/{job.id}").content.decode()
    assert "2026-01-01 00:00:00 +0300" in page
    assert "2025-12-31 21:00:00" in page
    assert "Times have no offset" in page

    fields = form_fields(job)
    assert owner.post(
        f"/data/imports/{job.id}/settings", fields | {"zone": "Mars"}
    ).status_code == (302)
    assert "no time zone" in owner.get(f"/data/imports/{job.id}").content.decode()
    refused = owner.post(f"/data/imports/{job.id}/settings", fields | {"zone": "Mars", "start": ""})
    assert (refused.status_code, "no time zone" in refused.content.decode()) == (422, True)
    started = owner.post(f"/data/imports/{job.id}/settings", fields | {"start": ""})
    assert started.status_code == 302
    assert "data-refresh" in owner.get(f"/data/imports/{job.id}").content.decode()
    run_imports()
    page = owner.get(f"/data/imports/{job.id}").content.decode()
    assert "=cmd | &lt;script&gt;" in page
    assert len(importer.samples(ENERGY).times) == 100
    lines = b"".join(owner.get(f"/data/imports/{job.id}/refused.csv").streaming_content).decode()
    assert "102,bad_time" in lines
    assert "'=cmd | <script>" in lines
    assert "meter.csv" in owner.get("/data/imports").content.decode()


def form_fields(job):
    plan = job.plan
    names = ("time_format", "zone", "stamp", "interval_seconds", "decimal", "delimiter",
             "encoding", "skip_rows")  # fmt: skip
    fields = {name: plan[name] for name in names}
    [column] = plan["columns"]
    return fields | {
        f"{name}_{column['index']}": column[name] for name in ("channel", "unit", "kind", "scale")
    }


@pytest.mark.parametrize("data", [b"", b"no table", b"<x><!DOCTYPE y>", b"PK\x03\x04zip"])
def test_pages_say_what_is_no_file(owner, importer, data):
    file = SimpleUploadedFile("x.csv", data)
    answer = owner.post("/data/imports/new", {"device": str(importer.device.id), "file": file})
    assert answer.status_code == 422


def command(*arguments, capsys, code=0):
    if code:
        with pytest.raises((SystemExit, CommandError)) as caught:
            call_command("telemetry_import", *map(str, arguments))
        found = caught.value
        assert getattr(found, "returncode", getattr(found, "code", None)) == code
    else:
        call_command("telemetry_import", *map(str, arguments))
    out = capsys.readouterr().out
    return json.loads(out) if out.startswith("{") else out


def test_the_command(importer, tmp_path, capsys):
    file = tmp_path / "meter.csv"
    file.write_bytes(table())
    base = (file, "--tenant", "red", "--device", "meter", "--json", "--no-progress")
    trial = command(*base, "--dry-run", "--tz", "UTC", capsys=capsys)
    assert (trial["state"], trial["stored"]) == ("dry-run", 100)
    assert not ImportJob.objects.exists()
    flags = ("--map", "kWh=meter_energy:Wh:interval", "--tz", "UTC", "--batch-size", "7")
    done = command(*base, *flags, capsys=capsys)
    assert (done["state"], done["stored"]) == ("done", 100)
    assert importer.samples("meter_energy").values[0] == 1.0
    assert f"{importer.samples('meter_energy').moments('UTC')[0]:%H:%M}" == "00:00"
    again = command(*base, *flags, capsys=capsys)
    assert (again["stored"], again["duplicates"]) == (0, 100)
    file.write_bytes(table() + b"broken,1\n")
    assert command(*base, *flags, capsys=capsys, code=3)["refused"] == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--tenant", "nobody"), 2),
        (("--device", "nothing"), 2),
        (("--map", "Nope=x"), 1),
        (("--tz", "Mars/Olympus"), 1),
        (("--time", "when"), 1),
        (("--resume", "x"), 2),
    ],
)
def test_the_command_says_what_is_wrong(importer, tmp_path, capsys, arguments, code):
    file = tmp_path / "meter.csv"
    file.write_bytes(table())
    base = {"--tenant": "red", "--device": "meter"} | dict([arguments])
    flat = [part for pair in base.items() for part in pair]
    command(file, *flat, capsys=capsys, code=code)
    assert not ImportJob.objects.filter(state="done").exists()


def test_the_command_goes_on_where_it_was_killed(importer, capsys, monkeypatch):
    monkeypatch.setattr(runner, "CHUNK_ROWS", 10)
    job = importer.upload(table())
    service.start_import(job_id=job.id, now=timezone.now())
    held = runner.claim(now=timezone.now())
    resume = ("--tenant", "red", "--resume", job.id, "--json", "--no-progress")
    command(*resume, capsys=capsys, code=4)
    ImportJob.objects.filter(id=held.id).update(lease_until=timezone.now() - runner.LEASE)
    done = command(*resume, capsys=capsys)
    assert (done["state"], done["stored"]) == ("done", 100)
