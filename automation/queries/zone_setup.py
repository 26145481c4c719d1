"""Reads how a zone is set up."""

from __future__ import annotations

import hashlib

import msgspec

from automation.control.setup import ControllerSetup, RoleSetup, ZoneSetup
from automation.models import ZoneControl, ZoneController, ZoneRole


def setup_of(control: ZoneControl | None) -> ZoneSetup:
    """Return roles and controllers by name; two queries unless they are prefetched."""
    if control is None:
        return ZoneSetup()
    return in_order(
        ZoneSetup(
            tuple(_role(row) for row in control.roles.all()),
            tuple(_controller(row) for row in control.controllers.all()),
        )
    )


def in_order(setup: ZoneSetup) -> ZoneSetup:
    """Return a set-up with its parts by name."""
    return ZoneSetup(
        tuple(sorted(setup.roles, key=lambda one: one.name)),
        tuple(sorted(setup.controllers, key=lambda one: one.name)),
    )


def version_of(setup: ZoneSetup) -> str:
    """Return what changes whenever a set-up does, for If-Match."""
    return hashlib.sha256(msgspec.json.encode(setup)).hexdigest()[:16]


def _role(row: ZoneRole) -> RoleSetup:
    return RoleSetup(
        row.name, row.device_id, row.start, row.params, row.amount, row.stop, row.stop_params
    )


def _controller(row: ZoneController) -> ControllerSetup:
    fields = {name: getattr(row, name) for name in ControllerSetup.__struct_fields__
              if name != "channel"}  # fmt: skip
    return ControllerSetup(**fields, channel=row.channel_id)
