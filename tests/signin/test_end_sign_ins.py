"""What ends every sign-in of a person."""

from __future__ import annotations

from tests.factories import *  # noqa: F403
