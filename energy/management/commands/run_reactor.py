"""`manage.py run_reactor live`: react to stored samples."""

from __future__ import annotations

import time
import uuid
from typing import Any

from django.core.management.base import CommandParser

from energy.lib.process import ProcessCommand
from energy.lib.redis import durable
from telemetry.reactors.follower import Follower
from telemetry.reactors.registry import REACTORS, create_reactor


class Command(ProcessCommand):
    """Follow the stream of stored samples with one reactor; further copies stand by."""

    help = "React to stored samples. One copy of each reactor is active, others stand by."
    idle_seconds = 0.5

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the name of the reactor."""
        super().add_arguments(parser)
        parser.add_argument("name", choices=sorted(REACTORS), help="Which reactor to run.")

    def open(self, **options: Any) -> None:
        """Create the reactor."""
        name = options["name"]
        self.process_name = f"reactor_{name}"
        self._follower = Follower(
            create_reactor(name),
            durable(),
            consumer=self.instance,
            # two copies may have been given the same instance name by mistake
            holder=f"{self.instance}:{uuid.uuid4().hex}",
        )

    def work(self) -> bool:
        """Do one round."""
        return self._follower.round(now=time.time())

    def close(self) -> None:
        """Hand over to a copy that stands by."""
        follower = getattr(self, "_follower", None)
        if follower is not None:
            follower.close()
