"""Who commands: a person, a program with a key, or a part of the product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Commander(Protocol):
    """A person, a program with a key, or a `Robot`."""

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Tell whether they may do something to an object."""


@dataclass(frozen=True, slots=True)
class Robot:
    """A part of the product that commands by itself, such as a rule; it may control all."""

    name: str
    label: str = ""

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Allow everything: whoever set the part up had the permission."""
        return True


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """Somebody whose permission was checked when they asked; what they asked is done later."""

    principal: str
    label: str

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Allow what was allowed when it was asked."""
        return True


@dataclass(frozen=True, slots=True)
class Requester:
    """Under which name a command is kept: `user:…`, `key:…` or `system:…`."""

    principal: str
    label: str

    @property
    def is_robot(self) -> bool:
        """Tell whether a part of the product commands, nobody in person."""
        return self.principal.startswith("system:")


def requester_of(actor: Any) -> Requester:
    """Return under which name somebody commands."""
    if isinstance(actor, OnBehalf):
        return Requester(actor.principal, actor.label)
    if isinstance(actor, Robot):
        return Requester(f"system:{actor.name}", actor.label or actor.name)
    if getattr(actor, "key_codes", None) is not None:
        return Requester(f"key:{actor.key_id}", str(actor))
    return Requester(f"user:{actor.pk}", str(actor.email))
