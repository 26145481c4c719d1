"""Why a report cannot be asked for; people may read them, programs go by `code`."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.services.refusals import Refusal


class ReportGone(Refusal):
    """No such report or template, or its file is deleted."""

    code = "report_gone"
    message = _("This report does not exist any more.")


class RecipientGone(Refusal):
    """A link that confirms or ends reports: used, too old, or nobody's."""

    code = "recipient_gone"
    message = _("This link is no longer valid.")


class TooManyReports(Refusal):
    """The quota is used up."""

    code = "too_many_reports"
    message = _("Too many reports: wait for one to end, or delete one.")


class TemplateNameTaken(Refusal):
    """The organisation has a template of this name."""

    code = "name_taken"
    message = _("There is a report template of this name. Choose another name.")


class UnknownSite(Refusal):
    """No such site."""

    code = "unknown_site"
    message = _("There is no such site.")


class UnknownMeters(Refusal):
    """A meter that the site does not have."""

    code = "unknown_meter"
    message = _("One of the meters is not at this site.")


class UnknownRecipient(Refusal):
    """A person who is no member that may export reports."""

    code = "unknown_recipient"
    message = _("One of the people is no member who may export reports.")


class NoRecipient(Refusal):
    """A schedule that sends to nobody."""

    code = "no_recipient"
    message = _("Say to whom the report is sent.")


class TooManyRecipients(Refusal):
    """See `MAX_RECIPIENTS`."""

    code = "too_many_recipients"
    message = _("A report is sent to twenty addresses at most.")


class WrongDays(Refusal):
    """Days that are missing, in the wrong order, or too far apart."""

    code = "wrong_days"
    message = _("Give the first and the last day, at most ten years apart.")
