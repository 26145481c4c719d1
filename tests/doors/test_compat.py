"""Clients of other products send as they always do."""

import base64
import datetime as dt
import gzip
import json
import logging

import pytest
from django.test import Client

from devices.models import DeviceEvent
from energy.access_log import mask_access_log
from tests.doors.conftest import Sender
from tests.doors.test_ingest import values_of
from tests.factories import DeviceFactory

JSON = "application/json"


def milliseconds(meter, ago=5):
    return int((meter.now.timestamp() - ago) * 1000)


def rows(meter):
    meter.drain()
    return values_of(meter)


class TestThingsBoard:
    def post(self, key, document, what="telemetry", base="/compat/tb/v1"):
        return Client().post(f"{base}/{key}/{what}", json.dumps(document), JSON)

    @pytest.mark.parametrize("base", ["/compat/tb/v1", "/compat/tb/api/v1"])
    def test_its_three_forms(self, meter, device_key, base):
        for document in (
            {"power": 1000},
            {"ts": milliseconds(meter), "values": {"power": 2000, "voltage_l1": 230}},
            [{"ts": milliseconds(meter, 6), "values": {"power": 3000}}],
        ):
            answer = self.post(device_key, document, base=base)
            assert (answer.status_code, answer.content) == (200, b""), answer.content
        assert sorted(value for _name, value in rows(meter)) == [1.0, 2.0, 3.0, 230.0]

    def test_a_text_is_not_said_to_be_stored(self, meter, device_key):
        answer = self.post(device_key, {"power": 1000, "firmware": "1.2"})
        assert answer.status_code == 400
        assert answer.json()["accepted"] == 1
        assert [(r["metric"], r["code"]) for r in answer.json()["rejected"]] == [
            ("firmware", "not_a_number")
        ]
        assert rows(meter) == [("active_power_net", 1.0)]

    def test_attributes_are_kept_once(self, meter, device_key):
        for _ in range(2):
            said = {"firmware": "1.2", "wifi_password": "hunter2"}
            assert self.post(device_key, said, "attributes").status_code == 200
        assert self.post(device_key, [1], "attributes").status_code == 400
        with meter.team.scope():
            event = DeviceEvent.objects.get(kind="attributes")
        assert event.detail == {"firmware": "1.2", "wifi_password": "********"}
        assert Client().get(f"/compat/tb/v1/{device_key}/attributes").json() == {}

    def test_only_keys_of_devices(self, meter, make_key):
        answer = self.post(make_key(), {"power": 1})
        assert (answer.status_code, answer.json()["code"]) == (403, "device_key_needed")
        assert self.post("ek_wrong_wrong", {"power": 1}).status_code == 401
        assert self.post("A1_TEST_TOKEN", {"power": 1}).status_code == 401

    def test_the_key_stands_in_no_log(self, meter, device_key, caplog, capsys):
        caplog.set_level(logging.DEBUG)
        self.post(device_key, {"power": "x"})
        secret = device_key.rpartition("_")[2]
        shown = capsys.readouterr()
        assert secret not in shown.out + shown.err

        from io import StringIO

        from daphne.access import AccessLogGenerator

        mask_access_log()
        log = StringIO()
        AccessLogGenerator(log)("http", "complete", {
            "client": "1.2.3.4:5", "method": "POST", "status": 200, "size": 1, "time_taken": 0,
            "path": f"/compat/tb/v1/{device_key}/telemetry",
        })  # fmt: skip
        assert "/compat/tb/v1/********/telemetry" in log.getvalue()


