"""Pages of rules: the list, one rule, and what is done with them by a button."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from automation.models import AutomationRule, AutomationRuleVersion
from automation.pages.rule_views import lines_of, show_looks, show_replay, versions_as_lines
from automation.queries.rule_files import export_rules
from automation.queries.rule_words import load_words
from automation.queries.rules import (
    RuleRow,
    find_rule,
    latest_executions,
    list_rules,
    rows_of,
    versions_of,
)
from automation.rules.definition import BadRule, OnWebhook
from automation.services.evaluations import evaluations_of
from automation.services.replay import try_rule
from automation.services.rule_checks import read_definition
from automation.services.rule_files import Outcome, import_rules
from automation.services.rule_hooks import address_of, make_hook, remove_hook
from automation.services.rule_refusals import RuleRefused
from automation.services.rules import (
    Wish,
    arm_again,
    change_rule,
    remove_rule,
    restore_version,
)
from automation.services.timing import place_of_site

SECTION = "automation-rules"
PAGE = 50
LATEST = 10
MAX_FILE = 4_000_000


@require_safe
@requires("read:automation")
def rules(request: HttpRequest) -> HttpResponse:
    """List the rules with what they do and what they did lately."""
    search = request.GET.get("search", "")[:100].replace("\0", "")
    state = request.GET.get("state", "")
    page = Paginator(list_rules(state=state, search=search), PAGE).get_page(request.GET.get("page"))
    rows = rows_of(list(page.object_list), now=timezone.now())
    context = {
        "section": SECTION, "page": page, "search": search, "state": state,
        "rows": lines_of(rows), "may": acting_of(request).codes,
    }  # fmt: skip
    return render(request, "automation/rules.html", context)


@require_safe
@requires("read:automation")
def rule(request: HttpRequest, automation_rule_id: uuid.UUID) -> HttpResponse:
    """Show a rule with its versions and what it saw; `?replay=1` replays the last days."""
    now = timezone.now()
    (row,) = rows_of([_find(automation_rule_id)], now=now)
    context = {
        "section": SECTION, "row": row, "line": lines_of([row])[0],
        "versions": versions_as_lines(versions_of(row.rule)), "may": acting_of(request).codes,
        "latest": latest_executions(row.rule, LATEST),
    }  # fmt: skip
    context |= _seen(row, replays=request.GET.get("replay") == "1")
    return render(request, "automation/rule.html", context)


def _seen(row: RuleRow, *, replays: bool) -> dict[str, Any]:
    """Return what a rule saw, would have done, and whether a webhook sets it off."""
    if row.version is None:
        return {}
    now, words = timezone.now(), load_words([row.version.definition])
    try:
        definition = read_definition(row.version.definition)
        found: dict[str, Any] = {
            "looks": show_looks(evaluations_of(row.rule, now=now), words),
            "is_called": any(isinstance(one, OnWebhook) for one in definition.when),
        }
        if replays:
            tried = try_rule(
                definition, place=place_of_site(row.rule.site), tenant_id=row.rule.tenant_id,
                now=now,
            )  # fmt: skip
            found["replay"] = show_replay(tried, definition, words)
    except (RuleRefused, BadRule) as error:
        return {"refused": str(error)}
    return found


@require_POST
@requires("write:automation")
def rule_switch(request: HttpRequest, automation_rule_id: uuid.UUID) -> HttpResponse:
    """Put a rule on or off duty, or let it only write down what it would do."""
    given = {name: request.POST.get(name) for name in ("enabled", "dry")}
    wish = Wish(
        is_enabled=None if given["enabled"] is None else given["enabled"] == "1",
        is_dry=None if given["dry"] is None else given["dry"] == "1",
    )

    def switch(rule: AutomationRule) -> str:
        changed = change_rule(
            rule.id, wish, actor=person_of(request), made_by=person_of(request),
            now=timezone.now(),
        )  # fmt: skip
        if not changed.is_enabled:
            return _("“%(name)s” is off.")
        return (
            _("“%(name)s” runs dry: it writes down what it would do.")
            if changed.is_dry
            else (_("“%(name)s” is on duty."))
        )

    return _do(request, automation_rule_id, switch)


@require_POST
@requires("write:automation")
def rule_arm(request: HttpRequest, automation_rule_id: uuid.UUID) -> HttpResponse:
    """Let a rule act again that was stopped."""

    def arm(rule: AutomationRule) -> str:
        arm_again(rule.id, actor=person_of(request), now=timezone.now())
        return _("“%(name)s” is armed again.")

    return _do(request, automation_rule_id, arm)


@require_POST
@requires("write:automation")
def rule_restore(request: HttpRequest, automation_rule_id: uuid.UUID) -> HttpResponse:
    """Go back to an older version."""
    text = request.POST.get("number", "")
    number = int(text) if text.isdecimal() and len(text) < 9 else 0

    def restore(rule: AutomationRule) -> str:
        restore_version(
            rule.id, number, actor=person_of(request), made_by=person_of(request),
            now=timezone.now(),
        )  # fmt: skip
        return _("“%(name)s” does what it did then.")

    return _do(request, automation_rule_id, restore)


@never_cache
@require_POST
@requires("write:automation")
def rule_hook(request: HttpRequest, automation_rule_id: uuid.UUID) -> HttpResponse:
    """Make a new address of a webhook and show it once, or remove it."""
    found = _find(automation_rule_id)
    if request.POST.get("do") == "remove":
        remove_hook(found.id, now=timezone.now())
        messages.success(request, _("The address works no more."))
        return redirect("automation-rule", found.id)
    try:
        token = make_hook(found.id, actor=person_of(request), now=timezone.now())
    except RuleRefused as error:
        messages.error(request, str(error))
        return redirect("automation-rule", found.id)
    address = request.build_absolute_uri(address_of(token))
    context = {"section": SECTION, "rule": found, "address": address}
    return render(request, "automation/rule_hook.html", context)


@require_POST
@requires("delete:automation")
def rule_remove(request: HttpRequest, automation_rule_id: uuid.UUID) -> HttpResponse:
    """Remove a rule; what it did stays in the log."""
    found = _find(automation_rule_id)
    remove_rule(found.id, now=timezone.now())
    messages.success(request, _("“%(name)s” is removed.") % {"name": found.name})
    return redirect(SECTION)


@require_safe
@requires("read:automation")
def rules_export(request: HttpRequest) -> HttpResponse:
    """Send all rules as a file, or one."""
    try:
        only = uuid.UUID(request.GET["rule"]) if "rule" in request.GET else None
    except ValueError as error:
        raise Http404 from error
    response = HttpResponse(export_rules(only), content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="automation-rules.json"'
    return response


@require_POST
@requires("write:automation")
def rules_import(request: HttpRequest) -> HttpResponse:
    """Take rules of a file in; say of each row what became of it."""
    file = request.FILES.get("file")
    if file is None or (file.size or 0) > MAX_FILE:
        messages.error(request, _("Choose a file of rules of at most 4 MB."))
        return redirect(SECTION)
    try:
        results = import_rules(
            file.read(), actor=person_of(request), made_by=person_of(request), now=timezone.now()
        )
    except RuleRefused as error:
        messages.error(request, str(error))
        return redirect(SECTION)
    names = {
        Outcome.CREATED: _("new, off"), Outcome.CHANGED: _("changed"),
        Outcome.UNCHANGED: _("as it was"), Outcome.REFUSED: _("refused"),
    }  # fmt: skip
    context = {"section": SECTION, "results": [(row, names[row.outcome]) for row in results]}
    return render(request, "automation/rules_imported.html", context)


def _do(
    request: HttpRequest, rule_id: uuid.UUID, act: Callable[[AutomationRule], str]
) -> HttpResponse:
    """Change a rule and show it; what `act` returns is said with its name."""
    found = _find(rule_id)
    try:
        text = act(found)
    except AutomationRuleVersion.DoesNotExist as error:
        raise Http404 from error
    except RuleRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, text % {"name": found.name})
    return redirect("automation-rule", found.id)


def _find(rule_id: uuid.UUID) -> AutomationRule:
    try:
        return find_rule(rule_id)
    except AutomationRule.DoesNotExist as error:
        raise Http404 from error
