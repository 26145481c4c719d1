"""Signed commands: what a device accepts, and with which code it refuses."""

from __future__ import annotations

import pytest

from devices.signature import BadSignature, canonical, sign, verify

SECRET = "a secret of some length"
MESSAGE = {"cmd": "dose", "cmd_id": "1", "params": {"ml": 5, "a": "ö"}, "ts": 1_763_712_000}


def test_the_signed_bytes_do_not_depend_on_the_order():
    assert canonical(MESSAGE) == canonical(dict(reversed(MESSAGE.items())))
    assert canonical(MESSAGE) == (
        '{"cmd":"dose","cmd_id":"1","params":{"a":"ö","ml":5},"ts":1763712000}'.encode()
    )


@pytest.mark.parametrize("difference", [-10, 0, 10])
def test_accepts_a_clock_that_differs_by_ten_seconds(difference):
    verify(sign(MESSAGE, secret=SECRET), secret=SECRET, now=MESSAGE["ts"] + difference)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"params": {"ml": 500}}, "invalid_signature"),
        ({"cmd_id": "2"}, "invalid_signature"),
        ({"extra": 1}, "invalid_signature"),
        ({"sig": "0" * 64}, "invalid_signature"),
        ({"sig": "0" * 63}, "invalid_hmac_format"),
        ({"sig": None}, "invalid_hmac_format"),
        ({"sig": "G" * 64}, "invalid_hmac_format"),
        ({"ts": MESSAGE["ts"] - 11}, "timestamp_expired"),
        ({"ts": float("nan")}, "timestamp_expired"),
        ({"ts": True}, "timestamp_expired"),
    ],
)
def test_refuses_what_was_changed(change, code):
    message = {**sign(MESSAGE, secret=SECRET), **change}

    with pytest.raises(BadSignature) as refused:
        verify(message, secret=SECRET, now=MESSAGE["ts"])

    assert refused.value.code == code


def test_another_secret_is_refused():
    with pytest.raises(BadSignature, match="secret"):
        verify(sign(MESSAGE, secret="other"), secret=SECRET, now=MESSAGE["ts"])
