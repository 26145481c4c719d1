"""What a mapping can say."""

import datetime as dt
import zoneinfo

import msgspec
import pytest
from django.conf import settings

from telemetry.decoding.errors import MappingError
from telemetry.decoding.mapping import bind_first, compile_mapping
from telemetry.decoding.shipped import shipped_mappings
from telemetry.decoding.text import device_uid
from telemetry.ingest.decode import DecodeError
from telemetry.quality import Quality

NOW_US = 1_795_000_000_000_000
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def mapping(values, **rule):
    return compile_mapping({"topics": [{"topic": "t/{device}", **rule, "values": values}]})


def read(values, payload, zone=dt.UTC, now=NOW_US, **rule):
    return mapping(values, **rule).decode("t/d", payload, now, zone)


def numbers(values, payload, **rule):
    found = {}
    for reading in read(values, payload, **rule):
        found |= reading.values
    return found


@pytest.mark.parametrize(
    ("path", "payload", "expected"),
    [
        ("a.b", b'{"a":{"b":1}}', {"x": 1}),
        ('["a.b"]', b'{"a.b":1,"a":{"b":2}}', {"x": 1}),
        ('[""]', b'{"":1}', {"x": 1}),
        ("key with blanks:and colon", b'{"key with blanks:and colon":1}', {"x": 1}),
        ('["\\u00e4 \\"q\\""]', '{"ä \\"q\\"":1}'.encode(), {"x": 1}),
        ("[1]", b"[4,5]", {"x": 5}),
        ("[-1].v", b'[{"v":1},{"v":7}]', {"x": 7}),
        ("@", b"3.5", {"x": 3.5}),
        ("*.v", b'{"a":{"w":1},"b":{"v":2}}', {"x": 2}),
        ("[*].v", b'[{"w":1},{"v":2}]', {"x": 2}),
        ("a[0][1]", b'{"a":[[1,2]]}', {"x": 2}),
        ('["{{n}}"]', b'{"{n}":1,"n":2}', {"x": 1}),
        ("a.b", b'{"a":5}', {}),
        ("a[0]", b'{"a":{"0":5}}', {}),
        ("a", b'{"a":[1]}', {}),
    ],
)
def test_paths(path, payload, expected):
    assert numbers([{"path": path, "channel": "x"}], payload) == expected


def test_captures_name_channels():
    values = [{"path": 'p["switch:{n}"].{what}', "channel": "{what}_switch{n}", "unit": "V"}]

    found = numbers(values, b'{"p":{"switch:0":{"voltage":1},"switch:1":{"voltage":2},"x":3}}')

    assert found == {"voltage_switch0": 1, "voltage_switch1": 2}


def test_a_capture_means_the_same_everywhere():
    spec = {"topics": [{"topic": "t/{device}/{n}",
                        "values": [{"path": "v[{n}]", "channel": "x_{n}"}]}]}  # fmt: skip

    (reading,) = compile_mapping(spec).decode("t/d/1", b'{"v":[5,6,7]}', NOW_US, dt.UTC)

    assert reading.values == {"x_1": 6}


@pytest.mark.parametrize(
    ("value", "unit", "channel", "stored"),
    [
        (1500, "W", "active_power_net", 1.5),
        (1.5, "kW", "active_power_net", 1.5),
        (1.5, "", "active_power_net", 1.5),
        (7.2, "MJ", "thermal_energy", 2.0),
        (50, "degF", "air_temp", 10.0),
        (230_000, "mV", "voltage_l1", 230.0),
        (99, "%", "power_factor", 0.99),
        (34.786, "mWh", "anything", 3.4786e-05),
        (984, "hPa", "pressure_x", 984),
    ],
)
def test_units_become_canonical_once(value, unit, channel, stored):
    found = numbers([{"channel": channel, "unit": unit}], str(value).encode())

    assert found == {channel: pytest.approx(stored)}


def test_scale_offset_and_sign():
    assert numbers([{"channel": "battery_power", "unit": "W", "sign": -1}], b"50") == {
        "battery_power": -0.05
    }
    assert numbers(
        [{"channel": "air_temp", "unit": "Cel", "scale": 0.1, "offset": -40}], b"615"
    ) == {"air_temp": pytest.approx(21.5)}
    values = [{"path": "p", "channel": "x", "sign": {"path": "way", "negative": ["out"]}}]
    assert numbers(values, b'{"p":5,"way":"OUT"}') == {"x": -5}
    assert numbers(values, b'{"p":5,"way":"in"}') == {"x": 5}


@pytest.mark.parametrize(
    "nothing", ["null", '""', '"None"', '"unavailable"', '"NaN"', "NaN", "-127"]
)
def test_nulls_and_sentinels_are_no_zero(nothing):
    values = [{"path": "v", "channel": "x", "sentinels": [-127]}]

    assert read(values, f'{{"v":{nothing}}}'.encode()) == []


