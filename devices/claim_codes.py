"""Codes that boxes show and tokens that people are shown: 128 bits at least.

Pure. A code is random letters and digits, as hexadecimal (32), as letters and digits of one
case (26, five bits each) or as base64url (22). What people type may have blanks and dashes
and either case.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

MINIMUM_BITS = 128
MAX_LENGTH = 100
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # 32: no I, O, 0, 1
_LENGTH = 26
_LEAST_DISTINCT = 8
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
_ONE_CASE = re.compile(r"[A-Z0-9]{26,}|[a-z0-9]{26,}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{22,}")
_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """What a QR code of a box says."""

    hardware_id: str
    code: str

    def __repr__(self) -> str:
        return f"ScannedCode({self.hardware_id!r})"


def make_code() -> str:
    """Return a new random code of 130 bits that people can read and type."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def group_code(code: str) -> str:
    """Write a code for people.

    >>> group_code("ABCDEFGHJK")
    'ABCDE-FGHJK'
    """
    return "-".join(code[start : start + 5] for start in range(0, len(code), 5))


def hash_code(code: str) -> str:
    """Return the SHA-256 of a code as it is written, hexadecimal."""
    return hashlib.sha256(code.encode()).hexdigest()


def is_strong(code: str) -> bool:
    """Tell whether a code has the form of 128 random bits.

    >>> is_strong("1234"), is_strong("a" * 32), is_strong("4f2c9b7e1d3a5860" * 2)
    (False, False, True)
    """
    if len(code) > MAX_LENGTH or len(set(code)) < _LEAST_DISTINCT:
        return False
    if code.isdigit():
        return len(code) >= 39
    if all(letter in "0123456789abcdefABCDEF" for letter in code):
        return _HEX.fullmatch(code) is not None
    if _ONE_CASE.fullmatch(code):
        return True
    mixed = code != code.upper() and code != code.lower()
    return mixed and _BASE64URL.fullmatch(code) is not None


def matches(typed: str, hashed: str) -> bool:
    """Compare what was typed with the hash of a code, in constant time.

    Tried as it is, without blanks and dashes, and that in capital and in small letters.
    """
    found = False
    for spelling in spellings(typed):
        found |= hmac.compare_digest(hash_code(spelling), hashed) and is_strong(spelling)
    return found


def spellings(typed: str) -> tuple[str, str, str, str]:
    """Return the four ways in which what was typed can be meant."""
    exact = typed.strip()[:MAX_LENGTH]
    plain = re.sub(r"[\s-]", "", exact)
    return exact, plain, plain.upper(), plain.lower()


def normalize_hardware(text: str) -> str:
    """Write a hardware id in one way: a MAC with colons in small letters, others as they are.

    >>> normalize_hardware("246F28AABBCC"), normalize_hardware(" ESP_12AB ")
    ('24:6f:28:aa:bb:cc', 'ESP_12AB')
    """
    text = text.strip()
    if _MAC.fullmatch(text):
        digits = re.sub(r"[:-]", "", text).lower()
        return ":".join(digits[start : start + 2] for start in range(0, 12, 2))
    return text


def compact_hardware(hardware_id: str) -> str:
    """Return the identifier under which a box is registered: a MAC without its colons."""
    return hardware_id.replace(":", "") if _MAC.fullmatch(hardware_id) else hardware_id


def parse_scanned(text: str) -> ScannedCode | None:
    """Read `https://host/claim#<hardware>.<code>` or `<hardware>.<code>`; None for other text."""
    fragment = text.strip()[:500].rpartition("#")[2]
    hardware, dot, code = fragment.rpartition(".")
    if not dot or not hardware or not code:
        return None
    return ScannedCode(normalize_hardware(hardware), code)
