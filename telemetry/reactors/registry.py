"""The reactors that `manage.py run_reactor` can run."""

from __future__ import annotations

from django.utils.module_loading import import_string

from telemetry.reactors.base import Reactor

# Dotted paths, because reactors of upper layers are loaded only where they run.
REACTORS = {
    "alarms": "alarms.reactor.AlarmsReactor",
    "automation": "automation.reactor.AutomationReactor",
    "live": "telemetry.live.reactor.LiveReactor",
    "metering": "metering.reactor.MeteringReactor",
    "quality": "telemetry.truth.reactor.QualityReactor",
    "rollups": "telemetry.storage.reactor.RollupReactor",
    "virtual": "telemetry.virtual.reactor.VirtualReactor",
}


def create_reactor(name: str) -> Reactor:
    """Return a new reactor of this name."""
    reactor: Reactor = import_string(REACTORS[name])()
    return reactor
