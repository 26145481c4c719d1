"""The list of mutants fits the source, and the runner tells what became of each."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from tools.mutants import AREAS, MUTANTS
from tools.mutants.bench import Ran, Verdict
from tools.mutants.mutant import Edit, Stale, cut
from tools.mutants.report import as_lines, as_markdown, summary
from tools.paths import ROOT
from tools.run_mutants import arguments, chosen, in_order, refuse_red, split_tests, without

BY_ID = [pytest.param(mutant, id=mutant.id) for mutant in MUTANTS]


def test_there_are_at_least_sixty_in_all_areas():
    counts = Counter(mutant.id for mutant in MUTANTS)

    assert len(MUTANTS) >= 60
    assert [id_ for id_, count in counts.items() if count > 1] == []
    assert len(AREAS) >= 8


@pytest.mark.parametrize("mutant", BY_ID)
def test_fits_the_source(mutant):
    for file, text in mutant.files(ROOT).items():
        assert text != file.read_text()
        if file.suffix == ".py":
            ast.parse(text)
    for test in mutant.tests:
        path, _colons, name = test.partition("::")
        assert (ROOT / path).exists(), test
        assert f"def {name.partition('[')[0].rpartition('::')[2]}" in (ROOT / path).read_text()
    assert mutant.place(ROOT).startswith(mutant.edits[0].path)


@pytest.mark.parametrize("source", ["", "yes", "no no"])
def test_a_text_that_does_not_stand_there_once_is_stale(source):
    with pytest.raises(Stale, match="not 1"):
        Edit("x.py", "no", "").apply(source)


def test_a_place_names_class_and_function(tmp_path):
    source = "import x\n\n\nclass A:\n    @x.y(1)\n    def f(self):\n        return 2\n"
    (tmp_path / "m.py").write_text(source)

    def place(old):
        return cut("m.x", "m.py", old, "", removes="", tests="").place(tmp_path)

    assert place("y(1)") == place("return 2") == "m.py:A.f"
    assert place("import x") == "m.py"


def test_the_command_line_chooses():
    first = MUTANTS[0]

    assert chosen(arguments(["--only", first.id])) == [first]
    assert {m.area for m in chosen(arguments(["--area", AREAS[-1]]))} == {AREAS[-1]}
    assert chosen(arguments([])) == list(MUTANTS)
    with pytest.raises(ValueError, match="no such mutant: nothing"):
        chosen(arguments(["--only", "nothing"]))


def test_the_tests_of_a_file_stay_together():
    mutants = [
        cut(f"a.{n}", "x", "y", "z", removes="", tests=tests)
        for n, tests in enumerate([("t/a.py::one",), ("t/a.py", "t/b.py::two"), ("t/b.py::one",)])
    ]

    assert split_tests(mutants, 2) == [["t/a.py"], ["t/b.py::one", "t/b.py::two"]]
    assert split_tests(mutants[:1], 2) == [["t/a.py::one"]]


def test_the_first_failure_is_read_from_the_summary():
    output = "F\nFAILED tests/a.py::test_b[get-x y] - assert 1 == 2\nERROR tests/c.py::d\n"
    ran = Ran(1, output, 1.0)

    assert ran.failures == ["tests/a.py::test_b[get-x y]", "tests/c.py::d"]


def test_the_page_shows_who_survives(tmp_path):
    (tmp_path / "m.py").write_text("def f():\n    return a | b\n")
    mutant = cut("m.x", "m.py", "a | b", "a", removes="a | b", tests="")
    verdicts = [Verdict(mutant, "killed", "t.py::x", 1.0), Verdict(mutant, "survived", "no test")]

    page = as_markdown(verdicts, tmp_path, seconds=2)

    assert "| 1 | `m.py:f` | a \\| b | `t.py::x` | 1.0 |" in page
    assert "| 2 | `m.py:f` | a \\| b | **survived** | 0.0 |" in page
    lines = list(as_lines(verdicts, tmp_path, seconds=2))
    assert lines[2].split() == ["1", "m.py:f", "a", "|", "b", "1.0", "t.py::x"]
    assert lines[3].split()[-1] == "SURVIVED"
    assert lines[-1] == "SURVIVED: m.x: no test"
    assert summary(verdicts, seconds=2) == "2 mutants in 2 s: 1 killed, 1 survived"


def test_a_mutant_whose_tests_are_red_without_it_is_refused():
    mutants = [
        cut("a.file", "x", "y", "z", removes="", tests="t/a.py"),
        cut("a.test", "x", "y", "z", removes="", tests="t/a.py::one"),
        cut("a.other", "x", "y", "z", removes="", tests=("t/a.py::on", "t/b.py")),
    ]

    refused = refuse_red(mutants, ["t/a.py::one[case]"])

    assert [verdict.mutant.id for verdict in refused] == ["a.file", "a.test"]
    assert without(mutants, refused) == mutants[2:]
    verdicts = in_order(mutants, [Verdict(mutants[2], "killed", "x"), *refused])
    assert [verdict.state for verdict in verdicts] == ["refused", "refused", "killed"]
