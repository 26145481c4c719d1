"""The editor of a rule: a sentence, tried on the past on the same page before it is enabled."""

from __future__ import annotations

import uuid
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from alarms.models import AlarmRule
from alarms.pages.rule_forms import RuleForm
from alarms.pages.rule_views import Tried, show_test
from alarms.pages.rules import PERIODS, SECTION
from alarms.queries.rule_choices import expression_of, load_choices
from alarms.queries.rules import find_rule, newest_versions
from alarms.queries.scopes import Scope
from alarms.services.backtest import back_test
from alarms.services.expressions import channel_of
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rules import change_rule, create_rule


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:alarm")
def rule_new(request: HttpRequest) -> HttpResponse:
    """Write a new rule."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:alarm")
def rule_edit(request: HttpRequest, alarm_rule_id: uuid.UUID) -> HttpResponse:
    """Change a rule; what it looks for becomes a new version."""
    try:
        return _edit(request, find_rule(alarm_rule_id))
    except AlarmRule.DoesNotExist as error:
        raise Http404 from error


def _edit(request: HttpRequest, rule: AlarmRule | None) -> HttpResponse:
    form = RuleForm(
        request.POST if request.method == "POST" else None, choices=load_choices(rule), rule=rule,
        version=newest_versions([rule]).get(rule.id) if rule else None,
        expression=expression_of(rule) if rule else None,
    )  # fmt: skip
    tried: Tried | None = None
    if request.method == "POST" and form.is_valid():
        try:
            if request.POST.get("do") == "try":
                tried = _try(request, form)
            else:
                return _saved(request, _save(request, form, rule))
        except RuleRefused as error:
            form.refuse(error)
    context = {
        "section": SECTION, "form": form, "rule": rule, "tried": tried, "periods": PERIODS,
        "days": request.POST.get("days", "30"),
    }  # fmt: skip
    return render(request, "alarms/rule_edit.html", context)


def _try(request: HttpRequest, form: RuleForm) -> Tried:
    days = request.POST.get("days", "")
    zone = ZoneInfo(timezone.get_current_timezone_name())
    found = back_test(
        scope=_scope(request, form, is_trial=True), content=form.content(), zone=zone,
        days=int(days) if days.isdecimal() and int(days[:4]) in PERIODS else 30,
        tenant_id=acting_of(request).tenant.id, now=timezone.now(),
    )  # fmt: skip
    return show_test(found, zone)


def _save(request: HttpRequest, form: RuleForm, rule: AlarmRule | None) -> AlarmRule:
    now, person = timezone.now(), person_of(request)
    is_enabled = True if request.POST.get("do") == "enable" else None
    with transaction.atomic():  # without the rule there is no channel of its formula
        scope, content = _scope(request, form), form.content()
        if rule is None:
            return create_rule(
                name=form.cleaned_data["name"], scope=scope, content=content,
                is_enabled=bool(is_enabled), made_by=person, now=now,
            )  # fmt: skip
        return change_rule(
            rule_id=rule.id, name=form.cleaned_data["name"], scope=scope, content=content,
            is_enabled=is_enabled, based_on=form.cleaned_data["based_on"], made_by=person, now=now,
        )  # fmt: skip


def _scope(request: HttpRequest, form: RuleForm, *, is_trial: bool = False) -> Scope:
    expression = form.expression()
    if expression is None:
        return form.scope()
    may_make = not is_trial and "write:device" in acting_of(request).codes
    return Scope(channel=channel_of(expression, may_make=may_make, now=timezone.now()))


def _saved(request: HttpRequest, rule: AlarmRule) -> HttpResponse:
    if rule.is_enabled:
        messages.success(request, _("“%(name)s” is kept and on duty.") % {"name": rule.name})
    else:
        messages.success(request, _("“%(name)s” is kept, disabled.") % {"name": rule.name})
    return redirect("alarm-rule", rule.id)
