"""Secrets do not leave through logs."""

import io
import json
import logging
import logging.config

import pytest
import structlog

from energy.lib.logs import logging_config
from energy.lib.masking import mask_text, mask_values

SECRETS = {
    "a JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLWhlcmU",
    "a key": "ek_0123456789ab_AbCdEfGhIjKlMnOpQrStUvWxYz",
    "a header": "Bearer abcdefgh12345678",
    "a URL": "postgresql://energy:pa55word-here@db/energy",
    "a form": "login=x&password=pa55word-here&next=/",
    "JSON": '{"password": "pa55word-here"}',
    "a ticket": "/ws/v1/live?token=AbCdEfGhIjKlMnOp",
}
TELLING = ("c2lnbmF0dXJl", "AbCdEfGh", "abcdefgh12345678", "pa55word")


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_masks_what_looks_like_a_secret(text):
    assert not any(part in mask_text(f"before {text} after") for part in TELLING)


def test_leaves_the_rest_readable():
    text = "GET /api/v1/devices?q=token took 12 ms, 3 tokens left, https://example.com/a:b"

    assert mask_text(text) == text


def test_masks_by_name_at_any_depth():
    masked = mask_values({"user": {"password": "x", "name": "Ada"}, "tokens": ["secret=abcdef"]})

    assert masked["user"] == {"password": "********", "name": "Ada"}
    assert "abcdef" not in json.dumps(masked)


@pytest.fixture(params=["json", "console"])
def lines(request, monkeypatch):
    """Log as a process does, into a string."""
    before = structlog.get_config()
    config = logging_config(level="INFO", style=request.param)
    stream = io.StringIO()
    config["handlers"]["stderr"]["stream"] = stream
    config["disable_existing_loggers"] = False
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.config.dictConfig(config)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.configure(**before)


def test_a_log_line_holds_no_secret(lines):
    log = structlog.get_logger("test")
    for text in SECRETS.values():
        log.info("sent", text=text, password="pa55word-here", answer={"token": text})
        logging.getLogger("plain").warning("got %s", text)

    written = lines.getvalue()
    assert "sent" in written
    assert "got" in written
    assert not any(part in written for part in TELLING)


def test_a_traceback_holds_no_secret(lines):
    try:
        raise ValueError(SECRETS["a URL"] + " " + SECRETS["a key"])
    except ValueError:
        logging.getLogger("plain").exception("failed")

    written = lines.getvalue()
    assert "ValueError" in written
    assert not any(part in written for part in TELLING)
