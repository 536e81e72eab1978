"""The modules import one way, folders stay small, and docs/architecture.md says what is there."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "limbeck"
PAGES = ("docs/architecture.md", "docs/architecture.zh-CN.md")
MOST = 15  # modules in one folder


def name_of(file: Path) -> str:
    """Return the dotted name of a module."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {name_of(file): ast.parse(file.read_text("utf-8")) for file in sorted(PACKAGE.rglob("*.py"))}


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when a module is imported: not the bodies of functions, nor what is for type checking."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from run_at_import(child)


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Return the names that import statements ask for: modules where they are some, else the name in its module."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "limbeck"}


def module_in(name: str) -> str:
    """Return the module that holds a name."""
    return name if name in TREES else name.rpartition(".")[0]


def test_no_module_imports_itself_by_way_of_others():
    graph = {name: {module_in(used) for used in imported(run_at_import(tree))} for name, tree in TREES.items()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail("imported in a circle: " + " -> ".join(error.args[1]))


def test_no_module_inside_imports_a_public_name_of_the_package():
    outside = ("limbeck.cli", "limbeck.__main__")
    found = {
        f"{name} imports {used}"
        for name, tree in TREES.items()
        if not name.startswith(outside)
        for used in imported(ast.walk(tree))
        if module_in(used) == "limbeck"
    }
    assert not found, "import from the module that defines it"


def test_folders_with_many_modules_have_a_reason_in_the_page():
    files = [file for file in PACKAGE.rglob("*.py") if file.name != "__init__.py"]
    counts: dict[str, int] = {}
    for file in files:
        folder = file.parent.relative_to(PACKAGE.parent).as_posix()
        counts[folder] = counts.get(folder, 0) + 1
    many = {folder for folder, count in counts.items() if count > MOST}
    for page in PAGES:
        listed = set(re.findall(r"^\| `(limbeck/?[\w/]*)` \|", (ROOT / page).read_text("utf-8"), re.MULTILINE))
        assert many <= listed, f"make subfolders, or give the reason in the table of {page}"
        assert listed <= set(counts), f"{page} lists folders that are not there"


@pytest.mark.parametrize("page", PAGES)
def test_the_page_names_modules_and_functions_that_exist(page):
    text = (ROOT / page).read_text("utf-8")
    files = {file for file in re.findall(r"`([\w/]+\.py)`", text) if "NAME" not in file}
    assert len(files) >= 20
    gone = {file for file in files if not (PACKAGE / file).is_file() and not (ROOT / file).is_file()}
    assert not gone, f"{page} names files that are not there"
    for file, names in re.findall(r"`([\w/]+\.py)`\s((?:`[\w.]+`(?:, |、| and |和)?)+)", text):
        tree = ast.parse((PACKAGE / file).read_text("utf-8"))
        known = set(defined(tree.body))
        missing = set(re.findall(r"`([\w.]+)`", names)) - known
        assert not missing, f"{page} names {missing} of {file}"


def defined(body: list[ast.stmt], before: str = "") -> Iterator[str]:
    """Yield the names that a module or class defines, methods as ``Class.method``."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield before + node.name
        if isinstance(node, ast.ClassDef):
            yield from defined(node.body, f"{before}{node.name}.")
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        yield from (before + target.id for target in targets if isinstance(target, ast.Name))


def test_the_picture_shows_the_folders_and_imports_that_are_there():
    script = runpy.run_path(str(ROOT / "docs" / "make_architecture.py"))
    boxes, arrows = script["imports"]()
    picture = (ROOT / "docs" / "architecture.svg").read_text("utf-8")
    again = "run python docs/make_architecture.py"
    assert set(re.findall(r'data-box="([^"]+)"', picture)) == boxes, again
    drawn = {tuple(arrow.split("&gt;")) for arrow in re.findall(r'data-arrow="([^"]+)"', picture)}
    assert drawn == script["shortest"](arrows), again
