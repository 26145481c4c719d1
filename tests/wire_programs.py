"""Gives tests socat and mbpoll, or says loudly why a test is left out."""

from __future__ import annotations

import pytest

from tools.wire_programs import WireProgram, find_wire_program


def require_program(name: str) -> WireProgram:
    """Return socat or mbpoll; skip the test, with what to install, where it cannot be had."""
    try:
        return find_wire_program(name)
    except RuntimeError as error:
        pytest.skip(str(error))
