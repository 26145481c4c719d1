"""`python -m bench NAME [options]`; without a name: the list of benches."""

from __future__ import annotations

import importlib
import sys

# name: (module with `main(arguments) -> exit code`, what it measures)
BENCHES = {
    "alarm_mail": (
        "bench.alarm_mail",
        "from a device over the broker to the alarm and to a mail server",
    ),
    "automation": ("bench.automation", "10,000 rules at 50,000 samples/s, then 1,000 zones"),
    "alarms": ("bench.alarms", "10,000 rules on 10,000 channels at 100,000 samples/s"),
    "access": ("bench.access", "permission filtering of a list against the plain tenant filter"),
    "herd": ("bench.herd", "5,000 devices with certificates come back at once"),
    "live": ("bench.live", "a thousand sockets at 5,000 samples/s, and a hundred that stall"),
    "metering": ("bench.metering", "the ledger of 5,000 live meters, a year of 100, pages"),
    "modbus": ("bench.modbus", "500 Modbus meters of 40 values each second, jitter and CPU"),
    "query": ("bench.query", "questions about a year: a day, daily kWh, fifty channels"),
    "zones": ("bench.zones", "1,000 zones with three controllers within their 15 s"),
    "storage": ("bench.storage", "bytes a packed point, lag of rollups, cost of a point"),
    "ingest": ("bench.ingest", "broker to committed row and to the WebSocket, against raw COPY"),
}


def main() -> int:
    """Run a bench and return its exit code."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in BENCHES:
        print("Usage: ./run bench NAME [--tier plain|timescale] [options]; NAME --help tells them")
        for known, (_, about) in BENCHES.items():
            print(f"  {known:<12}{about}")
        return 0 if name in ("", "-h", "--help", "list") else 2
    # imported late: the load generator imports this module again and must stay small
    importlib.import_module("django").setup()
    code: int = importlib.import_module(BENCHES[name][0]).main(sys.argv[2:])
    return code


if __name__ == "__main__":
    sys.exit(main())
