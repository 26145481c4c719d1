"""`python -m devices.simulators box|shelf|image|evse|modbus`: they behave like real ones."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from devices.firmware.keys import read_public_key
from devices.simulators import evse_program as evse
from devices.simulators import modbus
from devices.simulators.box import FIRST_FIRMWARE, Box, Setup
from devices.simulators.faults import STAGES, Faults
from devices.simulators.firmware import Trust
from devices.simulators.image import make_image
from devices.simulators.owned import End, Habits
from devices.simulators.shelf import Shelf

REFUSED = 3


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m devices.simulators", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    box = kinds.add_parser("box", help="one box")
    shelf = kinds.add_parser("shelf", help="boxes of which one is always unclaimed")
    image = kinds.add_parser("image", help="firmware that the boxes of a shelf accept")
    image.add_argument("--state", type=Path, required=True, help="folder with the vendor's key")
    image.add_argument("--model", default="relay-board", help="key of a profile")
    image.add_argument("--version", required=True)
    evse.add_arguments(kinds.add_parser("evse", help="a charging point on a serial line"))
    modbus.add_arguments(kinds.add_parser("modbus", help="meters that answer Modbus"))
    for each in (box, shelf):
        _add_setup(each)
    _add_faults(box)
    return parser.parse_args(arguments)


def _add_setup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", type=Path, required=True, help="folder of what it remembers")
    parser.add_argument(
        "--door",
        default=os.environ.get("BOX_DOOR", ""),
        help="mqtt://user:password@host:port or https://host; or in BOX_DOOR, unseen by others",
    )
    parser.add_argument("--web", required=True, help="where people claim, for the QR code")
    parser.add_argument("--ca", type=Path, help="certificates to trust the door by")
    parser.add_argument("--model", default="relay-board", help="key of a profile")
    parser.add_argument("--firmware", default=FIRST_FIRMWARE, help="version of a new box")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between readings")
    parser.add_argument(
        "--heartbeat", type=float, default=15.0, help="seconds between signs of life"
    )
    parser.add_argument("--secret-file", type=Path, help="obey only commands signed with it")
    parser.add_argument(
        "--renew-before", type=float, default=30.0, help="days before a certificate's end"
    )
    parser.add_argument("--platform-key", type=Path, help="obey only offers signed by it")
    parser.add_argument("--vendor-key", type=Path, help="install only images signed by it")
    parser.add_argument("--give-up", type=float, help="end after so many seconds of being refused")


def _add_faults(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("misbehaviour")
    group.add_argument("--lose-acks", type=int, default=0, metavar="N", help="answers never sent")
    group.add_argument(
        "--lose-readings", type=int, default=0, metavar="N", help="readings sent only when asked"
    )
    group.add_argument("--late", type=float, default=0.0, metavar="S", help="answers come late")
    group.add_argument("--wrong-hash", action="store_true", help="images arrive damaged")
    group.add_argument("--bad-image", action="store_true", help="new firmware does not start")
    group.add_argument("--clock-skew", type=float, default=0.0, metavar="S", help="wrong clock")
    group.add_argument("--die-at", choices=STAGES, default="", help="kill -9 at this point")


def setup_of(options: argparse.Namespace) -> Setup:
    """Return what a box is made with."""
    secret = options.secret_file.read_text().strip() if options.secret_file else ""
    return Setup(
        folder=options.state,
        door=options.door,
        web=options.web,
        authority=options.ca.read_text() if options.ca else "",
        model=options.model,
        firmware_version=options.firmware,
        habits=Habits(
            report_seconds=options.interval,
            heartbeat_seconds=options.heartbeat,
            secret=secret,
            renew_before=options.renew_before * 86_400,
            trust=Trust(_key(options.platform_key), _key(options.vendor_key)),
            give_up_after=options.give_up,
        ),
    )


def _key(path: Path | None) -> bytes | None:
    return read_public_key(path.read_text()) if path else None


def faults_of(options: argparse.Namespace) -> Faults:
    """Return how a box misbehaves."""
    return Faults(
        lose_answers=options.lose_acks,
        lose_readings=options.lose_readings,
        late_seconds=options.late,
        has_wrong_hash=options.wrong_hash,
        is_bad_image=options.bad_image,
        clock_skew=options.clock_skew,
        die_at=options.die_at,
    )


def main(arguments: list[str]) -> int:
    """Run until SIGTERM; 3 when the broker shut the box out."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(threadName)s %(message)s")
    if options.kind == "modbus":
        return modbus.run(options)
    if options.kind == "image":
        make_image(options.state, product=options.model, version=options.version)
        return 0
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if options.kind == "evse":
        return evse.main(options, stopping)
    if options.kind == "shelf":
        Shelf(setup_of(options)).run(stopping)
        return 0
    end = Box(setup_of(options), faults_of(options)).run(stopping)
    return REFUSED if end == End.REFUSED else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
