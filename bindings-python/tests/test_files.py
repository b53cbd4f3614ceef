"""Files as file objects, transfers and their progress."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import AsyncSandbox, Sandbox
from vtrix_sandbox.progress import Bar


def test_what_works_on_files_works_here(sandbox: Sandbox, directory: str) -> None:
    with sandbox.open(f"{directory}/t.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b"], ["é", "2"]])
    with sandbox.open(f"{directory}/t.csv", newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], ["é", "2"]]
    with sandbox.open(f"{directory}/j", "w") as file:
        json.dump({"a": [1, 2]}, file)
    with sandbox.open(f"{directory}/j") as file:
        assert json.load(file) == {"a": [1, 2]}
    with sandbox.open(f"{directory}/z.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x", "y" * 100_000)
    data = sandbox.read_to_buffer(f"{directory}/z.zip")
    assert data is not None
    assert zipfile.ZipFile(io.BytesIO(data)).read("x") == b"y" * 100_000


def test_a_bar_for_several_files_uses_tqdm() -> None:
    from tqdm.auto import tqdm

    out: Any = io.StringIO()
    with Bar(file=out) as bar:
        assert isinstance(bar._tqdm, tqdm)
        bar(vs.Progress("/a/one", 500, 1000))
        bar(vs.Progress("/a/two", 1000, 1000))
        assert (bar._tqdm.n, bar._tqdm.total) == (1500, 2000)
    assert "2 files" in out.getvalue()
    # The plain bar is drawn otherwise.
    assert "[#" not in out.getvalue()


def test_reading_bytes(sandbox: Sandbox, directory: str) -> None:
    content = bytes(range(256)) * 5000
    sandbox.write(f"{directory}/f", content)
    with sandbox.open(f"{directory}/f", "rb") as file:
        assert file.readable()
        assert not file.writable()
        assert file.name == f"{directory}/f"
        assert file.read(3) == content[:3]
        assert file.read() == content[3:]
        assert file.read() == b""
    assert file.closed
    with pytest.raises(FileNotFoundError):
        sandbox.open(f"{directory}/missing", "rb")
    unread = sandbox.open(f"{directory}/f", "rb")
    unread.close()
    unread.close()


def test_writing_is_all_or_nothing(sandbox: Sandbox, directory: str) -> None:
    path = f"{directory}/f"
    sandbox.write(path, "old")
    for mode, wrong in (("w", "half"), ("wb", b"half")):
        with pytest.raises(KeyError), sandbox.open(path, mode) as file:
            file.write(wrong)
            raise KeyError
        assert sandbox.read_to_buffer(path) == b"old"
    with sandbox.open(path, "wb", permissions=0o755) as file:
        assert file.writable()
        file.write(b"#!/bin/sh\n")
        file.write(b"echo new\n")
        assert sandbox.read_to_buffer(path) == b"old"
    assert sandbox.run_command(path).output == "new\n"
    with pytest.raises(FileExistsError):
        sandbox.open(path, "x")
    with sandbox.open(f"{directory}/x", "x"):
        pass
    assert sandbox.read_to_buffer(f"{directory}/x") == b""
    dropped = sandbox.open(path, "w")
    dropped.write("never closed")
    del dropped
    assert sandbox.run_command(path).output == "new\n"


@pytest.mark.parametrize("mode", ["", "a", "r+", "rw", "rbt", "rr", "q"])
def test_modes_that_are_none(sandbox: Sandbox, async_sandbox: AsyncSandbox, mode: str) -> None:
    for one in (sandbox, async_sandbox):
        with pytest.raises(ValueError, match="mode"):
            one.open("/x", mode)


async def test_asynchronous_files(async_sandbox: AsyncSandbox, directory: str) -> None:
    path = f"{directory}/f"
    async with async_sandbox.open(path, "w") as file:
        assert file.writable()
        assert await file.write("one\né\n") == 6
        await file.flush()
        with pytest.raises(TypeError):
            await file.write(b"bytes")
        with pytest.raises(OSError, match="mode"):
            await file.read()
    async with async_sandbox.open(path) as file:
        assert file.readable()
        assert await file.readline() == "one\n"
        assert await file.readlines() == ["é\n"]
        assert await file.readline() == ""
        with pytest.raises(OSError, match="mode"):
            await file.write("x")
    assert repr(file) == f"<AsyncFile {path!r} mode='r' closed=True>"
    with pytest.raises(ValueError, match="closed"):
        await file.read()
    await file.close()
    await async_sandbox.write(path, b"\x00\x01\r\n" * 300_000)
    async with async_sandbox.open(path, "rb") as file:
        assert await file.read(5) == b"\x00\x01\r\n\x00"
        assert len(await file.read()) == 1_199_995
        assert await file.read() == b""
    async with async_sandbox.open(path, newline="") as file:
        assert await file.readline() == "\x00\x01\r\n"
    async with async_sandbox.open(path) as file:
        assert [line async for line in file][:2] == ["\x00\x01\n"] * 2
    lazily = async_sandbox.open(path)
    assert await lazily.read(1) == "\x00"
    await lazily.close()
    with pytest.raises(FileNotFoundError):
        async with async_sandbox.open(f"{directory}/missing"):
            pass


async def test_a_read_that_is_cancelled_takes_nothing(
    async_sandbox: AsyncSandbox, directory: str
) -> None:
    content = bytes(range(256)) * 16_384
    await async_sandbox.write(f"{directory}/large", content)
    async with async_sandbox.open(f"{directory}/large", "rb") as file:
        head = await file.read(10)
        reading = asyncio.create_task(file.read())
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert head + await file.read() == content


async def test_asynchronous_writing_is_all_or_nothing(
    async_sandbox: AsyncSandbox, directory: str
) -> None:
    path = f"{directory}/f"
    await async_sandbox.write(path, "old")
    with pytest.raises(KeyError):
        async with async_sandbox.open(path, "wb") as file:
            await file.write(b"half")
            raise KeyError
    with pytest.raises(KeyError):
        async with async_sandbox.open(path, "rb") as file:
            raise KeyError
    assert await async_sandbox.read_to_buffer(path) == b"old"
    async with async_sandbox.open(path, "wb", permissions=0o755) as file:
        await file.write(b"#!/bin/sh\necho new\n")
    assert (await async_sandbox.run_command(path)).output == "new\n"
    with pytest.raises(FileExistsError):
        async with async_sandbox.open(path, "x"):
            pass
    empty = async_sandbox.open(f"{directory}/empty", "x")
    await empty.aclose()
    assert await async_sandbox.read_to_buffer(f"{directory}/empty") == b""


async def test_what_else_files_have(
    sandbox: Sandbox, async_sandbox: AsyncSandbox, directory: str
) -> None:
    path = f"{directory}/f"
    async with async_sandbox.open(path, "wb") as file:
        assert (file.seekable(), file.isatty(), file.encoding) == (False, False, None)
        await file.writelines([b"ab", b"cd"])
        await file.write(memoryview(b"ef"))
        assert file.tell() == 6
    with pytest.raises(ValueError, match="closed"):
        file.tell()
    async with async_sandbox.open(path, "rb") as file:
        assert (await file.read(2), file.tell(), await file.read(None)) == (b"ab", 2, b"cdef")
        with pytest.raises(io.UnsupportedOperation):
            await file.write(b"x")
    async with async_sandbox.open(path) as text:
        with pytest.raises(io.UnsupportedOperation):
            text.tell()
    with sandbox.open(path, "rb") as blocking:
        assert (blocking.read(2), blocking.tell()) == (b"ab", 2)
    with sandbox.open(path, "wb") as blocking:
        blocking.write(b"xyz")
        assert blocking.tell() == 3


LINES = "one\ntwo\r\nthree\rfour"


@pytest.mark.parametrize("newline", [None, "", "\n", "\r", "\r\n"])
async def test_both_families_read_and_write_the_same_lines(
    sandbox: Sandbox, async_sandbox: AsyncSandbox, directory: str, newline: str | None
) -> None:
    path = f"{directory}/f"
    sandbox.write(path, LINES)
    with sandbox.open(path, newline=newline) as blocking:
        expected = blocking.readlines()
    async with async_sandbox.open(path, newline=newline) as file:
        assert await file.readlines() == expected
    with sandbox.open(path, "w", encoding="utf-16", newline=newline) as blocking:
        blocking.write("a\n")
        blocking.writelines(["b\n"])
    written = sandbox.read_to_buffer(path)
    async with async_sandbox.open(path, "w", encoding="utf-16", newline=newline) as file:
        await file.write("a\n")
        await file.writelines(["b\n"])
    assert await async_sandbox.read_to_buffer(path) == written


async def test_a_large_file_is_written_beside_the_loop(
    async_sandbox: AsyncSandbox, directory: str
) -> None:
    path = f"{directory}/f"
    await async_sandbox.write(path, "old")
    piece = bytes(range(256)) * 4096
    async with async_sandbox.open(path, "wb") as file:
        writing = asyncio.ensure_future(file.write(piece))
        await asyncio.sleep(0)
        # Cancelled or not, what was taken goes to the disk, and before what comes next.
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await file.write(piece[::-1])
    assert await async_sandbox.read_to_buffer(path) == piece + piece[::-1]
    with pytest.raises(KeyError):
        async with async_sandbox.open(path, "wb") as file:
            writing = asyncio.ensure_future(file.write(piece))
            await asyncio.sleep(0)
            raise KeyError
    await writing
    assert await async_sandbox.read_to_buffer(path) == piece + piece[::-1]


def test_transfers(sandbox: Sandbox, directory: str, tmp_path: Path) -> None:
    local = tmp_path / "in"
    local.write_bytes(bytes(range(256)) * 8192)
    seen: list[vs.Progress] = []
    sandbox.upload_file(local, f"{directory}/f", mode=0o700, progress=seen.append)
    assert seen[-1] == vs.Progress(f"{directory}/f", 1 << 21, 1 << 21)
    seen.clear()
    out = sandbox.download_file(f"{directory}/f", str(tmp_path / "out"), progress=seen.append)
    assert out == tmp_path / "out"
    assert out.read_bytes() == local.read_bytes()
    assert seen[-1].transferred == 1 << 21
    assert sandbox.download_file(f"{directory}/missing", tmp_path / "no") is None
    assert not (tmp_path / "no").exists()
    pairs = [(f"{directory}/f", tmp_path / "sub" / "f"), ("/etc", tmp_path / "etc")]
    with pytest.raises(vs.PartialError) as caught:
        sandbox.download_files(pairs, mkdir_recursive=True)
    assert set(caught.value.failures) == {"/etc"}
    assert caught.value.saved == {f"{directory}/f": tmp_path / "sub" / "f"}
    with pytest.raises(OSError, match="nowhere"):
        sandbox.upload_file(tmp_path / "nowhere", "/x")


def test_progress_that_raises_leaves_nothing(
    sandbox: Sandbox, directory: str, tmp_path: Path
) -> None:
    class Stop(BaseException):
        pass

    def progress(_: vs.Progress) -> None:
        raise Stop

    sandbox.write(f"{directory}/f", b"x" * 1_000_000)
    with pytest.raises(Stop):
        sandbox.download_file(f"{directory}/f", tmp_path / "out", progress=progress)
    assert list(tmp_path.iterdir()) == []


def test_a_bar_for_true(
    sandbox: Sandbox, directory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "in").write_bytes(b"x" * 3_000_000)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    sandbox.upload_file(tmp_path / "in", f"{directory}/f", progress=True)
    text = capsys.readouterr().err
    assert "f: [##############################] 100% 3.0 MB of 3.0 MB" in text
    assert text.endswith("\n")
    monkeypatch.undo()
    sandbox.download_file(f"{directory}/f", tmp_path / "out", progress=True)
    assert "f:" in capsys.readouterr().err
    sandbox.upload_file(tmp_path / "in", f"{directory}/f", progress=False)
    assert capsys.readouterr().err == ""


def test_the_plain_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    out: Any = io.StringIO()
    with Bar(file=out) as bar:
        bar(vs.Progress("/a/one", 10, None))
        bar(vs.Progress("/a/one", 500, 1000))
        bar(vs.Progress("/a/two", 1000, 1000))
        bar(vs.Progress("/a/one", 1000, 1000))
    last = out.getvalue().rstrip("\n").rpartition("\r")[2].rstrip()
    assert last == f"2 files: [{'#' * 30}] 100% 2.0 kB of 2.0 kB"
    with Bar(file=out):
        pass
    sizes = {5: "5 B", 5_000: "5.0 kB", 5e9: "5.0 GB", 5e12: "5.0 TB"}
    from vtrix_sandbox.progress import _size

    assert {size: _size(size) for size in sizes} == sizes
