"""The demo: seeded, simulated over the broker, stored."""

import json
import signal
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from accounts.models import Membership, Tenant, User
from accounts.tenancy import all_tenants
from devices.models import Channel, Device, Gateway, ReportedStatus, Site
from telemetry.models import LatestValue
from tests.flows.conftest import complaints, manage, read_json, stop, wait_until
from tools.embedded.pki import Authority

pytestmark = pytest.mark.skipif(not settings.HAS_BROKER, reason="MQTT_HOST is not set: no broker")


@pytest.fixture(autouse=True)
def _signals():
    """Give back the signals that a process takes when it runs inside the test."""
    taken = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in taken.items():
        signal.signal(number, handler)


class TestSeed:
    def test_makes_two_customers_and_a_reseller(self, demo_file):
        demo = read_json(demo_file)

        roles = {user["role"] for user in demo["users"]}
        assert roles == {"staff", "admin", "operator", "viewer", "reseller"}
        assert Tenant.objects.filter(is_reseller=False).count() == 2
        assert Tenant.objects.filter(is_reseller=True).count() == 1
        assert Membership.objects.count() == 7
        with all_tenants():
            assert Site.objects.count() == 4
            assert Gateway.objects.count() == len(demo["gateways"]) == 6
            assert Device.objects.filter(gateway=None).count() == len(demo["devices"]) == 3

    def test_only_the_owner_reads_the_file(self, demo_file):
        call_command("seed_demo", out=str(demo_file))

        assert stat.S_IMODE(demo_file.stat().st_mode) == 0o600

    def test_repeating_changes_nothing(self, demo_file):
        before = read_json(demo_file)
        before["gateways"][0]["cert_file"] = "/somewhere/gw.crt"
        demo_file.write_text(json.dumps(before))

        call_command("seed_demo", out=str(demo_file))

        assert read_json(demo_file) == before
        with all_tenants():
            assert Gateway.objects.count() == 6

    def test_logins_of_the_file_work_again_after_somebody_changed_them(self, demo_file, client):
        entry = read_json(demo_file)["users"][1]
        user = User.objects.get(email=entry["email"])
        user.set_password("something else")
        user.save()

        call_command("seed_demo", out=str(demo_file))

        form = {"login": entry["email"], "password": entry["password"]}
        assert client.post(reverse("account_login"), form).status_code == 302

    def test_passwords_can_be_reset(self, demo_file):
        before = read_json(demo_file)

        call_command("seed_demo", out=str(demo_file), reset_passwords=True)

        after = read_json(demo_file)
        for section in ("users", "gateways", "devices"):
            for old, new in zip(before[section], after[section], strict=True):
                assert old["password"] != new["password"]


def simulate(demo_file, *arguments, output):
    return manage(
        "simulate_fleet", "--from", str(demo_file), "--history", "0", *arguments, output=output
    )


def test_one_round_reaches_the_database_from_every_device(pipeline, demo_file):
    call_command("simulate_fleet", demo_file=str(demo_file), once=True, history=0.0)
    pipeline()

    assert complaints() == []
    with all_tenants():
        silent = Channel.objects.exclude(
            id__in=LatestValue.objects.exclude(time=None).values("channel_id")
        )
        every_tick = ("grid-meter", "three-phase-meter", "pv-inverter", "ev-charger-meter")
        assert not silent.filter(device__profile__key__in=every_tick).exists()
        assert not Channel.objects.filter(is_discovered=True).exists()


def test_a_stopped_simulator_has_said_goodbye(pipeline, demo_file, tmp_path):
    log = tmp_path / "simulator.log"
    process = simulate(demo_file, "--interval", "0.5", output=log)

    def statuses():
        with all_tenants():
            return set(Gateway.objects.values_list("reported_status", flat=True))

    wait_until(lambda: statuses() == {ReportedStatus.ONLINE}, "all gateways online")
    code = stop(process)
    wait_until(lambda: statuses() == {ReportedStatus.OFFLINE}, "all gateways offline")

    assert code == 0, log.read_text()[-2000:]
    assert (demo_file.parent / "sim_state.json").exists()


def test_the_last_will_speaks_for_a_killed_simulator(demo_file, broker, tmp_path):
    topic = f"{read_json(demo_file)['gateways'][0]['topic_prefix']}/reported/status"
    broker.subscribe(topic)
    process = simulate(demo_file, output=tmp_path / "simulator.log")
    words = []
    try:
        _, payload = broker.received.get(timeout=60)
        words.append(json.loads(payload)["status"])
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    _, payload = broker.received.get(timeout=60)
    words.append(json.loads(payload)["status"])

    assert words == ["online", "offline"]


def test_certificates_open_the_tls_listener(demo_file, broker):
    demo = read_json(demo_file)
    if not demo["mqtt"]["ca_file"]:
        pytest.skip("MQTT_CA_FILE is not set: no TLS listener")
    authority = Authority(Path(demo["mqtt"]["ca_file"]).parent, now=datetime.now(UTC))
    for gateway in demo["gateways"]:
        certificate, key = authority.issue_client(gateway["username"])
        gateway |= {"cert_file": str(certificate), "key_file": str(key), "password": "not used"}
    demo_file.write_text(json.dumps(demo))
    topic = f"{demo['gateways'][0]['topic_prefix']}/data/device/main-meter"
    broker.subscribe(topic)

    call_command("simulate_fleet", demo_file=str(demo_file), once=True, history=0.0, tls=True)

    assert broker.take_until(topic) == []


def test_history_arrives_beside_live_values(pipeline, demo_file, tmp_path):
    log = tmp_path / "simulator.log"
    process = manage(
        *("simulate_fleet", "--from", str(demo_file), "--interval", "1"),
        *("--history", "30m", "--history-rate", "0"),
        output=log,
    )
    wait_until(lambda: "100 %" in log.read_text(), "history sent")
    assert stop(process) == 0
    pipeline()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), max(time) - min(time) > interval '29 min'"
            " FROM telemetry_sample s JOIN devices_channel c ON c.id = s.channel_id"
            " JOIN devices_device d ON d.id = c.device_id"
            " WHERE d.uid = 'line-1' AND c.name = 'active_power_net'"
        )
        samples, is_long = cursor.fetchone()
    assert samples >= 31
    assert is_long
    assert complaints() == []
    state = read_json(demo_file.parent / "sim_state.json")
    assert state["gaps"] == []


def test_extra_meters_are_registered_once(demo_file, broker):
    for _ in range(2):
        call_command("simulate_fleet", demo_file=str(demo_file), once=True, history=0.0, count=8)

    with all_tenants():
        assert Device.objects.filter(uid__startswith="extra-").count() == 8


@pytest.mark.parametrize("content", ["{}", '{"gateways": [{"uid": "x"}]}'])
def test_says_what_the_file_lacks(tmp_path, content):
    path = tmp_path / "demo.json"
    path.write_text(content)

    with pytest.raises(CommandError, match="gateways|mqtt"):
        call_command("simulate_fleet", demo_file=str(path), once=True)
