"""Commands for a line: taken while its controller is heard, done once, answered.

What cannot be done just now is refused: nothing is kept for later.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable

from accounts.tenancy import tenant_scope
from charging.bridge.lines import LineFacts
from charging.esp32.facts import (
    CHARGE_START,
    CHARGE_STOP,
    NEVER_LATE,
    SET_CURRENT_LIMIT,
    Ask,
    Result,
    Verdict,
)
from charging.services.observing import Outcome, note_command
from devices.command_states import State
from devices.models import Wire
from devices.services.outbox import database_now
from devices.services.wire_commands import WireOrder, answer_order, take_orders

SHORT_LIFE = dt.timedelta(seconds=5)  # of a permission and an unlocking, whatever was asked
_STATES = {
    Verdict.DONE: State.DONE,
    Verdict.UNCHANGED: State.DONE,
    Verdict.REFUSED: State.INVALID,
    Verdict.REJECTED: State.ERROR,
    Verdict.NO_ANSWER: State.ERROR,
}


class Orders:
    """The commands of one line that are under way.

    Args: ask: gives one to the link. tell: takes what became of one that is refused here; it
        comes back to `finish`.
    """

    def __init__(
        self, line: LineFacts, ask: Callable[[Ask], None], tell: Callable[[Result], None]
    ) -> None:
        self.line = line
        self._ask = ask
        self._tell = tell
        self._under_way: dict[uuid.UUID, WireOrder] = {}

    def take(self) -> int:
        """Take what is due and give it to the link; return how many. Call while it is heard."""
        orders = take_orders(wire=Wire.SERIAL, lines=[self.line.id])
        if orders:
            now = database_now()
            for order in orders:
                self._under_way[order.id] = order
                if (refused := _judge(order, self.line.max_current_a)) is not None:
                    self._tell(refused)
                    continue
                left = (_end_of(order) - now).total_seconds()
                self._ask(_ask_of(order, deadline=time.monotonic() + left))
        return len(orders)

    def finish(self, result: Result, *, at: dt.datetime, now: dt.datetime) -> None:
        """Answer an order. Raises: django.db.Error: it is not answered yet."""
        order = self._under_way.get(result.key)
        if order is None:
            return
        state = _STATES[result.verdict]
        is_done = state == State.DONE
        answer_order(
            order=order,
            state=state,
            at=at,
            code=result.code or ("unchanged" if result.verdict == Verdict.UNCHANGED else ""),
            detail=result.detail,
            content=_content(order) if is_done else None,
        )
        if not is_done and self.line.connector_id is not None:
            is_silent = result.verdict == Verdict.NO_ANSWER
            with tenant_scope(order.tenant_id):
                note_command(
                    connector_id=self.line.connector_id,
                    name=order.name,
                    outcome=Outcome.TIMEOUT if is_silent else Outcome.REJECTED,
                    at=at,
                    now=now,
                    code=result.code,
                    detail=result.detail,
                )
        del self._under_way[result.key]


def _judge(order: WireOrder, most: int | None) -> Result | None:
    """Refuse more than cable and fuse bear, whoever let it through: nobody looks after this."""
    amps = order.params.get("amps", 0)
    if order.name != SET_CURRENT_LIMIT or most is None or amps <= most:
        return None
    detail = f"{amps} A is more than the {most} A of the charge point."
    return Result(order.id, Verdict.REFUSED, "bad_limit", detail)


def _end_of(order: WireOrder) -> dt.datetime:
    if order.name in NEVER_LATE:
        return min(order.expires_at, order.requested_at + SHORT_LIFE)
    return order.expires_at


def _ask_of(order: WireOrder, *, deadline: float) -> Ask:
    amps = order.params.get("amps", 0)
    return Ask(order.id, order.name, deadline, int(amps) if isinstance(amps, int | float) else 0)


def _content(order: WireOrder) -> dict[str, dict[str, bool | float]]:
    """Return what is known of the actuators now."""
    if order.name in {CHARGE_START, CHARGE_STOP}:
        return {"actuators": {"charging": order.name == CHARGE_START}}
    if order.name == SET_CURRENT_LIMIT:
        return {"actuators": {"current_limit": float(order.params.get("amps", 0))}}
    return {}
