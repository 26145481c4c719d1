"""Rules leave one organisation as a file and enter another."""

from __future__ import annotations

import json

import pytest

from automation.models import AutomationRule
from automation.queries.rule_files import export_rules
from automation.queries.rules import newest_versions
from automation.services.rule_files import Outcome, import_rules
from automation.services.rule_refusals import RuleRefused
from automation.services.rules import Wish, create_rule
from tests.automation.making import dry, everything, make_greenhouse
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(red, place):
    with red.scope():
        for name, definition in (("Water", dry(place)), ("All", everything(place))):
            create_rule(
                Wish(name=name, site=place.site.id, definition=definition, is_enabled=True),
                actor=red.owner, now=NOW,
            )  # fmt: skip
        return export_rules()


def definitions():
    rules = list(AutomationRule.objects.order_by("name"))
    return [newest_versions(rules)[rule.id].definition for rule in rules]


def test_a_file_holds_names_and_no_keys(place, file):
    text = file.decode()

    assert str(place.pump.id) not in text
    assert (json.loads(text)["rules"][1]["definition"]["then"][0]["device"]) == {
        "uid": "pump-1",
        "gateway": "gw-red",
    }


def test_it_comes_back_as_it_went_and_elsewhere_too(red, blue, file):
    other = make_greenhouse(blue)
    with red.scope():
        again = import_rules(file, actor=red.owner, now=NOW)
        assert [row.outcome for row in again] == [Outcome.UNCHANGED] * 2
    with blue.scope():
        first = import_rules(file, actor=blue.owner, now=NOW)
        assert [row.outcome for row in first] == [Outcome.CREATED] * 2
        assert AutomationRule.objects.filter(is_enabled=True).count() == 0
        assert definitions()[1]["then"][0]["device"] == str(other.pump.id)
        enabled = import_rules(file, actor=blue.owner, may_enable=True, now=NOW)
        assert [row.outcome for row in enabled] == [Outcome.CHANGED] * 2
        assert export_rules() == file.replace(b"gw-red", b"gw-blue")


def test_a_row_that_is_wrong_keeps_no_other_from_coming(blue, file):
    make_greenhouse(blue)
    document = json.loads(file)
    missing, bad, nul = (json.loads(json.dumps(document["rules"][1])) for _ in range(3))
    missing["definition"]["then"][0]["device"]["uid"] = "gone"
    bad["definition"]["when"][0]["that"]["channel"] = 7
    nul["name"] = "a\0b"
    document["rules"] += [missing, bad, nul, {"name": "?"}]
    with blue.scope():
        found = import_rules(json.dumps(document).encode(), actor=blue.owner, now=NOW)

    assert [(row.code, row.field) for row in found] == [
        ("", ""), ("", ""), ("not_found", "then[0].device"),
        ("bad_shape", "when[0].that.channel"), ("bad_shape", ""), ("bad_shape", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"kind": "alarm-rules", "version": 1, "rules": []}', b"\xff"]
)
def test_something_else_is_no_file_of_rules(red, data):
    with red.scope(), pytest.raises(RuleRefused) as caught:
        import_rules(data, actor=red.owner, now=NOW)
    assert caught.value.code == "bad_file"


def test_what_is_nested_too_deep_is_refused(red):
    deep = "[" * 5_000 + "]" * 5_000
    text = '{"kind": "automation-rules", "version": 1, "rules": [{"name": "x", "definition": '
    data = f'{text}{{"when": {deep}}}}}]}}'.encode()
    with red.scope():
        try:
            (row,) = import_rules(data, actor=red.owner, now=NOW)
            code = row.code
        except RuleRefused as error:
            code = error.code
    assert code in {"too_deep", "bad_shape", "bad_file"}
