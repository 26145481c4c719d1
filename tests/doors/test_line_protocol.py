"""The line protocol: what a writer escapes is read back as it was."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.doors.influx import read_points
from telemetry.doors.line_protocol import Line, read_lines

# what a name may hold: no line ends, no backslash at the end of a part
NAMES = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\\\"#"), min_size=1,
    max_size=12,
).filter(lambda text: text.strip() == text)  # fmt: skip
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
FIELDS = st.dictionaries(NAMES, st.one_of(NUMBERS, TEXTS, st.booleans()), min_size=1, max_size=4)


def name(text):
    return text.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")


def measurement(text):
    return text.replace(",", r"\,").replace(" ", r"\ ")


def value(found):
    if isinstance(found, bool):
        return "t" if found else "F"
    if isinstance(found, str):
        return '"' + found.replace("\\", r"\\").replace('"', r"\"") + '"'
    return repr(found)


@given(
    st.lists(
        st.tuples(NAMES, st.dictionaries(NAMES, NAMES, max_size=3), FIELDS,
                  st.none() | st.integers(0, 2**62)),
        min_size=1, max_size=4,
    )
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read(points):
    lines = []
    for series, tags, fields, time in points:
        head = ",".join([measurement(series), *(f"{name(k)}={name(v)}" for k, v in tags.items())])
        body = ",".join(f"{name(k)}={value(v)}" for k, v in fields.items())
        lines.append(f"{head} {body}" + ("" if time is None else f" {time}"))
    found = list(read_lines("\n".join(lines)))
    assert all(isinstance(line, Line) for line in found), found
    read = [(f.measurement, f.tags, f.fields, f.time) for f in found]
    assert read == [(s, t, f, None if at is None else at // 1000) for s, t, f, at in points]


@given(st.text(max_size=80), st.sampled_from(["ns", "us", "ms", "s"]))
@settings(max_examples=500, deadline=None)
def test_no_text_breaks_it_and_no_line_is_swallowed(text, precision):
    lines = [line.strip(" \t\r") for line in text.split("\n")]
    found = list(read_lines(text, precision))
    if '"' not in text:
        assert len(found) == sum(bool(line) and not line.startswith("#") for line in lines)
    for line in found:
        if isinstance(line, Line):
            numbers = [v for v in line.fields.values() if isinstance(v, float)]
            assert all(map(math.isfinite, numbers))


def read(text, precision="ns"):
    return list(read_lines(text, precision))


def test_values_of_each_kind():
    [line] = read('m,a=b f=1,i=-3i,u=4u,e=1.5e-3,t=true,n=F,s="x, y=\\"z\\""')
    assert line.fields == {
        "f": 1.0, "i": -3.0, "u": 4.0, "e": 0.0015, "t": True, "n": False, "s": 'x, y="z"'
    }  # fmt: skip
    assert line.time is None


def test_precisions():
    times = {p: read("m f=1 1700000000", p)[0].time for p in ("ns", "us", "ms", "s", "m")}
    assert times == {
        "ns": 1_700_000, "us": 1_700_000_000, "ms": 1_700_000_000_000,
        "s": 1_700_000_000_000_000, "m": 102_000_000_000_000_000,
    }  # fmt: skip


def test_bad_lines_are_told_by_number():
    text = "m f=1\n\n# a comment\nm\nm f=\n,a=b f=1\nm f=1x\nm,a f=1\nm,a= f=1\nm f=1 x\nm f=nan\n"
    text += 'm f=1,f=2\nm f="open\nm u=-1u'
    assert [f[0] if isinstance(f, tuple) else "ok" for f in read(text)] == [
        "ok", 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, "ok" if False else 14,
    ]  # fmt: skip


def test_a_line_end_within_a_text_belongs_to_it():
    found = read('m s="a\nb" 5\nm f=2')
    assert [(line.number, line.fields) for line in found] == [(1, {"s": "a\nb"}), (3, {"f": 2.0})]


def test_names_of_metrics_and_devices():
    def names(text, has_device=False):
        return [
            (str(r.device) if r.device else None, list(r.values))
            for r in read_points(text, "ns", has_device=has_device).readings
        ]

    assert names("power,device=m1 value=1") == [("m1", ["power"])]
    assert names("power,host=m1,phase=l1 value=1,max=2") == [
        ("m1", ["power,phase=l1", "power,phase=l1.max"])
    ]
    assert names("meter,device=m1,gateway=g1 power=1") == [("g1/m1", ["meter.power"])]
    assert names("meter,host=pi power=1", has_device=True) == [(None, ["meter.power"])]