def test_what_is_no_number_is_told():
    (reading,) = read([{"path": "v", "channel": "x"}], b'{"v":"much"}')

    assert [code for code, _detail in reading.problems] == ["not_a_number"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.234,5", 1234.5), ("0,5", 0.5), ("-3", -3), ("1 234,5", 1234.5), ("1'234,5", 1234.5)],
)
def test_decimal_commas(text, expected):
    assert numbers([{"channel": "x"}], text.encode(), format="scalar", decimal_comma=True) == {
        "x": expected
    }


def test_csv_with_and_without_header():
    each = {"format": "csv", "each": "[*]", "time": {"path": "time", "format": "s"},
            "options": {"separator": ";"}}  # fmt: skip
    values = [{"path": "P", "channel": "active_power_net", "unit": "W"}]

    found = read(values, b"time;P\r\n1700000000;5\r\n1700000060;6\r\n", **each)

    assert [(r.raw_time.timestamp(), r.values) for r in found] == [
        (1700000000, {"active_power_net": 0.005}),
        (1700000060, {"active_power_net": 0.006}),
    ]
    plain = {"format": "csv", "root": ["[0]"], "options": {"has_header": False}}
    assert numbers([{"path": "[1]", "channel": "x"}], b"a, 2\n", **plain) == {"x": 2}


def test_forms_and_pairs():
    assert numbers([{"path": "b", "channel": "x"}], b"a=1&b=2", format="form") == {"x": 2}
    pairs = {"format": "pairs", "options": {"separator": ";", "begin": "<", "end": ">"}}
    assert numbers([{"path": "B", "channel": "x"}], b"<A=;=1;B=2;>", **pairs) == {"x": 2}
    with pytest.raises(DecodeError):
        read([{"path": "B", "channel": "x"}], b"<B=2", **pairs)


def teleinfo_line(label, value, separator=" "):
    text = f"{label}{separator}{value}"
    counted = text if separator == " " else text + separator
    return f"{text}{separator}{chr((sum(map(ord, counted)) & 0x3F) + 0x20)}\r\n"


@pytest.mark.parametrize("separator", [" ", "\t"])
def test_teleinfo_checks_every_line(separator):
    frame = "\x02" + teleinfo_line("PAPP", "00170", separator) + "HCHP 002275560 !\r\n" + "\x03"

    values = [
        {"path": "PAPP", "channel": "apparent_power", "unit": "VA"},
        {"path": "HCHP", "channel": "active_energy_import", "unit": "Wh"},
    ]

    assert numbers(values, frame.encode(), format="teleinfo") == {"apparent_power": 0.17}


@pytest.mark.parametrize(
    ("raw", "form", "utc", "quality"),
    [
        ("1700000000", "s", "2023-11-14T22:13:20", 0),
        ("1700000000123", "ms", "2023-11-14T22:13:20.123", 0),
        ('"1700000000"', "auto", "2023-11-14T22:13:20", 0),
        ("1700000000000000", "auto", "2023-11-14T22:13:20", 0),
        ('"2023-11-14T23:13:20+01:00"', "iso", "2023-11-14T22:13:20", 0),
        ('"2023-11-14T23:13:20"', "local", "2023-11-14T22:13:20", 0),
        ('"2018.02.04 23:17:01"', "auto", "2018-02-04T22:17:01", 0),
        ('"14.11.2023 23:13"', "day_first", "2023-11-14T22:13:00", 0),
        # the hour that comes twice, told months later: the later pass, and not for sure
        ('"2023-10-29T02:30:00"', "local", "2023-10-29T01:30:00", Quality.UNCERTAIN),
        # the hour that the clock skips
        ('"2023-03-26T02:30:00"', "local", "2023-03-26T01:30:00", Quality.UNCERTAIN),
    ],
)
def test_times(raw, form, utc, quality):
    values = [{"path": "v", "channel": "x"}]
    payload = f'{{"v":1,"t":{raw}}}'.encode()

    (reading,) = read(values, payload, zone=BERLIN, time={"path": "t", "format": form})

    assert reading.raw_time == dt.datetime.fromisoformat(f"{utc}+00:00")
    assert reading.quality == quality


@pytest.mark.parametrize(("minute", "hour"), [(30, 0), (90, 1)])
def test_the_hour_that_comes_twice_is_the_one_of_receipt(minute, hour):
    start = dt.datetime(2023, 10, 29, 0, 0, tzinfo=dt.UTC)
    received = int((start + dt.timedelta(minutes=minute, seconds=2)).timestamp() * 1e6)
    payload = b'{"v":1,"t":"2023-10-29 02:30:00"}'

    (reading,) = read(
        [{"path": "v", "channel": "x"}], payload, zone=BERLIN, now=received, time={"path": "t"}
    )

    assert reading.raw_time == dt.datetime(2023, 10, 29, hour, 30, tzinfo=dt.UTC)
    assert reading.quality == Quality.GOOD


@pytest.mark.parametrize("nothing", ["0", "null", '""', '"0"'])
def test_a_clock_that_was_never_set_is_no_time(nothing):
    (reading,) = read(
        [{"path": "v", "channel": "x"}], f'{{"v":1,"t":{nothing}}}'.encode(), time={"path": "t"}
    )

    assert reading.raw_time is None


