"""The editor of a rule: a sentence of rows, or JSON; replayed before it is put on duty."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from automation.models import AutomationRule
from automation.pages.rule_builder import Builder, draft_in_form, moved
from automation.pages.rule_draft import put_length
from automation.pages.rule_templates import draft_of_template
from automation.pages.rule_views import ReplayView, show_replay
from automation.pages.rules import SECTION
from automation.queries.rule_choices import load_choices
from automation.queries.rule_words import load_words
from automation.queries.rules import find_rule, newest_versions
from automation.services.replay import replay_rule
from automation.services.rule_channels import with_keys, with_metrics
from automation.services.rule_checks import read_definition
from automation.services.rule_refusals import RuleRefused
from automation.services.rules import Wish, change_rule, create_rule, find_site
from automation.services.timing import place_of_site
from automation.shipped import TEMPLATES

_EMPTY: dict[str, Any] = {"when": [], "then": []}


class JsonForm(forms.Form):
    """A rule as JSON."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    site = forms.ChoiceField(label=gettext_lazy("Site"), required=False)
    document = forms.CharField(
        label=gettext_lazy("Definition"), max_length=65_536,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false", "class": "rule__json"}),
    )  # fmt: skip
    note = forms.CharField(
        label=gettext_lazy("Reason of the change"), max_length=200, required=False
    )
    based_on = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, initial: dict[str, Any], sites: list[tuple[str, str]]) -> None:
        super().__init__(data, initial=initial, use_required_attribute=False)
        self.fields["site"].choices = [("", gettext_lazy("none: UTC")), *sites]  # type: ignore[attr-defined]

    def definition(self) -> dict[str, Any]:
        """Return what was written, with the keys of channels. Raises: RuleRefused."""
        try:
            found = msgspec.json.decode(self.cleaned_data["document"], type=dict)
        except (msgspec.DecodeError, RecursionError) as error:
            text = _("This is no JSON object: %(error)s") % {"error": str(error)[:200]}
            raise RuleRefused("bad_json", text, "document") from None
        return with_keys(found)

    def refuse(self, error: RuleRefused) -> None:
        """Show why something was refused and where."""
        own = error.field in self.fields
        place = f"{error.field}: " if error.field and not own else ""
        self.add_error(error.field if own else "document", f"{place}{error.detail}")


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:automation")
def rule_new(request: HttpRequest) -> HttpResponse:
    """Write a new rule, from nothing or from a template."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:automation")
def rule_edit(request: HttpRequest, automation_rule_id: uuid.UUID) -> HttpResponse:
    """Change a rule; what it does becomes a new version."""
    try:
        return _edit(request, find_rule(automation_rule_id))
    except AutomationRule.DoesNotExist as error:
        raise Http404 from error


@require_safe
@requires("write:automation")
def rule_templates(request: HttpRequest) -> HttpResponse:
    """Offer rules to begin with."""
    offered = [(one.code, _(one.name), _(one.about)) for one in TEMPLATES.values()]
    context = {"section": SECTION, "offered": offered}
    return render(request, "automation/rule_templates.html", context)


def _edit(request: HttpRequest, rule: AutomationRule | None) -> HttpResponse:
    version = newest_versions([rule]).get(rule.id) if rule else None
    stored: dict[str, Any] = version.definition if version else {}
    choices = load_choices(stored, person=person_of(request).pk)
    is_json = request.POST.get("as", request.GET.get("as")) == "json"
    draft = None
    if rule is not None and request.method != "POST" and not is_json:
        draft = draft_in_form(stored, choices=choices)
        is_json = draft is None
    page = _Page(request, rule, stored, version.number if version else None)
    if is_json:
        return page.json(choices.sites, is_forced=rule is not None and "as" not in request.GET)
    if request.method == "POST":
        changed = moved(request.POST, request.POST.get("do", ""))
        shows = changed is None and request.POST.get("do") != "show"
        builder = Builder(changed or request.POST, choices=choices, shows_errors=shows)
        return page.builder(builder, is_sent=shows)
    if draft is None:
        template = TEMPLATES.get(request.GET.get("template", ""))
        draft = draft_of_template(template, choices) if template else _blank()
        draft["site"] = choices.sites[0][0] if choices.sites else ""
    if rule is not None and version is not None:
        draft["name"], draft["site"] = rule.name, str(rule.site_id or "")
        draft["based_on"] = str(version.number)
    return page.builder(Builder(draft, choices=choices, shows_errors=False), is_sent=False)


def _blank() -> QueryDict:
    data = QueryDict(mutable=True)
    data["join"], data["most_per_hour"] = "all", "60"
    for name, seconds in (("lasting", 0), ("cooldown", 0), ("late", 60)):
        put_length(data, name, seconds)
    data["when-0-kind"], data["then-0-kind"] = "value", "command"
    return data


class _Page:
    """The editor of one rule, in either form."""

    def __init__(
        self, request: HttpRequest, rule: AutomationRule | None, stored: dict[str, Any],
        number: int | None,
    ) -> None:  # fmt: skip
        self.request, self.rule, self.stored, self.number = request, rule, stored, number
        self.replay: ReplayView | None = None

    def builder(self, builder: Builder, *, is_sent: bool) -> HttpResponse:
        """Show the rows, or keep what they say."""
        if is_sent and builder.is_valid():
            said = builder.head.cleaned_data
            try:
                done = self._use(builder.definition(), said)
                if done is not None:
                    return done
            except RuleRefused as error:
                builder.refuse(error)
        return self._render("automation/rule_edit.html", builder=builder)

    def json(self, sites: list[tuple[str, str]], *, is_forced: bool) -> HttpResponse:
        """Show a rule as JSON, or keep what is written."""
        words = load_words([self.stored])
        document = msgspec.json.format(
            msgspec.json.encode(with_metrics(self.stored or _EMPTY, words)), indent=2
        ).decode()
        rule = self.rule
        initial = {"document": document, "based_on": self.number} | (
            {"name": rule.name, "site": rule.site_id} if rule else {}
        )
        sent = self.request.POST if self.request.method == "POST" else None
        form = JsonForm(sent, initial=initial, sites=sites)
        if sent is not None and form.is_valid():
            try:
                done = self._use(form.definition(), form.cleaned_data)
                if done is not None:
                    return done
            except RuleRefused as error:
                form.refuse(error)
        return self._render("automation/rule_json.html", form=form, is_forced=is_forced)

    def _use(self, definition: dict[str, Any], said: dict[str, Any]) -> HttpResponse | None:
        """Replay a definition, or keep it. Raises: RuleRefused."""
        site = uuid.UUID(said["site"]) if said["site"] else None
        if self.request.POST.get("do") == "try":
            self.replay = self._tried(definition, site)
            return None
        rule = self._save(definition, site, said)
        text = (
            _("“%(name)s” is kept and on duty.") if rule.is_enabled and not rule.is_dry
            else _("“%(name)s” is kept.")
        )  # fmt: skip
        messages.success(self.request, text % {"name": rule.name})
        return redirect("automation-rule", rule.id)

    def _tried(self, definition: dict[str, Any], site: uuid.UUID | None) -> ReplayView:
        found = replay_rule(
            definition, place=place_of_site(find_site(site)), actor=person_of(self.request),
            tenant_id=acting_of(self.request).tenant.id, now=timezone.now(),
        )  # fmt: skip
        return show_replay(found, read_definition(definition), load_words([definition]))

    def _save(
        self, definition: dict[str, Any], site: uuid.UUID | None, said: dict[str, Any]
    ) -> AutomationRule:
        person, now = person_of(self.request), timezone.now()
        is_enabled = True if self.request.POST.get("do") == "enable" else None
        wish = Wish(
            name=said["name"], site=site, is_enabled=is_enabled, definition=definition,
            note=said["note"],
        )  # fmt: skip
        if self.rule is None:
            return create_rule(wish, actor=person, made_by=person, now=now)
        return change_rule(
            self.rule.id, wish, actor=person, based_on=said["based_on"], made_by=person, now=now
        )

    def _render(self, template: str, **context: Any) -> HttpResponse:
        about = {"section": SECTION, "rule": self.rule, "replay": self.replay}
        return render(self.request, template, about | context)