class TestEmoncms:
    URL = "/compat/emoncms/input"

    def get(self, path, **parameters):
        return Client().get(f"{self.URL}/{path}", parameters)

    @pytest.mark.parametrize(
        "form",
        [
            {"fulljson": '{"power":1000,"voltage_l1":230}'},
            {"json": "{power:1000,voltage_l1:230}"},
            {"data": '{"power":1000,"voltage_l1":230}'},
        ],
    )
    def test_post_in_each_form(self, meter, device_key, form):
        answer = self.get("post", node="emontx", apikey=device_key, **form)
        assert answer.status_code == 200
        expected = b'{"success": true}' if "fulljson" in form else b"ok"
        assert answer.content == expected
        assert rows(meter) == [("active_power_net", 1.0), ("voltage_l1", 230.0)]

    def test_post_with_time_and_csv_as_form(self, meter, device_key):
        body = {"node": "1", "csv": "100,200", "time": str(int(meter.now.timestamp()) - 60)}
        answer = Client().post(
            f"{self.URL}/post.json", body, headers={"Authorization": f"Bearer {device_key}"}
        )
        assert answer.content == b"ok"
        assert [value for _name, value in rows(meter)] == [100.0, 200.0]

    def test_the_node_names_the_device_for_a_key_of_the_tenant(self, meter, make_key):
        key = make_key()
        answer = self.get("post/meter-1", apikey=key, fulljson='{"power":1000}')
        assert answer.json() == {"success": True}
        answer = self.get("post", node="nobody", apikey=key, fulljson='{"power":1000}')
        assert answer.status_code == 400
        assert answer.json()["rejected"][0]["code"] == "unknown_device"
        assert rows(meter) == [("active_power_net", 1.0)]

    @pytest.mark.parametrize(
        ("data", "parameters", "ages"),
        [
            ([[0, "meter-1", 1], [10, "meter-1", 2]], {}, [10, 0]),
            ([[500, "meter-1", 1], [530, "meter-1", 2]], {"sentat": "543"}, [43, 13]),
            ([[-10, "meter-1", 1], [-8, "meter-1", 2]], {"offset": "-10"}, [0, -2]),
            ([[-10, "meter-1", 1], [-8, "meter-1", 2]], {"time": "-100"}, [110, 108]),
        ],
    )
    def test_bulk_counts_times_as_emoncms(self, meter, make_key, data, parameters, ages):
        if "time" in parameters:
            parameters = {"time": str(int(meter.now.timestamp()) - 100)}
        answer = self.get("bulk.json", apikey=make_key(), data=json.dumps(data), **parameters)
        assert answer.content == b"ok", answer.content
        meter.drain()
        from tests.ingest.conftest import START

        now = (meter.now - START).total_seconds()
        seconds = [second for _name, second, _value, _quality in meter.samples()]
        assert seconds == pytest.approx([now - age for age in ages], abs=8)

    def test_bulk_with_names_and_empty_places(self, meter, make_key):
        data = [[0, "meter-1", {"power": 1000}, None, 7]]
        answer = self.get("bulk", apikey=make_key(), data=json.dumps(data))
        assert answer.content == b"ok"
        assert sorted(value for _name, value in rows(meter)) == [1.0, 7.0]

    def test_never_ok_for_what_is_dropped(self, meter, make_key):
        data = [[0, "meter-1", "abc"], [0, "nobody", 1], [0, "meter-1"], ["x", "meter-1", 1]]
        answer = self.get("bulk", apikey=make_key(), data=json.dumps(data), time="1700000000")
        assert answer.status_code == 400
        assert [r["code"] for r in answer.json()["rejected"]] == [
            "not_a_number", "unknown_device", "bad_packet", "bad_time"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("path", "parameters"),
        [
            ("post", {}),
            ("post", {"fulljson": "[1]"}),
            ("post", {"json": "{:1}"}),
            ("post", {"csv": "1", "time": "noon"}),
            ("post", {"json": "{a:1,a:2}"}),
            ("bulk", {}),
            ("bulk", {"data": "[]"}),
            ("bulk", {"data": "[7]"}),
            ("bulk", {"data": "[[NaN,1,2]]"}),
        ],
    )
    def test_what_cannot_be_read(self, meter, device_key, path, parameters):
        assert self.get(path, apikey=device_key, **parameters).status_code == 400