def test_a_bad_time_leaves_the_reading_out():
    (reading,) = read([{"path": "v", "channel": "x"}], b'{"v":1,"t":"soon"}', time={"path": "t"})

    assert (reading.values, reading.problems[0][0]) == ({}, "bad_time")


def test_what_must_not_be_energy_is_none():
    with pytest.raises(MappingError) as caught:
        mapping([{"channel": "active_energy_import", "unit": "kWh", "kind": "daily_counter"}])

    assert (caught.value.path, caught.value.code) == ("topics[0].values[0].kind", "bad_kind")


def test_secrets_are_masked_before_anybody_looks():
    spec = {"topics": [{"topic": "a", "ignore": True}], "mask": ["SSID", "serial"]}

    masked = compile_mapping(spec).masked(b'{"a":[{"ssid":"home","v":1}],"serial":[1]}')

    assert masked == b'{"a": [{"ssid": "***", "v": 1}], "serial": "***"}'


def test_the_rule_that_says_most_comes_first():
    mappings = list(shipped_mappings().values())

    for topic, expected in [
        ("homeassistant/sensor/solar/state", "homeassistant"),
        ("bedroom/sensor/temp/state", "bedroom"),
        ("zigbee2mqtt/plug", "plug"),
    ]:
        assert bind_first([mappings], topic).device == expected


@pytest.mark.parametrize(
    ("name", "uid"),
    [("shellies/shellyem3", "shellies-shellyem3"), ("a b", "a-b"), ("..", "unnamed"),
     ("0x00158d0001", "0x00158d0001"), ("../x", "x"), ("é", "unnamed")],
)  # fmt: skip
def test_names_become_identifiers(name, uid):
    assert device_uid(name) == uid


@pytest.mark.parametrize(
    ("spec", "path", "code"),
    [
        ({}, "", "bad_shape"),
        ([], "", "bad_shape"),
        ({"topics": [{"topic": "a", "valeus": []}]}, "topics[0]", "bad_shape"),
        ({"topics": [{"topic": "a/#"}]}, "topics[0].topic", "bad_topic"),
        ({"topics": [{"topic": "{a*}/{b*}"}]}, "topics[0].topic", "bad_topic"),
        ({"topics": [{"topic": "{a}{b}"}]}, "topics[0].topic", "bad_topic"),
        ({"topics": [{"topic": "a", "format": "xml"}]}, "topics[0].format", "bad_format"),
        ({"topics": [{"topic": "a", "use": ["no"]}]}, "topics[0].use", "bad_shape"),
        ({"topics": [{"topic": "a", "time": {"path": "t", "zone": "../x"}}]},
         "topics[0].time.zone", "bad_zone"),
        ({"topics": [{"topic": "a"}] * 101}, "topics", "too_large"),
        ({"topics": [{"topic": "a", "values": [{"path": "a..b", "channel": "x"}]}]},
         "topics[0].values[0].path", "bad_path"),
        ({"topics": [{"topic": "a", "values": [{"path": ".".join("a" * 13), "channel": "x"}]}]},
         "topics[0].values[0].path", "bad_path"),
        ({"topics": [{"topic": "a", "values": [{"channel": "x_{n}"}]}]},
         "topics[0].values[0].channel", "bad_template"),
        ({"topics": [{"topic": "a", "values": [{"path": "v"}]}]},
         "topics[0].values[0].channel", "bad_template"),
        ({"topics": [{"topic": "a", "values": [{"channel": "frequency", "unit": "W"}]}]},
         "topics[0].values[0].unit", "bad_unit"),
        ({"topics": [{"topic": "a", "values": [{"channel": "x", "scale": 0}]}]},
         "topics[0].values[0].scale", "bad_unit"),
        ({"topics": [{"topic": "a", "values": [{"channel": "x", "unit": "furlong"}]}]},
         "topics[0].values[0].unit", "bad_unit"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(spec, path, code):
    with pytest.raises(MappingError) as caught:
        compile_mapping(spec)

    assert (caught.value.path, caught.value.code) == (path, code)


def test_the_example_of_the_reference_is_true():
    text = (settings.BASE_DIR / "docs/reference/mappings.md").read_text()
    spec = msgspec.yaml.decode(text.split("```yaml\n")[1].split("```")[0])["mapping"]
    payload = '{"Time"' + text.split('`{"Time"', 1)[1].split("`", 1)[0]
    compiled = compile_mapping(spec)

    (reading,) = compiled.decode("plant/p1/reading", payload.encode(), NOW_US, BERLIN)

    assert reading.raw_time == dt.datetime(2026, 11, 20, 14, 0, tzinfo=dt.UTC)
    assert reading.values == {
        "active_power_net": 1.5, "voltage_l1": 231, "voltage_l2": 230.5, "voltage_l3": 229.9,
        "active_energy_import": 12_500, "energy_import_today": 4.2, "gate": 1,
    }  # fmt: skip
    assert compiled.decode("plant/p1/online", b"offline", NOW_US, BERLIN)[0].presence is False
    assert compiled.decode("plant/p1/else", b"?", NOW_US, BERLIN) == []
