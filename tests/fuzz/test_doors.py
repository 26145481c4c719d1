"""Whatever is sent over HTTP: no door answers with 500, and what is good in it is stored."""

from __future__ import annotations

import gzip
import itertools
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.rbac.registry import SYSTEM_ROLES
from accounts.services.keys import create_key
from telemetry.doors import api, quota
from telemetry.imports import runner, service
from telemetry.imports.channels import ColumnRefused
from telemetry.imports.files import FileProblem
from tests.fuzz.inputs import KEYS, TREES, changed, encode, fuzz, garbled, payloads
from tests.ingest.conftest import START, Bench, bench  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(7200)]

T0 = int(START.timestamp())
NUMBERS = itertools.count()
READING = {"device": "meter-1", "ts": 1763600000, "values": {"power": 1.5, "voltage_l1": 230}}
LINES = b"meter,device=meter-1 power=1.5,voltage_l1=230i 1763600000000000000\n"
CSV = (
    b"time;power;note\n2026-11-01 00:00;1,5;a\n2026-11-01 00:15;2,5;b\n2026-11-01 00:30;;c\n"
    b"2026-11-01 00:45;4,5;d\n"
)
ESPI = (
    b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><entry><content>'
    b'<IntervalBlock xmlns="http://naesb.org/espi"><interval><duration>3600</duration>'
    b"<start>1760000000</start></interval><IntervalReading><timePeriod><duration>3600</duration>"
    b"<start>1760000000</start></timePeriod><value>100</value></IntervalReading></IntervalBlock>"
    b"</content></entry></feed>"
)
TYPES = st.sampled_from([
    "application/json", "application/msgpack", "text/plain", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "application/json; charset=utf-16", "", "x",
])  # fmt: skip
ENCODINGS = st.sampled_from(["", "", "", "gzip", "br", "deflate", "gzip, gzip"])


@pytest.fixture
def keys(bench: Bench) -> dict[str, str]:  # noqa: F811
    """A key of the tenant, and one of the meter."""
    bench.now = timezone.now().replace(microsecond=0)
    for cached in (api._check_durable, quota.minute_counts):
        cached.cache_clear()
    made = {}
    for name, fields in (("tenant", {}), ("device", {"device_id": bench.device.id})):
        with bench.team.scope():
            new = create_key(
                name=name, codes=("write:telemetry",), expires_at=None,
                created_by=bench.team.owner, editor_codes=SYSTEM_ROLES["admin"],
                now=timezone.now(), **fields,
            )  # fmt: skip
        made[name] = new.secret.text
    return made


def send(path: str, body: bytes, kind: str, key: str, encoding: str = "") -> Any:
    """POST bytes; an exception in a view ends the test."""
    headers = {"X-API-Key": key, **({"Content-Encoding": encoding} if encoding else {})}
    answer = Client().post(path, body, kind, headers=headers)
    assert answer.status_code < 500, (answer.status_code, answer.content[:500])
    return answer


def settle(bench: Bench) -> None:  # noqa: F811
    """Let the worker store what was accepted; it must not need help."""
    bench.now = timezone.now().replace(microsecond=0)
    for _ in range(50):
        if not bench.redis.xlen(bench.buffer.stream):
            break
        bench.worker.run_once()
    assert not bench.redis.xlen(bench.buffer.stream)
    assert "internal_error" not in bench.reasons()


@fuzz
@given(st.data())
def test_any_body_is_answered(bench, keys, data):  # noqa: F811
    body = data.draw(
        st.one_of(
            payloads([READING, [READING, READING], {"readings": [READING]}]),
            st.just(msgspec.msgpack.encode([READING])).flatmap(garbled),
        )
    )
    encoding = data.draw(ENCODINGS)
    if encoding == "gzip" and data.draw(st.booleans()):
        body = (
            data.draw(garbled(gzip.compress(body)))
            if data.draw(st.booleans())
            else gzip.compress(body)
        )
    send(
        "/api/v1/ingest",
        body,
        data.draw(TYPES),
        keys[data.draw(st.sampled_from(sorted(keys)))],
        encoding,
    )
    settle(bench)


