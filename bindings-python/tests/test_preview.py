"""The signatures to come, where they have come: `docs/preview/python.pyi` beside the package."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from pathlib import Path
from typing import Any

import pytest

import vtrix_sandbox as vs

PREVIEW = Path(__file__).resolve().parents[2] / "docs" / "preview" / "python.pyi"
TREE = ast.parse(PREVIEW.read_text())
CLASSES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef)}
TO_COME = "# What is to come."
SHIPS = {
    name
    for name, node in CLASSES.items()
    if node.lineno < 1 + PREVIEW.read_text().splitlines().index(TO_COME)
}
FIELDS_TO_COME = {("ConnectionEvent", name) for name in ("extension", "retry_in", "streams")}


def methods(node: ast.ClassDef) -> dict[str, str]:
    """Its methods, each as one line."""
    return {
        item.name: f"{ast.unparse(item.args)} -> {ast.unparse(item.returns or item)}"
        for item in node.body
        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def shipped(cls: type, name: str) -> str:
    """The same of a method that the package has."""
    source = f"def f{inspect.signature(getattr(cls, name))}: ..."
    (function,) = ast.parse(source.replace("'", "")).body
    assert isinstance(function, ast.FunctionDef)
    return f"{ast.unparse(function.args)} -> {ast.unparse(function.returns or function)}"


def test_some_of_it_ships() -> None:
    assert {
        "ExecEvent", "ConnectionEvent", "ConnectionStream", "AsyncConnectionStream",
    } == SHIPS  # fmt: skip


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_package_has_what_ships_and_nothing_else_of_it(name: str) -> None:
    if name in ("Sandbox", "AsyncSandbox"):
        cls: Any = getattr(vs, name)
        here = {method for method in methods(CLASSES[name]) if hasattr(cls, method)}
        assert here == {"connection_events"}
        returned = methods(CLASSES[name])["connection_events"]
        assert returned == shipped(cls, "connection_events")
    else:
        # One that has come belongs under the other heading.
        assert hasattr(vs, name) == (name in SHIPS)


@pytest.mark.parametrize("name", ["ExecEvent", "ConnectionEvent"])
def test_fields_are_what_the_preview_says(name: str) -> None:
    fields = {field.name: field for field in dataclasses.fields(getattr(vs, name))}
    for item in CLASSES[name].body:
        if not isinstance(item, ast.AnnAssign):
            continue
        assert isinstance(item.target, ast.Name)
        field = fields.get(item.target.id)
        assert (field is None) == ((name, item.target.id) in FIELDS_TO_COME)
        if field is None:
            continue
        assert str(field.type).replace('"', "'") == ast.unparse(item.annotation)
        required = field.default is dataclasses.MISSING
        assert required == (item.value is None)


@pytest.mark.parametrize("name", ["ConnectionStream", "AsyncConnectionStream"])
def test_streams_have_the_methods_of_the_preview(name: str) -> None:
    cls = getattr(vs, name)
    for method, wanted in methods(CLASSES[name]).items():
        # What is generic in the package is of one type here.
        assert shipped(cls, method).replace("-> T", "-> ConnectionEvent") == wanted, method
    public = {member for member in dir(cls) if not member.startswith("_")}
    assert public <= set(methods(CLASSES[name]))


def test_a_word_that_is_not_known_here_is_passed_on() -> None:
    assert vs.ConnectionEvent("resumed").type == "resumed"
    assert vs.ExecEvent("paused").missing == 0
