"""Why a command is not taken."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.services.refusals import Refusal
from devices.command_schema import ParamProblem


class MayNotControl(Refusal):
    """The device is the requester's to see at most."""

    code = "permission_denied"
    message = _("You may not control this device.")


class UnknownCommand(Refusal):
    """The type of device knows no such command."""

    code = "unknown_command"
    message = _("This type of device takes no such command.")


class BadParams(Refusal):
    """Parameters that do not fit the profile; `problems` says which and why."""

    code = "invalid_params"
    message = _("Some parameters do not fit.")

    def __init__(self, problems: list[ParamProblem]) -> None:
        super().__init__()
        self.problems = problems


class BadTimes(Refusal):
    """`expires_in` or `not_before` is out of range."""

    code = "invalid_times"
    message = _("A command is valid for 1 s to a day, and must begin within it.")


class BadKey(Refusal):
    """No idempotency key, or one that is too long."""

    code = "idempotency_key_missing"
    message = _("Give an Idempotency-Key of 1 to 255 characters.")


class KeyReused(Refusal):
    """The same key came with something else before."""

    code = "idempotency_key_reused"
    message = _("This Idempotency-Key belongs to another request. Use a new one.")


class TooLate(Refusal):
    """The command has left, or has ended."""

    code = "too_late"
    message: Promise = _("The command has left already, or has ended.")


class NoReason(Refusal):
    """An emergency stop is released without a reason."""

    code = "reason_missing"
    message = _("Say why it is safe to switch on again.")


class StopGone(Refusal):
    """The emergency stop is released already."""

    code = "stop_gone"
    message = _("This emergency stop is released already.")


class BadBatch(Refusal):
    """A batch without devices, or with more than are allowed."""

    code = "invalid_batch"
    message = _("A batch takes 1 to 1,000 devices of your organisation.")


class BatchEnded(Refusal):
    """The batch has finished, was cancelled or has nothing to send again."""

    code = "batch_ended"
    message = _("There is nothing left to do in this batch.")


class ZoneHeld(Refusal):
    """Another program controls the zone."""

    code = "zone_leased"
    message = _("Somebody else controls this zone at the moment.")
