"""Secrets at rest."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.lib.sealing import BadKeyRing, CannotUnseal, is_current, read_key_ring, seal, unseal

OLD = "old:" + base64.b64encode(b"o" * 32).decode()
NEW = "new:" + base64.b64encode(b"n" * 32).decode()


@given(st.text())
def test_gives_back_what_was_sealed(text):
    sealed = seal(text, purpose="test")

    assert unseal(sealed, purpose="test") == text
    assert len(text) < 4 or text not in sealed


def test_the_same_text_never_looks_the_same():
    assert seal("secret", purpose="test") != seal("secret", purpose="test")


@given(st.integers(min_value=0, max_value=200), st.integers(min_value=1, max_value=63))
def test_refuses_a_changed_text(position, shift):
    sealed = seal("a secret of some length", purpose="test")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    start = sealed.rindex(".") + 1
    at = start + position % (len(sealed) - start - 1)
    changed = letters[(letters.index(sealed[at]) + shift) % 64]

    with pytest.raises(CannotUnseal):
        unseal(sealed[:at] + changed + sealed[at + 1 :], purpose="test")


@pytest.mark.parametrize("text", ["", "v1", "v1..", "v2.derived.AAAA", "v1.other.AAAA", "plain"])
def test_refuses_what_is_not_sealed(text):
    with pytest.raises(CannotUnseal):
        unseal(text, purpose="test")


def test_a_sealed_text_belongs_to_its_purpose():
    with pytest.raises(CannotUnseal):
        unseal(seal("secret", purpose="totp"), purpose="webhook")


def test_keys_are_changed_without_losing_what_is_sealed(settings):
    settings.SECRET_STORE_KEYS = OLD
    sealed = seal("secret", purpose="test")
    settings.SECRET_STORE_KEYS = f"{NEW},{OLD}"

    assert unseal(sealed, purpose="test") == "secret"
    assert not is_current(sealed)
    assert is_current(seal("secret", purpose="test"))

    settings.SECRET_STORE_KEYS = NEW
    with pytest.raises(CannotUnseal):
        unseal(sealed, purpose="test")


@pytest.mark.parametrize("text", ["a", "a:b", "a:" + "A" * 44 + "!", f"{OLD},{OLD}", "a b:" + OLD])
def test_says_what_is_wrong_with_keys(text):
    with pytest.raises(BadKeyRing, match="SECRET_STORE_KEYS"):
        read_key_ring(text)
