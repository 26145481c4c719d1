"""What `./run demo` prints when everything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tools.terminal import paint

RULE = "─" * 72


def banner(demo: Mapping[str, Any], *, seconds: float, box: str = "") -> str:
    """Return the block with addresses and logins.

    Args: demo: content of var/demo.json. box: where a new box can be claimed.
    """
    web, mqtt = demo["web"], demo["mqtt"]
    places = [
        ("Customers", f"{web}/"),
        ("Staff", f"{web}/admin/"),
        ("API", f"{web}/api/docs"),
        ("MQTT", f"{mqtt['host']}:{mqtt['tls_port']} (TLS, client certificate)"),
        ("", f"{mqtt['host']}:{mqtt['port']} (user and password)"),
    ]
    if box:
        places += [
            ("New box", box),
            ("", "or scan var/boxes/claim.svg; both change every ten minutes"),
        ]
    lines = [
        RULE,
        paint(f"  Energy platform runs — ready in {seconds:.1f} s", "1"),
        "",
        *(f"  {name:<11}{place}" for name, place in places),
        "",
        *_login_table(demo.get("users", [])),
        "",
        "  Credentials of devices: var/demo.json     Output: var/log/     Mails: var/mail/",
        "  Stop: Ctrl-C     Start over: ./run demo --reset",
        RULE,
    ]
    return "\n".join(lines)


def _login_table(users: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one line per login, columns as wide as their longest cell."""
    rows = [("Login", "Password", "Role", "Tenant")]
    rows += [
        (user["email"], user["password"], user["role"], user["tenant"] or "all") for user in users
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [paint(lines[0], "1"), *lines[1:]]
