"""How slow the machine is just now; what is promised in seconds holds for an idle one.

Tests prove what happens, `./run bench` measures how fast. Some promises are in seconds all
the same: recovery, revocation, an orderly end. A test holds such a promise to its bar, and
where the bar is missed asks how long work takes that is none of ours: a start of Python with
libraries. A machine that is slower, or whose processors others have, gets so much longer.
"""

from __future__ import annotations

import subprocess
import sys
import time

# two processors of 2.6 GHz with nothing else to do take 0.28 to 0.47 s
REFERENCE_SECONDS = 0.4
PROBES = 3
MOST = 6.0
_WORK = "import celery.app, django.db.models, numpy, twisted.internet.reactor"
_slowest = 0.0


def slowness() -> float:
    """Measure; return how many times slower the machine is than the reference, 1 to 6.

    It is the most that was seen since the process began: the load that made something late
    may be gone when somebody asks.
    """
    global _slowest
    _slowest = max(_slowest, *(_probe() for _ in range(PROBES)))
    return min(MOST, max(1.0, _slowest / REFERENCE_SECONDS))


def _probe() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", _WORK], check=True)
    return time.monotonic() - began


def assert_within(seconds: float, bar: float) -> None:
    """Fail when something took longer than the bar, and longer than a slow machine excuses."""
    if seconds <= bar:
        return
    factor = slowness()
    told = f"{seconds:.2f} s; {bar:g} s on the reference, {bar * factor:.2f} s on this machine"
    sys.stdout.write(f"late: {told}\n")
    assert seconds <= bar * factor, told
