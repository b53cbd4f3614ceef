"""Both families have one source, the same names and the same signatures."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vtrix_sandbox as vs

PAIRS = [
    (vs.Client, vs.AsyncClient),
    (vs.Sandbox, vs.AsyncSandbox),
    (vs.Command, vs.AsyncCommand),
    (vs.ExecStream, vs.AsyncExecStream),
    (vs.LogStream, vs.AsyncLogStream),
    (vs.FileStream, vs.AsyncFileStream),
    (vs.ConnectionStream, vs.AsyncConnectionStream),
]


def public(cls: type) -> dict[str, Any]:
    names = {name for base in cls.__mro__[:-1] for name in vars(base)}
    return {name: getattr(cls, name) for name in names if not name.startswith("_")}


def shape(member: Any) -> Any:
    if isinstance(member, property):
        return "property"
    signature = inspect.signature(member)
    returns = str(signature.return_annotation).replace("Async", "")
    return [str(p) for p in signature.parameters.values()], returns


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS, ids=lambda cls: cls.__name__)
def test_names_and_signatures_are_the_same(blocking: type, asynchronous: type) -> None:
    here, there = public(blocking), public(asynchronous)
    assert set(here) == set(there)
    for name, member in here.items():
        assert shape(member) == shape(there[name]), name
    assert inspect.signature(blocking.__init__).parameters.keys() == (
        inspect.signature(asynchronous.__init__).parameters.keys()
    )


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS, ids=lambda cls: cls.__name__)
def test_everything_public_says_what_it_is(blocking: type, asynchronous: type) -> None:
    for cls in (blocking, asynchronous):
        assert cls.__doc__
        for name, member in public(cls).items():
            assert inspect.getdoc(member), f"{cls.__name__}.{name}"
    for member in public(blocking).values():
        assert "await" not in (inspect.getdoc(member) or "")


@pytest.mark.parametrize(
    "cls",
    [*(cls for pair in PAIRS for cls in pair), vs.AsyncFile, vs.LocalGateway, vs.CommandFinished],
)
def test_every_method_has_an_example_and_what_waits_its_errors(cls: type) -> None:
    for name, member in public(cls).items():
        # What files of `io` have, and what never fails, needs none.
        if isinstance(member, property) or name in ("readable", "writable", "flush"):
            continue
        if not callable(member):
            continue
        told = " ".join((inspect.getdoc(member) or "").split())
        assert "Example: >>> " in told, name
        if inspect.iscoroutinefunction(member):
            assert "Raises: " in told or "raises nothing" in told, name


def test_what_waits_is_awaited() -> None:
    for blocking, asynchronous in PAIRS:
        for name, member in public(blocking).items():
            if inspect.isfunction(member):
                assert not inspect.iscoroutinefunction(member)
                waits = "run(" in inspect.getsource(member) or name == "close"
                waits = waits or name in ("stdout", "stderr")
                assert inspect.iscoroutinefunction(public(asynchronous)[name]) == waits, name


def test_the_blocking_family_is_made_from_the_other() -> None:
    tool = Path(__file__).parent.parent / "tools" / "unasync.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_everything_exported_is_there() -> None:
    for name in vs.__all__:
        assert getattr(vs, name) is not None
    assert set(vs.__all__) <= set(dir(vs))
    with pytest.raises(AttributeError, match="NoSuchName"):
        vs.NoSuchName  # noqa: B018


def test_all_of_both_modules_of_values_is_exported() -> None:
    from vtrix_sandbox import exceptions, types

    assert {*exceptions.__all__, *types.__all__} < set(vs.__all__)
    assert {name for name, module in vs._LATER.items() if module == "types"} == set(types.__all__)
    assert vs.types is types


def test_a_star_import_shadows_no_builtin() -> None:
    import builtins

    assert not set(vs.__all__) & set(dir(builtins))
