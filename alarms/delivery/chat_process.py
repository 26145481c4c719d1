"""`python -m alarms.delivery.chat_process`: one message through Apprise, connected to nothing
but public addresses. Reads JSON on its standard input, writes JSON on its standard output.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import sys
from typing import Any

import apprise

from energy.lib.outbound import is_public

_NEVER = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn",
     "socket.bind", "ctypes.dlopen"}
)  # fmt: skip
_TO_OTHERS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class Forbidden(PermissionError):
    """Something that sending a message does not need."""


def guard(networks: list[str]) -> None:
    """Refuse, from now on and for good, connections to what is not public, and other programs.

    Python asks at the moment of each connection, with the address it goes to: neither a name
    that resolves differently each time nor a redirect gets past.
    """
    allowed = [ipaddress.ip_network(text) for text in networks]

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NEVER:
            raise Forbidden(f"{event} is not allowed.")
        if event in _TO_OTHERS:
            _check_address(arguments[0], arguments[-1], allowed)

    sys.addaudithook(check)


def _check_address(source: Any, address: Any, allowed: list[Any]) -> None:
    if source.family not in {socket.AF_INET, socket.AF_INET6} or not isinstance(address, tuple):
        raise Forbidden("This kind of connection is not allowed.")
    try:
        found = ipaddress.ip_address(str(address[0]).partition("%")[0])
    except ValueError as error:
        raise Forbidden("Only addresses are connected to.") from error
    if any(found.version == net.version and found in net for net in allowed):
        return
    if not is_public(found):
        raise Forbidden(f"{found} is not a public address.")


def main() -> None:
    """Send one message."""
    asked = json.load(sys.stdin)
    guard(asked["networks"])
    service = apprise.Apprise.instantiate(asked["url"], suppress_exceptions=True)
    if service is None:
        answer = {"ok": False, "error": "Apprise cannot read the URL.", "is_final": True}
    else:
        with apprise.LogCapture(level=apprise.logging.WARNING) as log:
            taken = service.notify(
                body=asked["body"], title=asked["title"], notify_type=asked["type"]
            )
            lines = log.getvalue().strip().splitlines()
        answer = {"ok": bool(taken), "error": _last(lines)}
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


def _last(lines: list[str]) -> str:
    return lines[-1].partition(" - ")[2][:300] or lines[-1][:300] if lines else ""


if __name__ == "__main__":
    main()
