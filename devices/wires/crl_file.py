"""The file from which the broker reads who is revoked, and how it is made to read it again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from devices.pki.crl import merge_list

# the signal has no answer: after this time the broker has read the file (measured)
RELOAD_SECONDS = 0.15
COMMAND_SECONDS = 10


class ListNotPlaced(Exception):
    """The broker did not get the list: file or signal failed; the message says which."""


def place_list(path: Path, text: str) -> None:
    """Replace the list of the same authority at once; lists of others in the file stay.

    Raises: ListNotPlaced.
    """
    try:
        with _only_one(path):
            present = path.read_text() if path.exists() else ""
            _replace(path, merge_list(present, text))
    except OSError as error:
        raise ListNotPlaced(f"{path} cannot be written: {error}. See BROKER_CRL_FILE.") from error


def reload_broker(how: str) -> None:
    """Let the broker read the list again: `pid:FILE` (SIGHUP), `command:ARGUMENTS` or nothing.

    Returns when new connections are judged by the new list.

    Raises: ListNotPlaced.
    """
    kind, _colon, rest = how.partition(":")
    try:
        if kind == "pid":
            os.kill(int(Path(rest).read_text().split()[0]), signal.SIGHUP)
        elif kind == "command":
            subprocess.run(
                shlex.split(rest), check=True, timeout=COMMAND_SECONDS, capture_output=True
            )
        elif how:
            raise ListNotPlaced(f"BROKER_RELOAD is {how!r}: use pid:FILE or command:ARGUMENTS.")
        else:
            return
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        raise ListNotPlaced(f"The broker could not be told to reload: {error}") from error
    time.sleep(RELOAD_SECONDS)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Keep two writers apart: each reads the file, then replaces it."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, text: str) -> None:
    """Write beside it and rename; a revocation list is public, the broker must read it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
