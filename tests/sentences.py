"""What the sources say: sentences in a module's code, for tests that none of them stays in one language.

A sentence comes with what is known of it before the run; whatever else stands in it counts as the number 3.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Collection, Iterator


def literals(tree: ast.Module) -> Iterator[str]:
    """Yield every text of a module but docstrings, errors and what is said on the terminal."""
    known: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            known.setdefault(node.targets[0].id, []).extend(whole(node.value, {}))
    skipped = {id(part) for node in ast.walk(tree) for part in ast.walk(node) if left_out(node)}
    inside = {id(part) for node in ast.walk(tree) if joins(node) for part in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if id(node) not in skipped | inside and (isinstance(node, ast.Constant | ast.JoinedStr) or joins(node)):
            yield from whole(node, known)


def listed(tree: ast.Module) -> Iterator[str]:
    """Yield the texts that a module's functions put into a list, or under "reason", but those of errors."""
    skipped = {id(part) for node in ast.walk(tree) for part in ast.walk(node) if left_out(node)}
    for function, known in functions(tree):
        for node in ast.walk(function):
            if id(node) not in skipped:
                yield from (text for value in put(node) for text in whole(value, known))


def constants(tree: ast.Module) -> Iterator[str]:
    """Yield the texts that a module gives a name."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from whole(node.value, {})


def refusals(tree: ast.Module, but: Collection[str] = ()) -> Iterator[str]:
    """Yield what a module's errors say, and how they are to be mended; those of some functions are left out."""
    for function, known in functions(tree):
        if function.name in but:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "LimbeckError":
                said = [*node.args, *(one.value for one in node.keywords if one.arg == "mend")]
                yield from (text for value in said for text in whole(value, known))


def functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, dict[str, list[str]]]]:
    """Yield each function with the texts that its names may stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node, names(tree, node)


def put(node: ast.AST) -> list[ast.expr]:
    """Return what an expression puts into a list, or under the key "reason" of a dict."""
    if isinstance(node, ast.List):
        return node.elts
    if isinstance(node, ast.ListComp):
        return [node.elt]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
        return node.args
    if isinstance(node, ast.Dict):
        return [
            value for key, value in zip(node.keys, node.values, strict=True) if getattr(key, "value", 0) == "reason"
        ]
    return []


def names(tree: ast.Module, function: ast.FunctionDef) -> dict[str, list[str]]:
    """Return the texts that are assigned, looped over, or passed in the same module, by name."""
    known: dict[str, list[str]] = {}
    assigned: dict[str, ast.expr] = {}

    def bind(target: ast.expr | ast.arg, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=True):
                bind(one, other)
        elif isinstance(target, ast.Name | ast.arg):
            name = target.id if isinstance(target, ast.Name) else target.arg
            known.setdefault(name, []).extend(whole(value, {}))
            assigned[name] = value

    for node in [*tree.body, *ast.walk(function)]:
        if isinstance(node, ast.Assign):
            bind(node.targets[0], node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            before = known.get(node.target.id, [])
            before += ["".join(pair) for pair in itertools.product(before, whole(node.value, known))]
        elif isinstance(node, ast.For | ast.comprehension):
            over = assigned.get(node.iter.id) if isinstance(node.iter, ast.Name) else node.iter
            for value in over.elts if isinstance(over, ast.Tuple | ast.List) else ():
                bind(node.target, value)
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == function.name:
            for target, value in zip(function.args.args, call.args, strict=False):
                bind(target, value)
    return known


def joins(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add))


def left_out(node: ast.AST) -> bool:
    """Errors, what is said on the terminal, and docstrings are neither notes nor findings."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(node, ast.Raise) or getattr(called, "id", "") in ("LimbeckError", "say")


def whole(node: ast.AST, known: dict[str, list[str]]) -> list[str]:
    """Return each text that an expression may stand for; what is unknown before the run counts as the number 3."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.IfExp):
        return whole(node.body, known) + whole(node.orelse, known)
    if isinstance(node, ast.FormattedValue):
        texts = whole(node.value, known) if isinstance(node.value, ast.Name) else ["3"]
        return [repr(text) for text in texts] if node.conversion == ord("r") else texts
    if isinstance(node, ast.Name):
        return known.get(node.id) or ["3"]
    if joins(node):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node.left, node.right]
        return ["".join(texts) for texts in itertools.product(*(whole(part, known) or ["3"] for part in parts))]
    return []
