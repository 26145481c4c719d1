"""Formulas over channels, compiled to closures over numpy arrays. Pure; nothing is evaluated
as Python.

    grid + solar - export
    max(grid - solar, 0)
    if(power > 0.5, power, 0)        also: power if power > 0.5 else 0
    abs(l1 - l2) / l1

Names stand for arrays in stored units. What cannot be computed, such as a division by zero,
is NaN in the result.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telemetry.virtual.units import (
    NUMBER,
    Merged,
    UnitsDoNotFit,
    alike,
    is_known,
    product,
    quotient,
    result,
)

MAX_LENGTH = 500
MAX_NODES = 150
MAX_DEPTH = 24
MAX_NAMES = 20
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
RESERVED = frozenset({"abs", "and", "else", "if", "max", "min", "not", "or"})
_IF = "if_"

Values = NDArray[np.float64]
Columns = Mapping[str, Values]
Compute = Callable[[Columns], Any]


class FormulaError(ValueError):
    """A formula that cannot be used; `code` is for the client."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Formula:
    """A compiled formula: what it needs, and how it is computed."""

    names: frozenset[str]
    unit: str
    _compute: Compute

    def evaluate(self, columns: Columns) -> Values:
        """Return the values, as many as each column has; NaN where there is none."""
        length = len(next(iter(columns.values())))
        with np.errstate(all="ignore"):
            found = np.broadcast_to(np.asarray(self._compute(columns), dtype=np.float64), length)
        return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True, slots=True)
class _Part:
    compute: Compute
    unit: str


def compile_formula(text: str, units: Mapping[str, str], unit: str) -> Formula:
    """Compile a formula whose names have these units, for a channel in `unit`.

    Raises: FormulaError: too_long, bad_formula, not_allowed, unknown_name, units_do_not_fit,
    no_input.
    """
    tree = _parse(text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - _FUNCTIONS
    if not names:
        raise FormulaError("no_input", "Name at least one channel.")
    if len(names) > MAX_NAMES:
        raise FormulaError("too_long", f"At most {MAX_NAMES} channels.")
    for name in sorted(names):
        if name not in units:
            raise FormulaError("unknown_name", f"{name[:40]} is no name of a channel given.")
        if not is_known(units[name]):
            raise FormulaError("units_do_not_fit", f"{name} has the unknown unit {units[name]}.")
    try:
        part = _Compiler(units).number(tree)
        into = result(part.unit, unit)
    except UnitsDoNotFit as error:
        raise FormulaError("units_do_not_fit", str(error)) from None
    if into.factor == 1.0 and into.offset == 0.0:
        return Formula(frozenset(names), unit, part.compute)
    factor, offset = into.factor, into.offset
    return Formula(frozenset(names), unit, lambda columns: part.compute(columns) * factor + offset)


def names_of(text: str) -> frozenset[str]:
    """Return the names in a formula. Raises: FormulaError."""
    found = {node.id for node in ast.walk(_parse(text)) if isinstance(node, ast.Name)}
    return frozenset(found - _FUNCTIONS)


def _parse(text: str) -> ast.expr:
    if len(text) > MAX_LENGTH:
        raise FormulaError("too_long", f"At most {MAX_LENGTH} characters.")
    try:
        tree = ast.parse(_rename_if(text.strip()), mode="eval").body
        nodes = sum(1 for _ in ast.walk(tree))
        if nodes > MAX_NODES or _depth(tree) > MAX_DEPTH:
            raise FormulaError("too_long", "The formula is too long or nested too deep.")
    except (SyntaxError, tokenize.TokenError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, FormulaError):
            raise
        said = error.msg if isinstance(error, SyntaxError) else "It cannot be read."
        raise FormulaError("bad_formula", f"The formula cannot be read: {said}") from None
    return tree


def _rename_if(text: str) -> str:
    """Let `if(a, b, c)` stand where Python knows `if` between two values only."""
    if "if" not in text:
        return text
    pieces: list[tuple[int, str]] = []
    before = tokenize.OP
    is_operand_before = False
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        string = token.string
        if token.type == tokenize.NAME and string == "if" and not is_operand_before:
            string = _IF
        if token.type in {tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT}:
            string = ""
        pieces.append((token.type, string))
        before = token.type
        is_operand_before = (before == tokenize.NAME and string not in RESERVED - {"abs"}) or (
            before == tokenize.NUMBER or string == ")"
        )
    return tokenize.untokenize(pieces).strip()


def _depth(node: ast.AST) -> int:
    return 1 + max((_depth(child) for child in ast.iter_child_nodes(node)), default=0)


_SAME: dict[type[ast.AST], Callable[[Any, Any], Any]] = {ast.Add: np.add, ast.Sub: np.subtract}
_COMPARE: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal,
    ast.Eq: np.equal, ast.NotEq: np.not_equal,
}  # fmt: skip
_EXTREMES: dict[str, Callable[[Any, Any], Any]] = {"min": np.minimum, "max": np.maximum}
_FUNCTIONS = frozenset({*_EXTREMES, "abs", _IF})


