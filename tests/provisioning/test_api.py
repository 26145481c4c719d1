"""Both doors of the box and the installer's endpoints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.tenancy import all_tenants
from devices.claim_codes import make_code
from devices.models import Claim, ClaimState, Device, DeviceCertificate, Lifecycle
from devices.services.claim_delivery import note_ownership
from tests.conftest import Team
from tests.factories import DeviceFactory, DeviceProfileFactory, SiteFactory
from tests.provisioning.conftest import Box

JSON = "application/json"
MakeClient = Callable[[User], Client]


def post(client: Client, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    """Post JSON below /api/v1/."""
    return client.post(f"/api/v1/{path}", body or {}, content_type=JSON, headers=headers)


def hello(box: Box, **changes: str) -> Any:
    """Let a box say hello over HTTP."""
    body = {"hardware_id": box.mac, "code_sha256": box.code_sha256, "model": "meter-x"}
    return post(Client(), "bootstrap/hello", {**body, "csr": box.csr, **changes})


def fetch(box: Box, code: str = "", **changes: str) -> Any:
    """Let a box ask for its identity."""
    bearer = f"Bearer {code or box.code}"
    body = {"hardware_id": box.mac, **changes}
    return post(Client(), "bootstrap/credentials", body, Authorization=bearer)


def claim_body(team: Team, box: Box) -> dict[str, Any]:
    """Return what an installer sends."""
    site = SiteFactory(tenant=team.tenant)
    profile = DeviceProfileFactory()
    return {
        "hardware_id": box.hardware_id, "code": box.code, "site": str(site.id), "name": "Meter",
        "profile": profile.key,
    }  # fmt: skip


def test_from_hello_to_ownership_over_http(red: Team, box: Box, client_for: MakeClient) -> None:
    assert hello(box).json()["hardware_id"] == box.hardware_id
    refused = fetch(box)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_claimed")
    assert refused["Retry-After"] == "3"
    client = client_for(red.owner)
    claimed = post(client, "provisioning/claims", claim_body(red, box))
    assert claimed.status_code == 201
    told = fetch(box)
    identity = told.json()
    assert told.status_code == 200 and "key" not in identity
    assert identity["mqtt"]["port"] == 8883 or identity["mqtt"]["port"] > 0
    assert identity["tenant_id"] == str(red.tenant.id)
    assert fetch(box).json()["certificate"] == identity["certificate"]  # nothing secret: again
    with red.scope():
        device = Device.objects.get()
        assert identity["device_id"] == identity["username"] == str(device.id)
        note_ownership(device=device, is_accepted=True, now=dt.datetime.now(dt.UTC))
    found = client.get(f"/api/v1/provisioning/claims/{claimed.json()['id']}").json()
    assert found["state"] == "owned"
    steps = {step["key"]: step["state"] for step in found["steps"]}
    assert steps == {
        "heard": "done", "claimed": "done", "delivered": "done", "connected": "done",
        "clock": "waiting", "topic": "waiting", "units": "waiting", "reading": "waiting",
    }  # fmt: skip


def test_a_key_is_handed_out_once(red: Team, box: Box, client_for: MakeClient) -> None:
    hello(box, csr="")
    post(client_for(red.owner), "provisioning/claims", claim_body(red, box))
    assert "PRIVATE KEY" in fetch(box).json()["key"]
    again = fetch(box)
    assert (again.status_code, again.json()["code"]) == (409, "credentials_taken")
    assert "PRIVATE KEY" not in again.content.decode()


def test_guessed_codes_get_401_then_429(red: Team, box: Box) -> None:
    hello(box)
    answers = [fetch(box, make_code()) for _number in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert answers[-1]["Retry-After"] == "900"
    with_right = fetch(box)
    assert with_right.status_code == 429  # nothing is learned after ten guesses


def test_no_bearer_is_no_code(box: Box) -> None:
    hello(box)
    answer = post(Client(), "bootstrap/credentials", {"hardware_id": box.mac})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hardware_id": "a/+/b"}, "bad_hardware_id"),
        ({"hardware_id": "#"}, "bad_hardware_id"),
        ({"code_sha256": "1234"}, "invalid_request"),
        ({"csr": "-----BEGIN CERTIFICATE REQUEST-----\nx"}, "bad_csr"),
        ({"code": "the code itself"}, "unknown_field"),
    ],
)
def test_bad_hellos_are_refused(box: Box, changes: dict[str, str], code: str) -> None:
    answer = hello(box, **changes)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_only_who_may_provision_claims(red: Team, box: Box, client_for: MakeClient) -> None:
    hello(box)
    for person in (red.operator, red.viewer):
        answer = post(client_for(person), "provisioning/claims", claim_body(red, box))
        assert answer.status_code == 403
    assert post(Client(), "provisioning/claims", claim_body(red, box)).status_code in {401, 403}


def test_foreign_sites_and_claims_do_not_exist(
    red: Team, blue: Team, box: Box, client_for: MakeClient
) -> None:
    hello(box)
    body = claim_body(blue, box)
    answer = post(client_for(red.owner), "provisioning/claims", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "#/site")
    made = post(client_for(red.owner), "provisioning/claims", claim_body(red, box)).json()
    foreign = client_for(blue.owner)
    path = f"/api/v1/provisioning/claims/{made['id']}"
    assert foreign.get(path).status_code == foreign.delete(path).status_code == 404
    assert foreign.get("/api/v1/provisioning/claims").json() == {"results": []}
    taken = post(foreign, "provisioning/claims", claim_body(blue, box))
    assert (taken.status_code, taken.json()["code"]) == (400, "box_taken")


def test_cancelling_frees_the_box(red: Team, box: Box, client_for: MakeClient) -> None:
    hello(box)
    client = client_for(red.owner)
    made = post(client, "provisioning/claims", claim_body(red, box)).json()
    assert client.delete(f"/api/v1/provisioning/claims/{made['id']}").status_code == 204
    assert client.delete(f"/api/v1/provisioning/claims/{made['id']}").status_code == 404
    with all_tenants():
        assert Claim.objects.get().state == ClaimState.CANCELLED


def make_token(team: Team, client_for: MakeClient, device: Device) -> str:
    """Make an onboarding token as the owner."""
    answer = post(client_for(team.owner), f"devices/{device.id}/onboarding-token")
    assert answer.status_code == 201
    return str(answer.json()["token"])


def onboard(token: str, csr: str = "") -> Any:
    """Let a device use a token."""
    return post(Client(), "bootstrap/onboard", {"token": token, "csr": csr})


def test_a_token_brings_an_identity_once(red: Team, box: Box, client_for: MakeClient) -> None:
    device = DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None)
    token = make_token(red, client_for, device)
    answer = onboard(token, box.csr)
    assert answer.status_code == 200 and answer.json()["device_id"] == str(device.id)
    assert "PRIVATE" not in answer.content.decode()
    again = onboard(token, box.csr)
    assert (again.status_code, again.json()["code"]) == (401, "token_refused")
    with red.scope():
        device.refresh_from_db()
        assert device.lifecycle == Lifecycle.PROVISIONED
        assert DeviceCertificate.objects.count() == 1


def test_a_token_ends_with_its_successor_and_after_five_guesses(
    red: Team, box: Box, client_for: MakeClient
) -> None:
    device = DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None)
    first = make_token(red, client_for, device)
    second = make_token(red, client_for, device)
    assert onboard(first).status_code == 401
    key = second.partition(".")[0]
    for _number in range(5):
        assert onboard(f"{key}.{make_code()}").status_code == 401
    assert onboard(second).status_code == 401


def test_tokens_are_for_own_boxes_only(red: Team, blue: Team, client_for: MakeClient) -> None:
    behind = DeviceFactory(tenant=red.tenant)
    answer = post(client_for(red.owner), f"devices/{behind.id}/onboarding-token")
    assert (answer.status_code, answer.json()["code"]) == (400, "not_a_box")
    own = DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None)
    foreign = post(client_for(blue.owner), f"devices/{own.id}/onboarding-token")
    assert foreign.status_code == 404


def test_a_bad_request_does_not_use_a_token_up(red: Team, box: Box, client_for: MakeClient) -> None:
    device = DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None)
    token = make_token(red, client_for, device)
    assert onboard(token, "rubbish").json()["code"] == "bad_csr"
    assert onboard(token, box.csr).status_code == 200


def test_a_table_goes_in_and_comes_out(red: Team, client_for: MakeClient) -> None:
    client = client_for(red.owner)
    SiteFactory(tenant=red.tenant, name="Plant")
    DeviceProfileFactory(key="meter")
    table = "hardware_id,profile,site,name\r\na-1,meter,Plant,'=1+1\r\n"
    tried = post(client, "provisioning/fleet", {"table": table}).json()
    assert (tried["is_done"], tried["rows"][0]["action"]) == (False, "create")
    done = post(client, "provisioning/fleet", {"table": table, "dry_run": False}).json()
    assert done["is_done"]
    with red.scope():
        assert Device.objects.get().name == "=1+1"
    out = client.get("/api/v1/provisioning/fleet").content.decode()
    assert "'=1+1" in out
    again = post(client, "provisioning/fleet", {"table": out}).json()
    assert again["rows"][0]["action"] == "same"
    bad = post(client, "provisioning/fleet", {"table": "x"}).json()
    assert bad["errors"][0]["code"] == "bad_header"


def test_maintenance_and_the_end(red: Team, client_for: MakeClient, authority: None) -> None:
    device = DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None)
    client = client_for(red.owner)
    path = f"/api/v1/devices/{device.id}"
    on = client.put(f"{path}/maintenance", {"is_on": True}, content_type=JSON)
    assert on.json()["lifecycle"] == "maintenance"
    assert client.post(f"{path}/decommission").json()["lifecycle"] == "decommissioned"
    off = client.put(f"{path}/maintenance", {"is_on": False}, content_type=JSON)
    assert off.json()["code"] == "bad_transition"
