"""Boxes: devices with an account of their own on the broker."""

from __future__ import annotations

from devices.models import Device


class NotABox(ValueError):
    """A device behind a gateway has no account: its gateway speaks for it."""


def username_of(device: Device) -> str:
    """Return a box's account on the broker, which is also its certificates' common name.

    Raises: NotABox.
    """
    if device.gateway is None:
        return str(device.id)
    if device.gateway.uid == device.uid:
        return device.uid
    raise NotABox(f"{device.uid} is behind a gateway: its gateway {device.gateway.uid} connects.")


def topics_down(device: Device) -> tuple[str, ...]:
    """Return the beginnings of all topics that lead to a box and to what is behind it."""
    name = username_of(device)
    if device.gateway is None:
        return (f"devices/{name}/",)
    return (f"tenant/{device.tenant_id}/gw/{name}/", f"kaiser/{name}/", f"hydro/{name}/")
