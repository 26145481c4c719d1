"""Follows the samples of one trigger.

Each sample is looked at once, in the order of its channel's time: what is older than the newest
one known is history, and nothing is set off by it. The same samples in the same order always
lead to the same firings, at times that follow from the samples alone; so whoever begins at a
state that was kept finds them again under the same names.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from automation.rules.compiled import Compiled, Scene, Seen


class Firing(NamedTuple):
    """A trigger has come. at: µs since 1970 UTC, since when it holds. seen: why."""

    at: int
    seen: list[Seen]


class Watch:
    """A condition on samples, where it stands.

    lasting: µs for which it must hold. each: every sample fires while it holds.
    """

    __slots__ = ("compiled", "each", "has_fired", "holds", "lasting", "scene", "since")

    def __init__(self, compiled: Compiled, *, lasting: int = 0, each: bool = False) -> None:
        self.compiled = compiled
        self.lasting = lasting
        self.each = each
        self.scene = Scene(len(compiled.latches))
        self.holds = False
        self.has_fired = False
        self.since = 0

    def take(self, channel: int, time: int, value: float) -> Firing | None:
        """Look at a sample; of two firings at once the earlier one is told, the other is it too.

        Args: time: µs. value: stored unit.
        """
        scene = self.scene
        known = scene.inputs.get(channel)
        if known is not None and time <= known[0]:
            return None
        before = self.due(time) if self.holds and not self.has_fired else None
        scene.inputs[channel] = (time, value)
        if time > scene.now:
            scene.now = time
        if self.compiled.latches:
            self._turn_latches(channel)
        found = self._judge()
        return before or found

    def begin(self, inputs: dict[int, tuple[int, float]], now: int) -> Firing | None:
        """Begin with what is known; what holds already counts as having begun now."""
        scene = self.scene
        scene.inputs.update(inputs)
        scene.now = now
        for channel in inputs:
            self._turn_latches(channel)
        return self._judge()

    def due(self, until: int) -> Firing | None:
        """Fire if the condition has held long enough by a time that is known to have passed."""
        if not self.holds or self.has_fired or self.since + self.lasting > until:
            return None
        scene = self.scene
        scene.now = max(scene.now, self.since + self.lasting)
        if self.compiled.test(scene) is not True:  # its values have grown too old meanwhile
            self.holds = False
            return None
        return self._fire(self.since + self.lasting)

    @property
    def due_at(self) -> int | None:
        """Return when it fires by itself, in µs; None: not without another sample."""
        return self.since + self.lasting if self.holds and not self.has_fired else None

    def _judge(self) -> Firing | None:
        scene = self.scene
        if self.compiled.test(scene) is not True:
            self.holds = False
            return None
        if not self.holds:
            self.holds, self.has_fired, self.since = True, False, scene.now
        if self.has_fired:
            return self._fire(scene.now) if self.each else None
        if scene.now - self.since >= self.lasting:
            return self._fire(self.since + self.lasting)
        return None

    def _fire(self, at: int) -> Firing:
        self.has_fired = True
        return Firing(at, self.compiled.explain(self.scene))

    def _turn_latches(self, channel: int) -> None:
        scene = self.scene
        for number, latch in enumerate(self.compiled.latches):
            if channel in latch.channels:
                scene.latches[number] = latch.step(scene, scene.latches[number])

    def keep(self) -> dict[str, Any]:
        """Return the state as it is stored."""
        return {
            "inputs": {str(channel): found for channel, found in self.scene.inputs.items()},
            "now": self.scene.now, "latches": list(self.scene.latches), "holds": self.holds,
            "has_fired": self.has_fired, "since": self.since,
        }  # fmt: skip

    def restore(self, kept: dict[str, Any]) -> None:
        """Go on from a state that was stored. Raises: KeyError, TypeError, ValueError."""
        self.scene.inputs = {
            int(channel): (int(time), float(value))
            for channel, (time, value) in kept["inputs"].items()
        }
        self.scene.now, self.since = int(kept["now"]), int(kept["since"])
        if len(kept["latches"]) != len(self.scene.latches):
            raise ValueError("This state is of another condition.")
        self.scene.latches = [bool(one) for one in kept["latches"]]
        self.holds, self.has_fired = bool(kept["holds"]), bool(kept["has_fired"])