@fuzz
@given(st.lists(changed(READING), min_size=1, max_size=5), st.integers(0, 5))
def test_good_readings_among_bad_ones_are_stored(bench, keys, bad, at):  # noqa: F811
    moment = int(timezone.now().timestamp()) - 86_400 + next(NUMBERS)
    good = {"device": bench.device.uid, "ts": moment, "values": {"neighbour": 1}}
    batch = [*bad[:at], good, *bad[at:]]
    answer = send("/api/v1/ingest", encode(batch), "application/json", keys["tenant"])
    settle(bench)

    if answer.status_code == 202:
        assert moment in neighbours(bench)
    else:  # the body as a whole is no JSON that could be read
        assert answer.status_code == 400
        assert answer.json()["code"]


def neighbours(bench: Bench) -> set[int]:  # noqa: F811
    """Return the times of the good readings that are stored, in seconds since 1970."""
    return {T0 + row[1] for row in bench.samples() if row[0] == "neighbour"}


@fuzz
@given(st.data())
def test_doors_of_other_products_answer_anything(bench, keys, data):  # noqa: F811
    key = keys[data.draw(st.sampled_from(sorted(keys)))]
    what = data.draw(st.sampled_from(["telemetry", "attributes"]))
    body = data.draw(payloads([{"power": 1}, {"ts": 1763600000000, "values": {"power": 2}}]))
    send(f"/compat/tb/v1/{key}/{what}", body, data.draw(TYPES), key)

    names = data.draw(st.dictionaries(
        st.sampled_from(["node", "json", "fulljson", "csv", "data", "time", "sentat", "offset"])
        | KEYS,
        st.one_of(TREES.map(encode), st.binary(max_size=20)),
        max_size=4,
    ))  # fmt: skip
    fields = urlencode({name.encode("utf-8", "replace"): value for name, value in names.items()})
    door = data.draw(st.sampled_from(["post", "post.json", "post/meter-1", "bulk", "bulk.json"]))
    send(f"/compat/emoncms/input/{door}", fields.encode(), "application/x-www-form-urlencoded", key)
    answer = Client().get(f"/compat/emoncms/input/{door}?apikey={key}&{fields}")
    assert answer.status_code < 500

    lines = data.draw(garbled(LINES * 3))
    path = data.draw(
        st.sampled_from(["/api/v2/write?bucket=b&precision=", "/write?db=d&precision="])
    )
    precision = data.draw(st.sampled_from(["", "ns", "us", "ms", "s", "h", "x", "%00"]))
    send(path + precision, lines, "text/plain", key)
    settle(bench)


@fuzz
@given(st.sampled_from([("f.csv", CSV), ("f.xml", ESPI), ("f.txt", CSV)]), st.data())
def test_any_file_is_previewed_or_refused(bench, keys, file, data):  # noqa: F811
    name, content = file
    body = data.draw(st.one_of(garbled(content), st.binary(max_size=200)))
    if data.draw(st.integers(0, 4)) == 0:
        body = gzip.compress(body)
    if not body:
        return
    refusals = (service.ImportRefused, FileProblem, ColumnRefused, service.WrongState)
    with bench.team.scope():
        try:
            job = service.upload_whole(
                device_id=bench.device.id, file_name=name, chunks=[body], size=len(body),
                actor=bench.team.owner, now=timezone.now(),
            )  # fmt: skip
            service.start_import(job_id=job.id, now=timezone.now())
        except refusals as refusal:
            assert str(refusal)
            return
    for _ in range(20):
        claimed = runner.claim(now=timezone.now())
        if not claimed:
            break
        runner.work(claimed, clock=timezone.now)
    with bench.team.scope():
        job.refresh_from_db()
    assert job.state in {"done", "failed"}, job.state
    assert "Traceback" not in str(vars(job))
