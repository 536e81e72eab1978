"""Draw docs/architecture.svg: the folders of src/limbeck, and which imports which, from the imports themselves.

Run it with ``python docs/make_architecture.py``. An arrow from A to B says that a module in A imports one in B. Where
a longer way leads from A to B as well, the arrow is left out. Imports for type checking alone do not count.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import grimp

FILE = Path(__file__).with_name("architecture.svg")
SHARED = "errors, files, events, …"  # the small modules that every folder may use, drawn as one box
# Box -> the column it stands in, and what it holds.
BOXES = {
    "cli": (2, "the command limbeck"),
    "studio": (0, "the web site (Django)"),
    "estimator": (1, "scikit-learn's contract (torch)"),
    "training": (2, "train, distil, export, doctor (torch)"),
    "teachers": (2, "one file per kind of teacher"),
    "scale": (5, "many shards, many machines"),
    "evaluation": (3, "evaluate, compare, report"),
    "serving": (0, "bundles behind HTTP"),
    "monitoring": (1, "verdicts, drift, what to review"),
    "registry": (4, "versions of models on disk"),
    "bundle": (3, "write, verify, load, predict"),
    "dataset": (2, "recipe → rows to train on"),
    "objectives": (1, "one file per loss (torch)"),
    "networks": (1, "one file per network (torch)"),
    "tasks": (2, "classify, anomaly"),
    "kinds": (2, "text, image, signal, table"),
    "data": (2, "file formats, labels, splits"),
    "metrics": (3, "arrays in, figures out"),
    "recipe": (2, "sections and keys of the TOML file"),
    "relevance": (0, "trust in each teacher (NumPy)"),
    SHARED: (2, "one file each, and process/"),
    "messages": (2, "messages in English and Chinese"),
}
ABOVE_GROUND = {"estimator", "registry"}  # single modules with a box of their own
WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 218, 44, 238, 74, 16

Arrows = set[tuple[str, str]]


def box_of(module: str) -> str | None:
    """Return the box of a module; None for the front door and ``python -m limbeck``, which hold nothing."""
    _, *rest = module.split(".")
    if not rest or rest[0] == "__main__":
        return None
    folder = rest[0]
    package = (Path(__file__).parents[1] / "src" / "limbeck" / folder).is_dir()
    return folder if folder in ABOVE_GROUND or (package and folder != "process") else SHARED


def imports() -> tuple[set[str], Arrows]:
    """Return the boxes, and the pairs of boxes of which the first imports from the second."""
    graph = grimp.build_graph("limbeck", exclude_type_checking_imports=True)
    boxes = {box for module in graph.modules if (box := box_of(module))}
    arrows = {
        (a, b)
        for module in graph.modules
        for used in graph.find_modules_directly_imported_by(module)
        if (a := box_of(module)) and (b := box_of(used)) and a != b
    }
    return boxes, arrows


def shortest(arrows: Arrows) -> Arrows:
    """Return the arrows that no longer way replaces."""
    after: dict[str, set[str]] = {}
    for a, b in arrows:
        after.setdefault(a, set()).add(b)

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        todo = [start]
        while todo:
            new = after.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found

    return {(a, b) for a, b in arrows if not any(b in reached(other) for other in after[a] - {b})}


def rows(boxes: set[str], arrows: Arrows) -> dict[str, int]:
    """Return the row of each box, from 0 at the bottom: one above the highest box that it uses.

    Raises
    ------
    ValueError
        When boxes use each other in a circle.
    """
    row: dict[str, int] = {}
    while len(row) < len(boxes):
        ready = [box for box in boxes - set(row) if all(b in row for a, b in arrows if a == box)]
        if not ready:
            raise ValueError(f"these folders import each other in a circle: {sorted(boxes - set(row))}")
        for box in ready:
            row[box] = 1 + max((row[b] for a, b in arrows if a == box), default=-1)
    return row


def svg(boxes: set[str], arrows: Arrows) -> str:
    """Return the picture."""
    if unknown := boxes ^ set(BOXES):
        raise ValueError(f"bring BOXES in {Path(__file__).name} up to date: {sorted(unknown)}")
    row = rows(boxes, arrows)
    top = max(row.values())
    width, height = (
        2 * MARGIN + max(column for column, _ in BOXES.values()) * ACROSS + WIDTH,
        2 * MARGIN + top * DOWN + HEIGHT,
    )

    def place(box: str) -> tuple[float, float]:
        return MARGIN + BOXES[box][0] * ACROSS + WIDTH / 2, MARGIN + (top - row[box]) * DOWN

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">',
        "<title>Folders of src/limbeck; an arrow points to the folder that is imported</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#57606a"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    places = [place(box) for box in boxes]
    if len(set(places)) < len(places):
        raise ValueError(f"two boxes stand in one place: change a column in {Path(__file__).name}")
    for a, b in sorted(arrows):
        (x, y), (to_x, to_y) = place(a), place(b)
        aside = (to_x > x) - (to_x < x)
        free = not any(at == y and min(x, to_x) <= of <= max(x, to_x) and of != x for of, at in places)
        if row[a] - row[b] == 1 or x == to_x or not free:
            start = x + (60 if row[a] - row[b] == 1 else 100) * aside
            path = f"M{start:g} {y + HEIGHT:g} L{to_x - 60 * aside:g} {to_y:g}"  # arrows that meet at a box keep apart
        else:  # along the row of the first box, then down the column of the second
            path = f"M{x:g} {y + HEIGHT / 2:g} H{to_x:g} V{to_y:g}"
        lines.append(
            f'<path data-arrow="{escape(a)}&gt;{escape(b)}" d="{path}" fill="none" stroke="#57606a" '
            'stroke-width="1.5" marker-end="url(#tip)"/>'
        )
    for box in sorted(boxes, key=lambda name: (-row[name], BOXES[name][0])):
        x, y = place(box)
        heavy = "(torch)" in BOXES[box][1]
        name = box if box == SHARED or box in ABOVE_GROUND else f"{box}/"
        lines += [
            f'<g data-box="{escape(box)}"><rect x="{x - WIDTH / 2:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" '
            f'rx="6" fill="{"#fff1e5" if heavy else "#ddf4ff"}" stroke="{"#953800" if heavy else "#0969da"}"/>',
            f'<text x="{x:g}" y="{y + 18:g}" text-anchor="middle" font-size="14" font-weight="600">{escape(name)}'
            "</text>",
            f'<text x="{x:g}" y="{y + 35:g}" text-anchor="middle" font-size="11.5" fill="#424a53">'
            f"{escape(BOXES[box][1])}</text></g>",
        ]
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    """Write the picture."""
    boxes, arrows = imports()
    FILE.write_text(svg(boxes, shortest(arrows)), encoding="utf-8")


if __name__ == "__main__":
    main()
