"""Exceptions: one class for each kind, standard ones where the meaning is the same."""

from __future__ import annotations

import builtins
import copy
import errno
import json
import pickle
from pathlib import Path

import pytest

import vtrix_sandbox as vs
from vtrix_sandbox import Client, Sandbox, _native, exceptions

KINDS = [kind for kind, *_ in _native.error_kinds()]
STANDARD = {
    "invalid_argument": ValueError,
    "local_io": OSError,
    "connect_failed": ConnectionError,
    "connect_timeout": builtins.TimeoutError,
    "connection_lost": ConnectionError,
    "timeout": builtins.TimeoutError,
    "tls_failed": ConnectionError,
    "proxy_refused": ConnectionError,
    "command_timed_out": builtins.TimeoutError,
    "not_found": LookupError,
    "command_not_found": LookupError,
    "file_not_found": builtins.FileNotFoundError,
    "not_a_directory": builtins.NotADirectoryError,
    "is_a_directory": builtins.IsADirectoryError,
    "permission_denied": PermissionError,
    "edit_no_match": ValueError,
    "edit_ambiguous": ValueError,
    "too_large": OSError,
    "no_space": OSError,
    "not_a_regular_file": OSError,
    "file_changed": OSError,
    "file_io": OSError,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_class_of_its_own(kind: str) -> None:
    error = exceptions._from_native(kind, "what happened", "read: what happened", operation="read")
    name = "".join(word.capitalize() for word in kind.split("_")) + "Error"
    assert type(error).__name__ == name
    assert type(error) is getattr(vs, name)
    assert error.kind == kind
    assert isinstance(error, STANDARD.get(kind, vs.SandboxError))
    assert (str(error), error.message, error.operation) == (
        "read: what happened",
        "what happened",
        "read",
    )
    assert type(error).__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_exceptions_travel_between_processes(kind: str) -> None:
    error = exceptions._from_native(kind, "m", "op: m", operation="op", code=-1, request_id="r")
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(copied) is type(error)
        assert (str(copied), copied.code, copied.request_id) == ("op: m", -1, "r")


def test_no_class_is_left_over() -> None:
    assert set(exceptions._CLASSES) == set(KINDS)
    assert len({number for _, number, _, _ in _native.error_kinds()}) == len(KINDS)


def test_the_table_of_the_documents() -> None:
    table = json.loads((Path(__file__).resolve().parents[2] / "docs" / "errors.json").read_text())
    rows = {row["kind"]: row for row in table["kinds"]}
    assert set(rows) == set(KINDS)
    for kind, row in rows.items():
        cls = getattr(vs, row["python"]["class"])
        assert cls.kind == kind
        base = row["python"]["base"]
        assert (STANDARD.get(kind) or type(None)) is getattr(builtins, base or "", type(None)), kind


def test_a_newer_kind_is_the_gateways() -> None:
    error = exceptions._from_native("from_the_future", "m", "m")
    assert isinstance(error, vs.GatewayError)
    assert error.kind == "from_the_future"


def test_files_are_what_the_builtins_say(sandbox: Sandbox) -> None:
    with pytest.raises(builtins.FileNotFoundError) as caught:
        sandbox.read("/no/such/file")
    error = caught.value
    assert isinstance(error, vs.FileNotFoundError)
    assert error.errno == errno.ENOENT
    assert error.kind == "file_not_found"
    assert not error.retryable
    assert "/no/such/file" in str(error)
    with pytest.raises(builtins.IsADirectoryError):
        sandbox.read("/etc")
    with pytest.raises(builtins.NotADirectoryError):
        sandbox.list_files("/etc/passwd")
    with pytest.raises(ValueError, match="path is empty"):
        sandbox.read("")


def test_a_connection_that_cannot_be() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(ConnectionError) as caught:
        client.list()
    error = caught.value
    assert isinstance(error, vs.ConnectFailedError)
    assert error.retryable


def test_the_request_is_named(client: Client) -> None:
    with pytest.raises(LookupError) as caught:
        client.get("no-such-sandbox")
    error = caught.value
    assert isinstance(error, vs.NotFoundError)
    assert error.request_id
    assert error.http_status == 404
    assert error.operation == "get"


def test_check_raises_like_subprocess(sandbox: Sandbox) -> None:
    with pytest.raises(vs.CommandFailedError, match="exited with 3") as caught:
        sandbox.run_command("echo out; echo err >&2; exit 3", check=True)
    error = caught.value
    assert (error.returncode, error.stdout, error.stderr) == (3, "out\n", "err\n")
    assert sorted(error.output) == sorted("out\nerr\n")
    assert error.command.exit_code == 3
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.returncode, str(copied)) == (3, str(error))
    assert sandbox.run_command("true", check=True).success


def test_a_timed_out_command_keeps_its_output(sandbox: Sandbox) -> None:
    with pytest.raises(builtins.TimeoutError) as caught:
        sandbox.run_command("echo before; sleep 600", timeout=0.3)
    error = caught.value
    assert isinstance(error, vs.CommandTimedOutError)
    assert error.command is not None
    assert error.command.output == "before\n"
    assert error.command.outcome == vs.TimedOut()
    assert pickle.loads(pickle.dumps(error)).command == error.command


def test_partial_failures_are_listed(sandbox: Sandbox, directory: str) -> None:
    with pytest.raises(vs.PartialError) as caught:
        sandbox.write_files({f"{directory}/good": b"x", "/etc": b"y", "/proc/self/x/y": b"z"})
    assert set(caught.value.failures) == {"/etc", "/proc/self/x/y"}
    assert isinstance(caught.value.failures["/etc"], vs.SandboxError)
    assert sandbox.read_to_buffer(f"{directory}/good") == b"x"
