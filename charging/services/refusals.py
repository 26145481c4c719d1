"""Why charging is not begun, ended or changed."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.services.refusals import Refusal


class ChargingRefused(Refusal):
    """A refusal of charging; `code` says which."""


class NoSuchConnector(ChargingRefused):
    """The connector is not the requester's to see."""

    code = "not_found"
    message = _("There is no such object.")


class MayNotCharge(ChargingRefused):
    """The connector is the requester's to see at most."""

    code = "permission_denied"
    message = _("You may not control this charge point.")


class NotFresh(ChargingRefused):
    """The controller has not been heard for some seconds; nobody knows what state it is in."""

    code = "connector_stale"
    message = _("The charge point has not been heard for more than 10 seconds. Try again soon.")


class WrongState(ChargingRefused):
    """The state of the connector does not allow it."""

    code = "wrong_state"
    message: Promise = _("The charge point cannot do this in its present state.")


class NoVehicle(WrongState):
    """Nothing to charge is connected."""

    code = "no_vehicle"
    message = _("No vehicle is connected, or it is charging already.")


class AlreadyPermitted(WrongState):
    """A permission is on its way; nobody has seen yet what the controller makes of it."""

    code = "already_permitted"
    message = _("Charging has been permitted just now. Wait for the charge point.")


class NotCharging(WrongState):
    """There is nothing to stop."""

    code = "not_charging"
    message = _("Nothing is charging here.")


class LimitWhileCharging(WrongState):
    """Firmware of version 1 would leave charging when its limit is set."""

    code = "limit_while_charging"
    message = _("This controller takes a new limit only while nothing is charging.")


class BadLimit(ChargingRefused):
    """The limit is below 6 A, or above what the charge point bears."""

    code = "bad_limit"
    message = _("The limit must be between 6 A and the largest current of the charge point.")


class BadTag(ChargingRefused):
    """A tag that may not charge here; each cause has a code of its own."""

    code = "tag_unknown"
    message: Promise = _("This tag is not known.")


class TagBlocked(BadTag):
    """The tag is blocked."""

    code = "tag_blocked"
    message = _("This tag is blocked.")


class TagNotValid(BadTag):
    """Before or after the time for which the tag is valid."""

    code = "tag_not_valid"
    message = _("This tag is not valid at this time.")


class TagElsewhere(BadTag):
    """The tag is for another site."""

    code = "tag_other_site"
    message = _("This tag is for another site.")


class TagBusy(BadTag):
    """The tag charges as often at once as it may."""

    code = "tag_busy"
    message = _("This tag is charging elsewhere already.")


class TagUsedUp(BadTag):
    """The energy of the month is used up."""

    code = "tag_quota"
    message = _("The energy of this tag for the month is used up.")


class OtherTag(BadTag):
    """Somebody else's session; tags of one group may end each other's."""

    code = "tag_other_session"
    message = _("Another tag began this session.")