class TestInflux:
    def write(self, text, key, path="/api/v2/write?bucket=b&org=o&precision=s", **headers):
        body = text if isinstance(text, bytes) else text.encode()
        headers = headers or {"Authorization": f"Token {key}"}
        return Client().post(path, body, "text/plain; charset=utf-8", headers=headers)

    def test_points_arrive(self, meter, make_key):
        at = int(meter.now.timestamp()) - 10
        text = f"power,device=meter-1 value=1000 {at}\nvoltage_l1,device=meter-1 value=230.5 {at}\n"
        answer = self.write(text, make_key())
        assert (answer.status_code, answer.content) == (204, b"")
        assert rows(meter) == [("active_power_net", 1.0), ("voltage_l1", 230.5)]

    def test_a_partial_write_names_the_lines(self, meter, device_key):
        at = int(meter.now.timestamp())
        text = f'power value=1000 {at}\npower value=\npower value=2000 {at}\npower s="x" {at}'
        answer = self.write(text, device_key)
        assert answer.status_code == 400
        assert answer.json()["code"] == "invalid"
        message = answer.json()["message"]
        assert message.startswith("partial write: line 2: ")
        assert "line 3: power: Another value" in message
        assert "line 4: power.s: " in message
        assert message.endswith("dropped=3")
        assert rows(meter) == [("active_power_net", 1.0)]

    @pytest.mark.parametrize("way", ["password", "query", "token"])
    def test_version_1_and_its_ways_to_sign(self, meter, device_key, way):
        at = int(meter.now.timestamp() * 1000)
        path = "/write?db=energy&precision=ms"
        headers = {"Accept": "*/*"}
        if way == "query":
            path += f"&u=any&p={device_key}"
        elif way == "password":
            pair = base64.b64encode(f"any:{device_key}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        else:
            headers["Authorization"] = f"Token {device_key}"
        text = gzip.compress(f"power value=1000 {at}".encode())
        answer = self.write(text, "", path, **{**headers, "Content-Encoding": "gzip"})
        assert answer.status_code == 204, answer.content
        bad = self.write("power", "", path, **headers)
        assert "error" in bad.json()

    def test_refusals(self, meter, make_key, device_key):
        assert self.write("m f=1", "ek_wrong_wrong").status_code == 401
        assert self.write("m f=1", "", Accept="*/*").status_code == 401
        assert self.write("m f=1", make_key(codes=("read:device",))).status_code == 403
        path = "/api/v2/write?precision=days"
        assert self.write("m f=1", device_key, path).status_code == 400
        assert self.write(b"\xff", device_key).status_code == 400
        assert (
            Client().get("/write", headers={"Authorization": f"Token {device_key}"}).status_code
            == 405
        )

    def test_the_key_of_a_device_refuses_the_tag_of_another(self, meter, device_key):
        with meter.team.scope():
            DeviceFactory(tenant=meter.team.tenant, uid="other-1")
        answer = self.write("power,device=other-1 value=1", device_key)
        assert answer.status_code == 400
        assert rows(meter) == []


def test_a_full_buffer_is_503_at_each_door(meter, device_key, settings):
    settings.INGEST_STREAM_MAX_ENTRIES = 1
    assert Sender(device_key).ingest({"values": {"power": 1}}).status_code == 202
    for url, body in (
        (f"/compat/tb/v1/{device_key}/telemetry", '{"power":5}'),
        (f"/compat/emoncms/input/post?apikey={device_key}&csv=1", ""),
        (f"/write?p={device_key}", "power value=1"),
    ):
        answer = Client().post(url, body, JSON)
        assert (answer.status_code, answer["Retry-After"]) == (503, "5"), url


def test_a_session_is_no_key(meter, client_for):
    browser = client_for(meter.team.owner)
    at = dt.datetime.now(dt.UTC)
    assert browser.post("/api/v2/write", f"m f={at.second}", "text/plain").status_code == 401
    assert browser.get("/compat/emoncms/input/post?csv=1").status_code == 401
