"""From the factory to the scrap heap: which steps a device may take.

"manufactured" is a box that nobody has registered; it has no device yet. The other words
are `devices.models.Lifecycle`.
"""

from __future__ import annotations

MANUFACTURED = "manufactured"

TRANSITIONS: dict[str, frozenset[str]] = {
    MANUFACTURED: frozenset({"registered", "claimed"}),
    # a box with an account of its own may be heard before anybody claims it
    "registered": frozenset({"claimed", "provisioned", "active", "maintenance", "decommissioned"}),
    # a claim that came to nothing leaves the device registered
    "claimed": frozenset({"provisioned", "active", "registered", "maintenance", "decommissioned"}),
    "provisioned": frozenset({"active", "registered", "maintenance", "decommissioned"}),
    # a swap or a factory reset: claimed again
    "active": frozenset({"maintenance", "claimed", "provisioned", "decommissioned"}),
    "maintenance": frozenset({"active", "claimed", "provisioned", "decommissioned"}),
    "decommissioned": frozenset(),
}


def may_change(current: str, wanted: str) -> bool:
    """Tell whether a step is allowed; staying where one is always is.

    >>> may_change("claimed", "active"), may_change("decommissioned", "active")
    (True, False)
    """
    return current == wanted or wanted in TRANSITIONS.get(current, frozenset())


def next_states(current: str) -> tuple[str, ...]:
    """Return where a device may go from here, in the order of life."""
    return tuple(state for state in TRANSITIONS if state in TRANSITIONS.get(current, frozenset()))
