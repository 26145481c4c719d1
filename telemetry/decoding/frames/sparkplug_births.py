"""What births said, where several processes decode the messages of one node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """What a birth said of a metric."""

    name: str
    datatype: int
    unit: str
    alias: int | None = None


@dataclass(frozen=True, slots=True)
class Births:
    """All that is known of a node: its metrics by device, None being the node itself.

    `token` changes with every birth and death; `birth` is the number of the node's last birth.
    """

    token: bytes = b""
    birth: int | None = None
    metrics: Mapping[str | None, Iterable[Metric]] = field(default_factory=dict)


class BirthStore(Protocol):
    """Where births are kept for all processes. What fails is as if nothing were there."""

    def token(self, key: Key) -> bytes | None:
        """Return which births are kept; None when it cannot be asked."""

    def load(self, key: Key) -> Births:
        """Return what is kept of a node."""

    def begin(self, key: Key, birth: int | None) -> None:
        """A node was born, or died: forget what its devices said, note the number of the birth."""

    def keep(self, key: Key, device: str | None, metrics: Iterable[Metric]) -> None:
        """Keep the metrics of a birth; none of a death."""

    def may_ask(self, key: Key, *, seconds: int) -> bool:
        """Tell whether nobody has asked for a birth for so long, and note that one does."""
