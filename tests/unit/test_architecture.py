"""What may import what, as docs/architecture.md says, and how long modules and functions may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from rjsite.settings import ROOT

SITE = ROOT / "site"


@cache
def modules() -> dict[str, Path]:
    """Return the path of each module by name, except the package itself, which imports only in functions."""
    paths = (path for path in (SITE / "rjsite").rglob("*.py") if path != SITE / "rjsite" / "__init__.py")
    return {".".join(path.relative_to(SITE).with_suffix("").parts): path for path in paths}


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return the nodes of a module's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of the site that a module imports, including imports in functions and for types."""
    yield from _imported(nodes(path))


def imported_when_it_runs(path: Path) -> Iterator[str]:
    """Yield the modules of the site that a module imports when it runs, and not only for types."""
    for_types = {
        inside
        for node in nodes(path)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inside in ast.walk(node)
    }
    yield from _imported(node for node in nodes(path) if node not in for_types)


def _imported(found: Iterable[ast.AST]) -> Iterator[str]:
    for node in found:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names = (f"{node.module}.{alias.name}", node.module, f"{node.module}.__init__")
                yield from [name for name in names if name in modules()][:1]


@cache
def layers() -> list[str]:
    """Return the layers from the top down, as the document names them."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    sentence = re.search(r"From the top down: (.*?)\. A module", text, re.DOTALL)
    assert sentence
    return [re.sub(r"/|\.py", "", name) for name in re.findall(r"`([^`]+)`", sentence[1])]


def test_no_module_imports_another_in_a_circle():
    TopologicalSorter(
        {name: set(imported_when_it_runs(path)) - {name} for name, path in modules().items()}
    ).prepare()


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_imports_only_from_its_own_layer_and_those_below_it(name):
    own = layers().index(name.split(".")[1])

    above = [other for other in imported(modules()[name]) if layers().index(other.split(".")[1]) < own]

    assert above == []


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_has_260_lines_at_most_and_a_function_30(name):
    functions = [node for node in nodes(modules()[name]) if isinstance(node, ast.FunctionDef)]

    assert modules()[name].read_text(encoding="utf-8").count("\n") <= 260
    assert [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 30] == []
