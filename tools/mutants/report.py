"""What a run has found, for the terminal and for the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tools.mutants.bench import Verdict

ORDER = ("killed", "survived", "stale", "broken", "refused")


def progress(number: int, total: int, verdict: Verdict) -> str:
    """Say what became of one mutant."""
    return (
        f"[{number:>3}/{total}] {verdict.state:<8} {verdict.mutant.id:<34} "
        f"{verdict.seconds:5.1f} s  {verdict.by}"
    )


def as_lines(verdicts: Sequence[Verdict], root: Path, *, seconds: float) -> Iterator[str]:
    """Yield the table, a line for each mutant, and below it what must be looked at."""
    rows = [
        (str(number), _place(v, root), v.mutant.removes, _by(v), f"{v.seconds:.1f}")
        for number, v in enumerate(verdicts, start=1)
    ]
    rows.insert(0, ("#", "where", "what was removed", "killed by", "s"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    yield ""
    for number, place, removes, by, took in rows:
        yield f"{number:>3}  {place:<{widths[1]}}  {removes:<{widths[2]}}  {took:>5}  {by}"
    yield ""
    yield summary(verdicts, seconds=seconds)
    for verdict in verdicts:
        if verdict.state != "killed":
            yield f"{verdict.state.upper()}: {verdict.mutant.id}: {verdict.by}"


def summary(verdicts: Sequence[Verdict], *, seconds: float) -> str:
    """Count the verdicts."""
    counts = Counter(verdict.state for verdict in verdicts)
    parts = [f"{counts[state]} {state}" for state in ORDER if counts[state]]
    return f"{len(verdicts)} mutants in {seconds:.0f} s: {', '.join(parts)}"


def as_markdown(verdicts: Sequence[Verdict], root: Path, *, seconds: float) -> str:
    """Return the page of the documentation."""
    lines = [
        "# The mutants of the last run",
        "",
        "Written by `./run mutants --markdown docs/reference/mutants.md`. Each mutant is the",
        "product without one tenant filter or one permission check, and a test must fail. The",
        "walls themselves: [isolation](../explanation/isolation.md).",
        "",
        f"{summary(verdicts, seconds=seconds)}.",
        "",
        "| # | Where | What was removed | Killed by | s |",
        "|---|---|---|---|---|",
    ]
    for number, verdict in enumerate(verdicts, start=1):
        by = f"`{verdict.by}`" if verdict.state == "killed" else f"**{verdict.state}**"
        cells = (f"`{_place(verdict, root)}`", verdict.mutant.removes, by)
        row = " | ".join(cell.replace("|", "\\|") for cell in cells)
        lines.append(f"| {number} | {row} | {verdict.seconds:.1f} |")
    return "\n".join([*lines, ""])


def _by(verdict: Verdict) -> str:
    return verdict.by if verdict.state == "killed" else verdict.state.upper()


def _place(verdict: Verdict, root: Path) -> str:
    with suppress(OSError, SyntaxError):
        return verdict.mutant.place(root)
    return verdict.mutant.edits[0].path
