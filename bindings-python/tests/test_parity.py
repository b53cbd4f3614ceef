"""Both families have one source, the same names and the same signatures."""

from __future__ import annotations

import importlib
import inspect
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import LocalGateway

PAIRS = [
    (vs.Client, vs.AsyncClient),
    (vs.Sandbox, vs.AsyncSandbox),
    (vs.Command, vs.AsyncCommand),
    (vs.ExecStream, vs.AsyncExecStream),
    (vs.LogStream, vs.AsyncLogStream),
    (vs.FileStream, vs.AsyncFileStream),
    (vs.ConnectionStream, vs.AsyncConnectionStream),
]


ITS_OWN = ("readable", "writable", "seekable", "isatty", "flush")
"""Methods of files that say what they do by their names, as those of `io` do."""
ASYNCHRONOUS_ONLY = {"aclose"}
"""What `contextlib.aclosing` calls; `contextlib.closing` calls `close`."""


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
    assert set(here) == set(there) - ASYNCHRONOUS_ONLY
    assert ("close" in there) == ("aclose" in there)
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
        if isinstance(member, property) or name in ITS_OWN:
            continue
        if not callable(member):
            continue
        told = " ".join((inspect.getdoc(member) or "").split())
        assert "Example: >>> " in told, name
        if inspect.iscoroutinefunction(member):
            assert "Raises: " in told or "raises nothing" in told, name


OF_FILES = {
    # How they begin and end, which `open` does.
    "__init__",
    # Of one that is written as a whole, or that can't be read again.
    "detach", "fileno", "peek", "raw", "buffer", "seek", "truncate", "reconfigure",
    # Into a buffer of the caller's: the bytes are copied from the wire's in any case.
    "readinto", "readinto1", "read1",
    # How text is buffered.
    "line_buffering", "write_through", "newlines",
}  # fmt: skip
"""What file objects of `io` have and those of asyncio don't, and why."""


def test_file_objects_have_the_same_methods() -> None:
    theirs = {*dir(vs.AsyncFile), "name", "mode", "closed", "encoding", "errors"}
    for cls in (io.BufferedReader, io.BufferedWriter, io.TextIOWrapper):
        names = {name for name in dir(cls) if not name.startswith("_")}
        assert names - OF_FILES <= theirs, cls
        for name in names - OF_FILES:
            ours = getattr(vs.AsyncFile, name, None)
            if not callable(ours):
                continue
            waits = name in ("read", "readline", "readlines", "write", "writelines")
            assert inspect.iscoroutinefunction(ours) == (waits or name in ("flush", "close")), name
    assert callable(vs.AsyncFile.aclose)


def test_both_families_open_alike() -> None:
    for part in ("_sync", "_async"):
        module = importlib.import_module(f"vtrix_sandbox.{part}.file")
        signature = inspect.signature(module.open_file)
        assert [*signature.parameters][1:] == [
            "path", "mode", "encoding", "errors", "newline", "permissions"
        ]  # fmt: skip
        assert {"File", "TextFile", "BinaryFile"} <= set(vars(module))


@pytest.mark.parametrize("name", ["start", "close", "client"])
def test_the_gateway_has_both_families(name: str) -> None:
    twin = f"async_{name}" if name == "client" else f"{name}_async"
    here, there = getattr(LocalGateway, name), getattr(LocalGateway, twin)
    assert shape(here) == shape(there)
    assert inspect.iscoroutinefunction(there) == (name != "client")


def test_the_options_of_a_client_are_typed_once_more() -> None:
    """`LocalGateway.client` takes what `Client` does, but for where it connects to."""
    source = (Path(vs.__file__ or "").parent / "_options.py").read_text()
    typed = source.partition("class ClientOptions(")[2].partition("\n\n\n")[0]
    named = dict(re.findall(r"^        (\w+): (.+)$", typed, re.M))
    wanted = inspect.signature(vs.Client).parameters
    assert {"base_url", "token", *named} == set(wanted)
    for name, annotation in named.items():
        assert wanted[name].annotation.replace("'", '"') == annotation, name


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