class _Compiler:
    """Turns nodes into closures; a node that is not named here is not allowed."""

    def __init__(self, units: Mapping[str, str]) -> None:
        self._units = units

    def number(self, node: ast.expr) -> _Part:
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._constant(float(value))
            case ast.Name(id=name) if name in self._units:
                return _Part(lambda columns: columns[name], self._units[name])
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                part = self.number(operand)
                return _Part(lambda columns: -part.compute(columns), part.unit)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return self._operation(op, self.number(left), self.number(right))
            case ast.IfExp(test=test, body=body, orelse=other):
                return self._choice(test, body, other)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
        raise _not_allowed(node)

    def _constant(self, value: float) -> _Part:
        if not np.isfinite(value):
            raise FormulaError("bad_formula", "A number is too large.")
        return _Part(lambda _columns: value, NUMBER)

    def _operation(self, op: ast.operator, left: _Part, right: _Part) -> _Part:
        if type(op) in _SAME:
            return _joined(_SAME[type(op)], left, right, alike(left.unit, right.unit))
        if isinstance(op, ast.Mult):
            return _joined(np.multiply, left, right, product(left.unit, right.unit))
        if isinstance(op, ast.Div):
            return _joined(np.divide, left, right, quotient(left.unit, right.unit))
        raise _not_allowed(op)

    def _call(self, name: str, arguments: list[ast.expr]) -> _Part:
        if name == "abs" and len(arguments) == 1:
            part = self.number(arguments[0])
            return _Part(lambda columns: np.abs(part.compute(columns)), part.unit)
        if name == _IF and len(arguments) == 3:
            return self._choice(*arguments)
        if name in _EXTREMES and len(arguments) >= 2:
            first, *others = (self.number(argument) for argument in arguments)
            for other in others:
                first = _joined(_EXTREMES[name], first, other, alike(first.unit, other.unit))
            return first
        shown = "if" if name == _IF else name[:40]
        raise FormulaError("not_allowed", f"{shown} is unknown or has other arguments.")

    def _choice(self, test: ast.expr, body: ast.expr, other: ast.expr) -> _Part:
        condition = self._truth(test)
        yes, no = self.number(body), self.number(other)
        merged = alike(yes.unit, no.unit)
        return _Part(
            lambda columns: np.where(
                condition(columns),
                np.multiply(yes.compute(columns), merged.left),
                np.multiply(no.compute(columns), merged.right),
            ),
            merged.unit,
        )

    def _truth(self, node: ast.expr) -> Compute:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                one, two = self.number(left), self.number(right)
                return _joined(_COMPARE[type(op)], one, two, alike(one.unit, two.unit)).compute
            case ast.BoolOp(op=op, values=values):
                parts = [self._truth(value) for value in values]
                reduce = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return lambda columns: reduce.reduce(
                    np.broadcast_arrays(*(part(columns) for part in parts))
                )
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._truth(operand)
                return lambda columns: np.logical_not(inner(columns))
        raise FormulaError("not_allowed", "A condition compares two values.")


def _joined(
    function: Callable[[Any, Any], Any], left: _Part, right: _Part, merged: Merged
) -> _Part:
    one, two, by_left, by_right = left.compute, right.compute, merged.left, merged.right
    if by_left == by_right == 1.0:
        return _Part(lambda columns: function(one(columns), two(columns)), merged.unit)
    return _Part(
        lambda columns: function(
            np.multiply(one(columns), by_left), np.multiply(two(columns), by_right)
        ),
        merged.unit,
    )


def _not_allowed(node: ast.AST) -> FormulaError:
    return FormulaError("not_allowed", f"{type(node).__name__} may not stand in a formula.")
