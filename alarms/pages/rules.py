"""Pages of alarm rules: the list, one rule, and what is done with them by a button."""

from __future__ import annotations

import uuid
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from alarms.models import AlarmRule, AlarmRuleVersion
from alarms.pages.rule_views import line_of, show_test, versions_as_lines
from alarms.queries.rule_files import export_rules
from alarms.queries.rules import (
    RuleRow,
    find_rule,
    list_rules,
    rows_of,
    unit_of_metric,
    versions_of,
)
from alarms.services.backtest import BackTest, back_test_rule
from alarms.services.rule_files import Outcome, import_rules
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rule_templates import add_template
from alarms.services.rules import change_rule, remove_rule, restore_version
from alarms.shipped import TEMPLATES, words_of
from alarms.words import describe_rule

SECTION = "alarm-rules"
PAGE = 50
PERIODS = (7, 30, 90)
MAX_FILE = 4_000_000


@require_safe
@requires("read:alarm")
def rules(request: HttpRequest) -> HttpResponse:
    """List the rules with what they look for and what they were worth."""
    search = request.GET.get("search", "")[:100]
    state = request.GET.get("state", "")
    found = list_rules(
        is_enabled={"on": True, "off": False}.get(state), search=search.replace("\0", "")
    )
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "section": SECTION, "page": page, "search": search, "state": state,
        "rows": [line_of(row) for row in _rows(request, list(page.object_list))],
        "may": acting_of(request).codes,
    }  # fmt: skip
    return render(request, "alarms/rules.html", context)


@require_safe
@requires("read:alarm")
def rule(request: HttpRequest, alarm_rule_id: uuid.UUID) -> HttpResponse:
    """Show a rule with its versions; `?days=30` tries it on the past."""
    (row,) = _rows(request, [_find(alarm_rule_id)])
    days = request.GET.get("days", "")
    context = {
        "section": SECTION, "line": line_of(row), "row": row, "periods": PERIODS, "days": days,
        "versions": versions_as_lines(versions_of(row.rule), row.unit),
        "may": acting_of(request).codes,
    }  # fmt: skip
    if days.isdecimal() and int(days) in PERIODS and row.version is not None:
        context |= _tried(row, int(days))
    return render(request, "alarms/rule.html", context)


@require_POST
@requires("write:alarm")
def rule_switch(request: HttpRequest, alarm_rule_id: uuid.UUID) -> HttpResponse:
    """Enable or disable a rule."""
    wanted = request.POST.get("enabled") == "1"
    found = _find(alarm_rule_id)
    try:
        change_rule(rule_id=found.id, is_enabled=wanted, now=timezone.now())
    except RuleRefused as error:
        messages.error(request, str(error))
    else:
        text = _("“%(name)s” is on duty.") if wanted else _("“%(name)s” is off.")
        messages.success(request, text % {"name": found.name})
    return redirect("alarm-rule", found.id)


@require_POST
@requires("write:alarm")
def rule_restore(request: HttpRequest, alarm_rule_id: uuid.UUID) -> HttpResponse:
    """Go back to an older version."""
    found = _find(alarm_rule_id)
    number = request.POST.get("number", "")
    try:
        restore_version(
            rule_id=found.id, number=int(number) if number.isdecimal() and len(number) < 9 else 0,
            made_by=person_of(request), now=timezone.now(),
        )  # fmt: skip
    except AlarmRuleVersion.DoesNotExist as error:
        raise Http404 from error
    except RuleRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The rule looks for what it did then."))
    return redirect("alarm-rule", found.id)


@require_POST
@requires("delete:alarm")
def rule_remove(request: HttpRequest, alarm_rule_id: uuid.UUID) -> HttpResponse:
    """Remove a rule; its alarms stay."""
    found = _find(alarm_rule_id)
    remove_rule(rule_id=found.id, now=timezone.now())
    messages.success(request, _("“%(name)s” is removed; its alarms stay.") % {"name": found.name})
    return redirect(SECTION)


@require_safe
@requires("read:alarm")
def rules_export(request: HttpRequest) -> HttpResponse:
    """Send all rules as a file."""
    response = HttpResponse(export_rules(), content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="alarm-rules.json"'
    return response


@require_POST
@requires("write:alarm")
def rules_import(request: HttpRequest) -> HttpResponse:
    """Take rules of a file in; say of each row what became of it."""
    file = request.FILES.get("file")
    if file is None or (file.size or 0) > MAX_FILE:
        messages.error(request, _("Choose a file of alarm rules of at most 4 MB."))
        return redirect(SECTION)
    try:
        results = import_rules(
            file.read(), may_make_channels="write:device" in acting_of(request).codes,
            made_by=person_of(request), now=timezone.now(),
        )  # fmt: skip
    except RuleRefused as error:
        messages.error(request, str(error))
        return redirect(SECTION)
    names = {
        Outcome.CREATED: _("new, disabled"), Outcome.CHANGED: _("changed"),
        Outcome.UNCHANGED: _("as it was"), Outcome.REFUSED: _("refused"),
    }  # fmt: skip
    context = {"section": SECTION, "results": [(row, names[row.outcome]) for row in results]}
    return render(request, "alarms/rules_imported.html", context)


@require_safe
@requires("read:alarm")
def rule_templates(request: HttpRequest) -> HttpResponse:
    """Offer rules to begin with."""
    offered = [
        (
            template.code,
            words_of(template),
            describe_rule(dict(template.definition), unit_of_metric(template.metrics[0])),
        )
        for template in TEMPLATES.values()
    ]
    context = {"section": SECTION, "offered": offered, "may": acting_of(request).codes}
    return render(request, "alarms/rule_templates.html", context)


@require_POST
@requires("write:alarm")
def rule_template_add(request: HttpRequest) -> HttpResponse:
    """Add a template, disabled."""
    try:
        made = add_template(
            code=request.POST.get("code", ""), made_by=person_of(request), now=timezone.now()
        )
    except RuleRefused as error:
        messages.error(request, str(error))
        return redirect("alarm-rule-templates")
    messages.success(request, _("It is there, disabled: try it on the past before you enable it."))
    return redirect("alarm-rule", made[0].id) if len(made) == 1 else redirect(SECTION)


def _find(rule_id: uuid.UUID) -> AlarmRule:
    try:
        return find_rule(rule_id)
    except AlarmRule.DoesNotExist as error:
        raise Http404 from error


def _rows(request: HttpRequest, found: list[AlarmRule]) -> list[RuleRow]:
    return rows_of(found, tenant_id=acting_of(request).tenant.id, now=timezone.now())


def _tried(row: RuleRow, days: int) -> dict[str, Any]:
    zone = ZoneInfo(timezone.get_current_timezone_name())
    try:
        found: BackTest = back_test_rule(
            rule_id=row.rule.id, days=days, zone=zone, now=timezone.now()
        )
    except RuleRefused as error:
        return {"refused": str(error)}
    return {"tried": show_test(found, zone)}
