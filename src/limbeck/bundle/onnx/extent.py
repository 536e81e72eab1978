"""How much a graph computes, found by following the shapes of its arrays for a given batch without running it.

A model that came from elsewhere may never end, or ask for all memory. What Limbeck's exporter writes is a straight row
of common operators whose shapes follow from those of the batch. `extent` follows them: it knows every shape, and the
numbers of what shapes are computed with. A graph with an operator that it does not know, with a shape that depends on
the rows' values, or a loop, raises; whoever opens such a model holds it to limits instead.

Shapes as in the ONNX operator specification: https://onnx.ai/onnx/operators/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from limbeck.bundle.onnx.arrays import (
    Array,
    Extent,
    Operator,
    Shape,
    UnknownError,
    array_of,
    get,
    ints_of,
    need,
    values_of,
)
from limbeck.bundle.onnx.elementwise import ELEMENTWISE
from limbeck.bundle.onnx.graph import Graph, Node
from limbeck.bundle.onnx.products import PRODUCTS
from limbeck.bundle.onnx.reshaping import RESHAPING
from limbeck.bundle.onnx.trees import DOMAIN, TREES


def _passed(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:  # noqa: ARG001
    return [need(given[0])]


OPERATORS: dict[str, Operator] = {**ELEMENTWISE, **RESHAPING, **PRODUCTS, "Identity": _passed, "If": _passed}


def extent(graph: Graph, feeds: Mapping[str, Shape]) -> Extent:
    """Return what running ``graph`` on arrays of these shapes takes.

    Raises
    ------
    Exception
        Of any type, when the graph cannot be followed.
    """
    found = Extent()
    arrays = {name: Array(tuple(shape), moves=True) for name, shape in feeds.items()}
    if sorted(name for name in graph.inputs if name not in graph.constants) != sorted(arrays):
        raise UnknownError("other inputs")
    _run(graph, arrays, found)
    return found


def _run(graph: Graph, arrays: dict[str, Array], found: Extent) -> list[Array]:
    arrays |= {name: array_of(constant) for name, constant in graph.constants.items()}
    for node in graph.nodes:
        operators = TREES if node.domain == DOMAIN else OPERATORS
        if node.domain not in ("", "ai.onnx", DOMAIN) or node.op not in operators:
            raise UnknownError(node.op)
        given = [arrays[name] if name else None for name in node.inputs]
        made = _branch(node, given, arrays, found) if node.op == "If" else operators[node.op](node, given, found)
        moves = any(array is not None and array.moves for array in given)
        if moves and not found.bends:
            found.bends = _bends(node, given, made)
        for name, array in zip(node.outputs, made, strict=False):
            if not name:
                continue
            if name in arrays:
                raise UnknownError("a name twice")
            found.add(array.shape)
            arrays[name] = replace(array, moves=True) if moves and not array.moves else array
    return [arrays[name] for name in graph.outputs]


def _branch(node: Node, given: Sequence[Array | None], arrays: dict[str, Array], found: Extent) -> list[Array]:
    """Follow the branch that is taken; one that depends on the rows cannot be known."""
    condition = values_of(given[0])
    taken = node.attributes["then_branch" if bool(condition.reshape(-1)[0]) else "else_branch"]
    return _run(taken, dict(arrays), found)


# Computed with sizes, these may give less for more.
_FALLING = frozenset(
    "And Div Equal Greater GreaterOrEqual If Less LessOrEqual Min Mod Neg Not Or ReduceMin Sub Where".split()  # noqa: SIM905
)
_INDEXED = {"Gather": 1, "Range": 0}  # operators, and which input of theirs picks or begins


def _bends(node: Node, given: Sequence[Array | None], made: Sequence[Array]) -> bool:
    """Return whether what this makes of sizes of the batch may fall where they rise."""
    if node.op in _FALLING:
        return node.op == "If" or any(array.value is not None for array in made)

    def moving(at: int) -> bool:
        array = get(given, at)
        return array is not None and array.moves

    if node.op == "Slice":
        return moving(1) or moving(4) or (moving(2) and min(ints_of(given[2]), default=0) < 0)
    if node.op == "Reshape":
        wanted = ints_of(given[1])
        return moving(1) and -1 in wanted
    return (node.op == "Range" and moving(2)) or (node.op in _INDEXED and moving(_INDEXED[node.op]) and (
        node.op == "Range" or made[0].value is not None
    ))  # fmt: skip
