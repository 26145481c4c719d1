"""S09: the key that signs apps' tokens is changed with an overlap, and the old one ends."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from accounts.signin.tokens import ACCESS, read_token
from energy.lib.sealing import BadKeyRing
from energy.settings_sign_in import _token_keys
from tests.conftest import Team
from tests.signin.conftest import App

OLD, NEW = {"j1": "1" * 64}, {"j2": "2" * 64}


def kid_of(token: str) -> str:
    """Return the name of a token's key."""
    return str(jwt.get_unverified_header(token)["kid"])


def test_old_and_new_overlap_then_the_old_one_is_refused(
    app: App, red: Team, settings: Any
) -> None:
    settings.JWT_KEYS = OLD
    app.sign_in(red.operator)
    old = App(app.access, app.refresh)
    assert kid_of(app.access) == "j1"

    settings.JWT_KEYS = NEW | OLD
    assert old.me().status_code == 200, "tokens of both keys are good"
    app.keep(app.renew())
    assert (kid_of(app.access), kid_of(app.refresh)) == ("j2", "j2"), "the newest signs"

    settings.JWT_KEYS = NEW
    assert (old.me().status_code, old.renew().status_code) == (401, 401)
    assert read_token(old.access, ACCESS) is None, "sockets ask this"
    assert app.me().status_code == 200
    assert app.renew().status_code == 200


def test_the_name_of_one_key_does_not_open_for_another(app: App, red: Team, settings: Any) -> None:
    settings.JWT_KEYS = NEW | OLD
    app.sign_in(red.operator)
    claims = jwt.decode(app.access, options={"verify_signature": False})
    forged = jwt.encode(claims, OLD["j1"], "HS256", headers={"kid": "j2"})
    assert app.me(forged).status_code == 401
    assert app.me(jwt.encode(claims, OLD["j1"], "HS256")).status_code == 401, "names none"


def test_tokens_from_before_keys_had_names(app: App, red: Team, settings: Any) -> None:
    app.sign_in(red.operator)
    claims = jwt.decode(app.access, options={"verify_signature": False})
    nameless = jwt.encode(claims, settings.JWT_KEYS["derived"], "HS256")
    assert app.me(nameless).status_code == 200
    settings.JWT_KEYS = NEW
    assert app.me(nameless).status_code == 401


def test_keys_are_read_in_their_order() -> None:
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert list(_token_keys("")) == ["derived"]
    assert list(_token_keys(f"j2:{key}, derived")) == ["j2", "derived"]
    assert list(_token_keys(f"derived,j2:{key}")) == ["derived", "j2"]
    assert "derived" not in _token_keys(f"j2:{key}")
    with pytest.raises(BadKeyRing, match="JWT_KEYS"):
        _token_keys("j2:short")
