"""The package as it is installed: types, stubs, metadata, examples, the notebook."""

from __future__ import annotations

import asyncio
import importlib.metadata
import inspect
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbclient
import nbformat
import pytest

import vtrix_sandbox
from vtrix_sandbox import LocalGateway

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXAMPLES = ROOT / "examples" / "python"
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py") if not path.name.startswith("_"))


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=HERE.parent,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_the_installed_package_is_what_is_tested() -> None:
    assert vtrix_sandbox.__file__ is not None
    package = Path(vtrix_sandbox.__file__).parent
    assert not package.is_relative_to(ROOT)
    assert (package / "py.typed").exists()
    assert (package / "_native.pyi").exists()
    assert importlib.metadata.version("vtrix-sandbox-native") == vtrix_sandbox.__version__
    metadata = importlib.metadata.metadata("vtrix-sandbox-native")
    assert metadata["Requires-Python"] == ">=3.10"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def builder(*path: str) -> set[str]:
    """The options of a builder of Rust's."""
    source = ROOT.joinpath(*path).read_text()
    return set(re.findall(r"pub fn (\w+)\(mut self, ", source))


def test_every_option_of_the_core_is_here() -> None:
    core = builder("core", "src", "client_builder.rs")
    assert core
    assert core <= set(inspect.signature(vtrix_sandbox.Client).parameters)
    gateway = builder("gateway", "src", "builder.rs")
    assert gateway
    # What may be given repeatedly there is a collection here.
    plural = {"image": "images", "allow_host": "allow_hosts", "allow_origin": "allow_origins"}
    wanted = {plural.get(name, name) for name in gateway}
    assert wanted <= set(inspect.signature(LocalGateway).parameters)


def test_the_stubs_say_what_the_module_has() -> None:
    allow = HERE / "stubtest-allowlist.txt"
    done = run("-m", "mypy.stubtest", "vtrix_sandbox", "--allowlist", str(allow))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_are_strict() -> None:
    done = run("-m", "pyright", "--pythonpath", sys.executable, "--project", "pyproject.toml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_source_is_tidy() -> None:
    for command in (["check"], ["format", "--check"]):
        done = run("-m", "ruff", *command, ".", str(EXAMPLES))
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_example_has_its_twin() -> None:
    names = {"basic.py", "stream.py", "attach.py", "files.py", "lifecycle.py"}
    assert set(PROGRAMS) == names | {f"async_{name}" for name in names}


@pytest.mark.parametrize("program", PROGRAMS)
def test_examples_with_a_gateway_of_their_own(program: str) -> None:
    environment = {name: value for name, value in os.environ.items() if "VTRIX_" not in name}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", program], cwd=EXAMPLES, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_examples_with_a_served_gateway(program: str, gateway: LocalGateway) -> None:
    served = {"VTRIX_BASE_URL": gateway.url, "VTRIX_TOKEN": gateway.token}
    done = run("-W", "error", str(EXAMPLES / program), **served)
    assert done.returncode == 0, done.stderr


async def test_the_notebook_in_a_minute(tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLES / "quickstart.ipynb", as_version=4)
    for cell in notebook.cells:
        assert not cell.get("outputs"), "outputs are not kept in the tree"
    executing = nbclient.NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).async_execute()
    # The whole of it, not each of its cells.
    done = await asyncio.wait_for(executing, 60)
    text = "".join(
        output.get("text", "")
        for cell in done.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    assert "hello from a sandbox" in text
    assert "from asyncio" in text


async def test_a_bar_in_a_notebook(tmp_path: Path) -> None:
    lines = """
        import vtrix_sandbox
        gw = vtrix_sandbox.LocalGateway().start()
        sandbox = gw.client().create("notebook")
        open("f", "wb").write(b"x" * 3_000_000)
        sandbox.upload_file("f", "/workspace/f", progress=True)
        gw.close()
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(lines))])
    done = await nbclient.NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).async_execute()
    shown = "".join(output.get("text", "") for output in done.cells[0].outputs)
    # There are no widgets here, of which tqdm tells, and draws in text.
    assert "f: 100%" in shown, shown
