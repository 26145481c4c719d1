"""Store what the wires have handed in."""

from __future__ import annotations

import time
from typing import Any

from energy.lib.process import ProcessCommand
from energy.lib.redis import check_durability, durable
from telemetry import partitions
from telemetry.ingest.batch import from_microseconds
from telemetry.ingest.worker import IngestWorker

# A commit costs some milliseconds whatever it holds. Below full load they would follow
# each other as fast as they can; what waits meanwhile goes into the next one.
ROUND_SECONDS = 0.05


class Command(ProcessCommand):
    """Run one ingest worker; start more copies with other --instance names."""

    help = "Take messages from the ingest stream and commit them to the database."
    process_name = "ingest"
    idle_seconds = 0.0  # reading the stream waits by itself
    # a server process that is frozen answers no timeout of ours: the next writer begins anew
    stall_seconds = 18.0

    def open(self, **options: Any) -> None:
        """Refuse a Redis that loses data, then make the coming weeks' partitions."""
        self._worker = IngestWorker(
            consumer=f"worker-{self.instance}",
            alive=lambda: self.watchdog.expect(self.stall_seconds),
        )
        check_durability(durable())
        partitions.create_ahead(now=from_microseconds(int(time.time() * 1_000_000)))

    def work(self) -> bool:
        """Store one round of entries, at most twenty rounds a second."""
        started = time.monotonic()
        more = self._worker.run_once()
        self.stopping.wait(max(0.0, started + ROUND_SECONDS - time.monotonic()))
        return more

    def close(self) -> None:
        """Release the database connection; entries not committed stay pending."""
        if hasattr(self, "_worker"):
            self._worker.close()
