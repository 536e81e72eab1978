r"""The little language of rules: Python's grammar, a short list of what is allowed, polars underneath.

    likes > 100 and contains(text, "加微信")      matches(text, "^\d{6}$") or len(text) < 4
    "free" in lower(text)                        kind in ["ad", "promo"] and not verified
    followers / (friends + 1) < 0.1              missing(profile) or col("出生 年份") == 0

Nothing is evaluated by Python: the syntax tree is translated, node by node, into polars expressions. Patterns are
Rust's, which take linear time whatever the text. An empty cell makes every comparison false, `not` of it too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from limbeck.errors import LimbeckError, did_you_mean, first_line

_LONGEST = 10_000
_DEEPEST = 60  # polars walks its expressions on the stack
_EXACT = 2**53
_TRUE = ["true", "1", "1.0", "yes"]
_ORDER: dict[type[ast.cmpop], Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
_SAME: dict[type[ast.cmpop], Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
_SUMS: dict[type[ast.operator], Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
FUNCTIONS = ("contains", "matches", "len", "lower", "missing", "col")


@dataclass(frozen=True)
class Term:
    """A piece of an expression and what it is: a "cell" (a column as it comes), a "text", a "number" or a "truth"."""

    expr: pl.Expr
    kind: str
    literal: bool = False

    def text(self) -> pl.Expr:
        """Return it as a text."""
        return self.expr if self.kind == "text" else self.expr.cast(pl.String)

    def number(self) -> pl.Expr:
        """Return it as a number; what is none is null, so that no comparison with it holds."""
        if self.literal:
            return self.expr
        return self.expr.cast(pl.Float64, strict=False).fill_nan(None)

    def truth(self) -> pl.Expr:
        """Return it as a truth."""
        if self.kind == "truth":
            return self.expr
        return self.expr.cast(pl.String).str.to_lowercase().is_in(_TRUE)


class Expression:
    """A condition over columns, parsed and checked.

    Raises
    ------
    LimbeckError
        For anything but the grammar above, with the place in the text.
    """

    def __init__(self, text: str, where: object = None) -> None:
        self.source, self.where = text.strip(), where
        if len(text) > _LONGEST:
            raise self._wrong(f"the condition is longer than {_LONGEST:,} characters")
        try:
            self.tree = ast.parse(self.source, mode="eval").body
            self._check_depth()
            self._columns: dict[str, None] = {}
            self.expr = self._translate({}).truth().fill_null(False)
        except SyntaxError as error:
            raise self._wrong(f"not understood: {error.msg}, at character {error.offset}") from error
        except (ValueError, MemoryError, RecursionError) as error:  # ast raises them for hostile sources
            raise self._wrong("nested too deeply, or holds a character that no rule may") from error
        if not self._columns:
            raise self._wrong("names no column", "compare a column with something")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, in order of appearance."""
        return tuple(self._columns)

    def on(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        """Return the condition as a polars expression of booleans without nulls, for rows of this schema."""
        return self._translate(schema).truth().fill_null(False)

    def _translate(self, schema: Mapping[str, pl.DataType]) -> Term:
        self._schema = schema
        return self._term(self.tree)

    def _check_depth(self) -> None:
        level: list[ast.AST] = [self.tree]
        depth = 0
        while level := [child for node in level for child in ast.iter_child_nodes(node)]:
            depth += 1
            if depth > _DEEPEST:
                raise self._wrong(f"nested more than {_DEEPEST} levels deep", "split it into several rules")

    def _wrong(self, what: str, fix: str | None = None) -> LimbeckError:
        shown = self.source if len(self.source) <= 60 else self.source[:60] + "…"
        return LimbeckError(f"{what}, in the rule {shown!r}", where=self.where, fix=fix)

    def _term(self, node: ast.expr) -> Term:
        match node:
            case ast.Constant(value=bool(value)):
                return Term(pl.lit(value), "truth", literal=True)
            case ast.Constant(value=str(value)):
                return Term(pl.lit(value), "text", literal=True)
            case ast.Constant(value=int(value) | float(value)):
                if not abs(value) <= _EXACT:
                    raise self._wrong("a number too large to be exact", "write it in quotes to compare it as a text")
                return Term(pl.lit(float(value)), "number", literal=True)
            case ast.Name(id=name):
                return self._column(name)
            case ast.BoolOp(op=op, values=values):
                parts = [self._term(value).truth() for value in values]
                return Term(pl.all_horizontal(parts) if isinstance(op, ast.And) else pl.any_horizontal(parts), "truth")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Term(~self._term(operand).truth(), "truth")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Term(-self._number(operand), "number")
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _SUMS:
                return Term(_SUMS[type(op)](self._number(left), self._number(right)), "number")
            case ast.Compare():
                return self._compare(node)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
        raise self._wrong(f"{_name(node)} is not allowed", "use comparisons, and/or/not, + - * /, in, and functions")

    def _column(self, name: str) -> Term:
        self._columns[name] = None
        kind = self._schema.get(name, pl.String())
        if kind == pl.Boolean or kind.is_numeric():
            return Term(pl.col(name), "truth" if kind == pl.Boolean else "number")
        cell = pl.col(name).cast(pl.String)
        return Term(pl.when(cell != "").then(cell), "cell")  # a CSV file's empty cell is "", which is no text either

    def _number(self, node: ast.expr) -> pl.Expr:
        term = self._term(node)
        if term.kind in ("text", "truth") and not isinstance(node, ast.Name):
            raise self._wrong(f"a {term.kind} where a number is wanted")
        return term.number()

    def _compare(self, node: ast.Compare) -> Term:
        parts, left = [], node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                inside = self._inside(left, right)
                parts.append(inside if isinstance(op, ast.In) else ~inside)
            elif type(op) in _ORDER:
                parts.append(_ORDER[type(op)](self._number(left), self._number(right)))
            elif type(op) in _SAME:
                parts.append(_SAME[type(op)](*self._alike(self._term(left), self._term(right))))
            else:
                raise self._wrong(f"{_name(op)} is not allowed", "use == and !=, and missing(column) for empty cells")
            left = right
        return Term(pl.all_horizontal(parts), "truth")

    def _alike(self, a: Term, b: Term) -> tuple[pl.Expr, pl.Expr]:
        kinds = {a.kind, b.kind}
        if "text" in kinds:
            return a.text(), b.text()
        if "truth" in kinds:
            return a.truth(), b.truth()
        return (a.number(), b.number()) if "number" in kinds else (a.text(), b.text())

    def _inside(self, left: ast.expr, right: ast.expr) -> pl.Expr:
        if not isinstance(right, ast.List | ast.Tuple | ast.Set):
            return self._term(right).text().str.contains(pl.lit(self._string(left, "in")), literal=True)
        found = [self._alike(self._term(left), self._term(item)) for item in right.elts]
        if not found or not all(isinstance(item, ast.Constant) for item in right.elts):
            raise self._wrong("a list after `in` holds constants, at least one")
        return pl.any_horizontal([a == b for a, b in found])

    def _string(self, node: ast.AST, function: str) -> str:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
            return node.value
        raise self._wrong(f"{function} wants a text in quotes", f'write {function}(column, "…")' * (function != "in"))

    def _call(self, name: str, arguments: list[ast.expr]) -> Term:
        if name not in FUNCTIONS:
            raise self._wrong(f"there is no function {name!r}", did_you_mean(name, FUNCTIONS))
        wanted = 2 if name in ("contains", "matches") else 1
        if len(arguments) != wanted:
            raise self._wrong(f"{name} takes {wanted} argument{'s' * (wanted > 1)}, not {len(arguments)}")
        if name == "col":
            return self._column(self._string(arguments[0], "col"))
        term = self._term(arguments[0])
        if name == "missing":
            empty = term.number().is_null() if term.kind == "number" else term.text().str.strip_chars() == ""
            return Term(term.expr.is_null() | empty, "truth")
        if name == "len":
            return Term(term.text().str.len_chars().cast(pl.Float64), "number")
        if name == "lower":
            return Term(term.text().str.to_lowercase(), "text")
        wording = self._string(arguments[1], name)
        if name == "matches":
            self._check_pattern(wording)
        return Term(term.text().str.contains(pl.lit(wording), literal=name == "contains"), "truth")

    def _check_pattern(self, pattern: str) -> None:
        try:
            pl.select(pl.lit("").str.contains(pattern))
        except Exception as error:  # polars wraps Rust's errors in several types
            reason = " ".join(str(error).split())[:160] or first_line(error)
            raise self._wrong(
                f"the pattern {pattern!r} is not one: {reason}", "see docs.rs/regex for the syntax"
            ) from error


def _name(node: ast.AST) -> str:
    names = {"Attribute": "a dot", "Call": "a call of that form", "Subscript": "an index", "Lambda": "a lambda"}
    return names.get(type(node).__name__, type(node).__name__)
