"""The words that the scripts of Explore put on the page, in the active language."""

from __future__ import annotations

from django.utils.translation import gettext as _


def explore_strings() -> dict[str, str]:
    """Return them by key; {n} and {name} are filled in by the script."""
    return {
        "explore.add": _("Add {name}"),
        "explore.remove": _("Remove {name}"),
        "explore.nothing_found": _("Nothing found."),
        "explore.full": _("These are as many channels as fit: remove one first."),
        "explore.found": _("{n} found"),
        "explore.before": _("{name}, before"),
        "explore.only_bad": _("Only bad values"),
        "explore.source": _("from {source}"),
        "explore.raw": _("samples"),
        "explore.15m": _("quarter hours"),
        "explore.1d": _("days"),
        "explore.summary": _("{n} channels, {range}. {gaps}"),
        "explore.step_mo": _("{n} months"),
        "explore.copied": _("The address is copied."),
        "explore.ordered": _("The file is being made. It will stand under Exports."),
        "explore.failed": _("This did not work: {reason}"),
    }
