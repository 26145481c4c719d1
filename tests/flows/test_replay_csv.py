"""Two real days of a household, sent over MQTT, twice."""

import io
import json
import os
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from devices.services.broker_accounts import gateway_topics, grant_gateway, revoke
from devices.services.devices import register_device
from devices.services.gateways import register_gateway
from devices.services.profiles import ensure_profile
from tests.factories import SiteFactory
from tests.flows.conftest import complaints

REALDATA = Path(os.environ.get("REALDATA_DIR", Path(__file__).parents[3] / "shared/realdata"))
UCI = REALDATA / "series/uci-household/household_power_consumption_2007-02-05_06.txt"
UCI_OPTIONS = {
    "map": "Global_active_power=active_power_import:kW,"
    "Global_reactive_power=reactive_power_import:kvar,"
    "Voltage=voltage_l1:V,Global_intensity=current_l1:A,Sub_metering_1=kitchen:Wh",
    "time": "Date Time",
    "time_format": "%d/%m/%Y %H:%M:%S",
    "tz": "Europe/Paris",
    "delimiter": ";",
}
# other workers share the broker, so the name is of this process only
GATEWAY, DEVICE = f"gw-replay-{os.getpid()}", "house"

pytestmark = pytest.mark.skipif(not settings.HAS_BROKER, reason="MQTT_HOST is not set: no broker")


@pytest.fixture
def credentials(transactional_db, red, tmp_path):
    """A gateway with one meter, and the file with its password."""
    with red.scope():
        gateway = register_gateway(
            site=SiteFactory(tenant=red.tenant), uid=GATEWAY, name="Household"
        )
        register_device(
            site=gateway.site,
            gateway=gateway,
            uid=DEVICE,
            name="House",
            profile=ensure_profile(key="generic"),
        )
    grant_gateway(gateway=gateway, password="secret enough")
    path = tmp_path / "credentials.json"
    path.write_text(
        json.dumps(
            {
                "mqtt": {"host": settings.MQTT_HOST, "port": settings.MQTT_PORT},
                "gateways": [
                    {
                        "tenant": str(red.tenant.id),
                        "uid": gateway.uid,
                        "username": gateway.uid,
                        "password": "secret enough",
                        "topic_prefix": gateway_topics(gateway),
                    }
                ],
            }
        )
    )
    yield path
    revoke(gateway.uid)


def replay(file, credentials, **options):
    out = io.StringIO()
    call_command(
        "replay_csv",
        file,
        **{"gateway": GATEWAY, "device": DEVICE, **options},
        credentials=str(credentials),
        json=True,
        stdout=out,
    )
    return json.loads(out.getvalue())


def stored():
    """Return channel name → (samples, lowest, highest, mean)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.name, count(*), min(value), max(value), avg(value)"
            " FROM telemetry_sample s JOIN devices_channel c ON c.id = s.channel_id GROUP BY 1"
        )
        return {name: tuple(row) for name, *row in cursor.fetchall()}


@pytest.mark.skipif(not UCI.exists(), reason=f"real data are not at {REALDATA}")
def test_two_days_are_stored_once_however_often_they_are_sent(pipeline, credentials):
    first = replay(UCI, credentials, **UCI_OPTIONS)
    pipeline()
    once = stored()
    second = replay(UCI, credentials, **UCI_OPTIONS)
    pipeline()

    assert first["rows"] == first["messages"] == 2880
    assert first["missing_values"] == first["bad_values"] == 0
    assert {name: samples for name, (samples, *_) in once.items()} == {
        "active_power_import": 2880,
        "reactive_power_import": 2880,
        "voltage_l1": 2880,
        "current_l1": 2880,
        "kitchen": 2880,
    }
    _, lowest, highest, _ = once["voltage_l1"]
    assert (lowest, highest) == (233.19, 248.84)
    assert second["messages"] == 2880
    assert stored() == once
    assert complaints() == []


def test_watts_of_a_file_are_stored_as_kilowatts(pipeline, credentials, tmp_path):
    file = tmp_path / "watts.csv"
    file.write_text("when,P\n2026-11-01 00:00:00,1500\n2026-11-01 00:15:00,?\n")

    summary = replay(file, credentials, map="P=active_power_import:W", time="when")
    pipeline()

    assert (summary["messages"], summary["missing_values"]) == (1, 1)
    assert stored() == {"active_power_import": (1, 1.5, 1.5, 1.5)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gateway": "gw-nobody"}, "no credentials of gateway 'gw-nobody'"),
        ({"device": "nothing"}, "no device 'nothing'"),
        ({"map": "Q=voltage_l1:V"}, "no column"),
        ({"map": "P=voltage_l1:kW"}, "voltage"),
        ({"tz": "Mars/Olympus"}, "no IANA time zone"),
        ({"time": "moment"}, "no column"),
        ({"speed": "backwards"}, "--speed"),
    ],
)
def test_says_what_is_wrong_and_sends_nothing(credentials, tmp_path, changes, message):
    file = tmp_path / "file.csv"
    file.write_text("when,P\n2026-11-01 00:00:00,1500\n")
    options = {"map": "P=active_power_import:W", "time": "when", **changes}

    with pytest.raises(CommandError, match=message):
        replay(file, credentials, **options)


def test_a_wrong_password_is_said_at_once(credentials, tmp_path):
    file = tmp_path / "file.csv"
    file.write_text("when,P\n2026-11-01 00:00:00,1500\n")
    credentials.write_text(credentials.read_text().replace("secret enough", "wrong"))

    with pytest.raises(CommandError, match="refuses"):
        replay(file, credentials, map="P=active_power_import:W", time="when")
