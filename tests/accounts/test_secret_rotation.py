"""S35: keys of stored secrets are changed while the product runs, and nothing is lost."""

from __future__ import annotations

import base64
import re
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings as project
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.services.secret_rotation import rotate_secrets, sealed_columns
from energy.lib.sealing import CannotUnseal, Purpose, find_sealed, seal, unseal
from tests.factories import NOW, UserFactory

OLD = "old:" + base64.b64encode(b"o" * 32).decode()
NEW = "new:" + base64.b64encode(b"n" * 32).decode()
LOST = "lost:" + base64.b64encode(b"l" * 32).decode()
FACTOR, ANSWER = Purpose.SECOND_FACTOR, Purpose.REFRESH_ANSWER


def make_factors(number: int) -> list[Authenticator]:
    """Return TOTP factors with the secrets S0, S1, …"""
    return [
        Authenticator.objects.create(
            user=UserFactory(), type="totp", data={"secret": seal(f"S{n}", purpose=FACTOR), "n": n}
        )
        for n in range(number)
    ]


def opened() -> list[str]:
    """Return the secrets of all factors, in the order in which they were made."""
    rows = Authenticator.objects.order_by("id")
    return [unseal(row.data["secret"], purpose=FACTOR) for row in rows]


def run(*args: str) -> str:
    """Return what the command prints."""
    out = StringIO()
    call_command("secrets_rotate", *args, stdout=out, stderr=out)
    return out.getvalue()


def test_everything_opens_after_the_old_key_is_dropped(db: None, settings: Any) -> None:
    settings.SECRET_STORE_KEYS = OLD
    make_factors(5)
    answer = {"refresh": {"jti": "1", "answer": seal('["a"]', purpose=ANSWER)}}
    UserSession.objects.create(
        user=UserFactory(), session_key="s", ip="192.0.2.1", user_agent="x", data=answer,
        created_at=NOW, last_seen_at=NOW,
    )  # fmt: skip
    settings.SECRET_STORE_KEYS = f"{NEW},{OLD}"

    assert "6 would be sealed again" in run("--dry-run")
    assert "6 sealed with key old." in run("--dry-run"), "a dry run changes nothing"
    text = run()

    assert "6 sealed again with key new" in text
    assert "Key old is in use no more: you may drop it." in text
    settings.SECRET_STORE_KEYS = NEW
    assert opened() == [f"S{n}" for n in range(5)]
    sealed = UserSession.objects.get().data["refresh"]["answer"]
    assert unseal(sealed, purpose=ANSWER) == '["a"]'
    assert "0 sealed again" in run()


def test_an_interrupted_run_is_started_again(db: None, settings: Any) -> None:
    settings.SECRET_STORE_KEYS = OLD
    make_factors(7)
    settings.SECRET_STORE_KEYS = f"{NEW},{OLD}"

    def die(_line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate_secrets(tell=die, batch_rows=2)
    lines: list[str] = []
    rest = rotate_secrets(tell=lines.append, batch_rows=2)

    assert rest.resealed == 5, "the first batch was committed"
    assert len(lines) == 3
    settings.SECRET_STORE_KEYS = NEW
    assert opened() == [f"S{n}" for n in range(7)]


def test_what_cannot_be_opened_does_not_stop_the_others(db: None, settings: Any) -> None:
    settings.SECRET_STORE_KEYS = LOST
    lost = make_factors(1)[0]
    settings.SECRET_STORE_KEYS = OLD
    damaged, *_good = make_factors(3)
    secret = damaged.data["secret"]
    damaged.data["secret"] = secret[:-2] + ("AA" if secret[-2:] != "AA" else "BB")
    damaged.save()
    settings.SECRET_STORE_KEYS = f"{NEW},{OLD}"

    out = StringIO()
    with pytest.raises(CommandError, match="2 could not be opened"):
        call_command("secrets_rotate", stdout=out, stderr=out)

    text = out.getvalue()
    assert "2 sealed again with key new" in text
    assert f"mfa_authenticator.data of row {lost.pk}: key lost is not in SECRET_STORE_KEYS" in text
    assert f"mfa_authenticator.data of row {damaged.pk}: changed since" in text
    assert "1 sealed with key lost, which SECRET_STORE_KEYS has not." in text
    assert "you may drop it" not in text, "the damaged one still names the old key"
    lost.refresh_from_db()
    with pytest.raises(CannotUnseal):
        unseal(lost.data["secret"], purpose=FACTOR)


@pytest.mark.django_db(transaction=True)
def test_a_change_at_the_same_time_is_not_overwritten(settings: Any) -> None:
    settings.SECRET_STORE_KEYS = OLD
    (factor,) = make_factors(1)
    settings.SECRET_STORE_KEYS = f"{NEW},{OLD}"

    def rotate() -> None:
        try:
            rotate_secrets(tell=lambda _line: None)
        finally:
            connection.close()

    other = threading.Thread(target=rotate)
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=factor.pk)
        other.start()
        other.join(0.5)
        assert other.is_alive(), "waits for the lock"
        row.data = {"secret": seal("changed", purpose=FACTOR)}
        row.save()
    other.join(20)

    assert opened() == ["changed"]


def test_every_text_and_json_column_is_looked_at(db: None) -> None:
    found = {str(column) for column in sealed_columns()}
    assert {"mfa_authenticator.data", "usersessions_usersession.data"} <= found
    assert "accounts_auditevent.detail" in found
    assert not any("telemetry_sample." in name for name in found)


def test_finds_sealed_texts_inside_of_others() -> None:
    sealed = seal("", purpose=FACTOR)
    assert find_sealed(f'{{"a": ["{sealed}"], "b": "{sealed}"}}') == [sealed, sealed]
    assert find_sealed(f"x{sealed} v1.k.short v2{sealed[2:]} {sealed}.") == []


def test_every_purpose_is_known_to_the_rotation() -> None:
    own = Path(project.BASE_DIR)
    apps = ("accounts", "devices", "telemetry", "energy", "alarms", "automation", "charging")
    texts = [path.read_text() for app in apps for path in (own / app).rglob("*.py")]
    sealing = [text for text in texts if re.search(r"[ (]seal\(", text) and "def seal" not in text]
    named = [found for text in sealing for found in re.findall(r'_PURPOSE = "(.*)"', text)]
    assert sealing
    assert set(named) <= set(Purpose)
    assert all("Purpose." in text or "_PURPOSE = " in text for text in sealing)
