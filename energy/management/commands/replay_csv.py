"""Send a real meter's file over MQTT, as if its gateway had stored it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from devices.wires.replay import CsvFile, ReplayFailed, find_target, replay_file


class Command(BaseCommand):
    """Replay a CSV file with its own timestamps; repeating it adds nothing."""

    help = (
        "Publish a meter's CSV file over MQTT (QoS 1) with its own timestamps. Nothing is "
        "created: gateway and device must be registered. Repeating it adds nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the flags of this command."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--gateway", required=True, help="Identifier of the gateway.")
        parser.add_argument("--device", required=True, help="Identifier of the device.")
        parser.add_argument("--map", required=True, help="Column=metric:unit,Column=metric …")
        parser.add_argument("--time", required=True, help="Column, or columns, of the time.")
        parser.add_argument("--time-format", default="%Y-%m-%d %H:%M:%S")
        parser.add_argument("--tz", default="UTC", help="IANA zone of times without offset.")
        parser.add_argument("--delimiter", default=",")
        parser.add_argument("--speed", default="max", help="max, or times real time, such as 60.")
        parser.add_argument("--credentials", default="var/demo.json", help="The demo file.")
        parser.add_argument("--json", action="store_true", help="Print the summary as JSON.")

    def handle(self, **options: Any) -> None:
        """Send the file and sum up."""
        try:
            target = find_target(
                credentials=Path(options["credentials"]),
                gateway_uid=options["gateway"],
                device_uid=options["device"],
            )
            summary = replay_file(
                CsvFile(
                    path=options["file"],
                    mapping=options["map"],
                    time_columns=options["time"],
                    time_format=options["time_format"],
                    zone=options["tz"],
                    delimiter=options["delimiter"],
                    speed=_speed(options["speed"]),
                ),
                target,
            )
        except ReplayFailed as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(summary) if options["json"] else _in_words(summary))


def _speed(text: str) -> float:
    """Return times real time; 0 means as fast as possible."""
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if speed <= 0:
        raise CommandError(f"--speed is max or a number above 0, not {text!r}.")
    return speed


def _in_words(summary: dict[str, Any]) -> str:
    text = (
        f"{summary['messages']} messages with {summary['values']} values from {summary['rows']} "
        f"rows in {summary['seconds']} s. Left out: {summary['missing_values']} missing and "
        f"{summary['bad_values']} bad values, {summary['bad_times']} rows with a bad time and "
        f"{summary['nonexistent_times']} with one that does not exist."
    )
    return (
        f"{text} First problem: {summary['first_problem']}." if summary["first_problem"] else text
    )
